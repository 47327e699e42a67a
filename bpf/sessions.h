/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A mapping's first session is in its slot; further ones are in the map `sessions`, an open-addressed table made and
 * swept by the same rules as slots. The lock of the slice that owns the mapping is held while one is made.
 */
#ifndef NATGW_SESSIONS_H
#define NATGW_SESSIONS_H

#include "counters.h"
#include "maps.h"
#include "slots.h"
#include "tcp_state.h"

#define SESSION_WINDOW 16

static __always_inline __u64 session_claim(__u32 slot, __u16 generation, __u64 state)
{
	return (__u64)slot << 32 | (__u64)(generation & GENERATION_MASK) << 2 | state;
}

static __always_inline __u32 session_hash(__u64 secret, __u32 slot, __be32 remote, __be16 port)
{
	__u64 h = ((__u64)remote << 32 | slot) ^ secret;

	h *= 0x9fb21c651e98df25ull;
	h ^= h >> 32;
	h += (__u64)port * 0xd6e8feb86659fd93ull;
	h *= (secret | 1);
	return h >> 32;
}

static __always_inline int session_is(const struct session_data *data, __be32 remote, __be16 port)
{
	return data->remote == remote && data->remote_port == port;
}

static __always_inline int session_alive(const struct session_data *data, __u32 now)
{
	return !time_reached(now, data->expires);
}

/* The index in the window of (slot, remote) whose claim is `want`, 0 for a free one; or -1. */
static __always_inline int session_window(__u32 slot, __be32 remote, __u32 port, __u64 want)
{
	__u32 zero = 0, start;
	struct settings *s = bpf_map_lookup_elem(&settings, &zero);

	if (!s)
		return -1;
	start = session_hash(s->session_secret, slot, remote, port);
	for (__u32 i = 0; i < SESSION_WINDOW; i++) {
		__u32 index = (start + i) & s->session_mask;
		struct session *session = bpf_map_lookup_elem(&sessions, &index);

		if (!session)
			return -1;
		if (*(volatile __u64 *)&session->claim == want &&
		    (!want || session_is(&session->session, remote, port)))
			return index;
	}
	return -1;
}

/*
 * The index of the spilled session of (slot, generation) with this remote, dead or alive, or -1. Functions that are
 * verified on their own, like slot_search().
 */
__noinline int session_search(__u32 slot, __u32 generation, __be32 remote, __u32 port)
{
	return session_window(slot, remote, port, session_claim(slot, generation, CLAIM_LIVE));
}

/* The index of an entry that a session with this remote may take, or -1. */
__noinline int session_search_free(__u32 slot, __be32 remote, __u32 port)
{
	return session_window(slot, remote, port, CLAIM_FREE);
}

/* The live session of a mapping with this remote, or NULL. */
static __always_inline struct session_data *session_lookup(struct slot *slot, __u32 slot_index, __be32 remote,
							   __be16 port, __u32 now)
{
	struct session *spilled;
	__u32 index;
	int found;

	if (likely(session_is(&slot->session, remote, port)))
		return session_alive(&slot->session, now) ? &slot->session : NULL;
	if (!(slot->flags & SLOT_SPILLED))
		return NULL;
	found = session_search(slot_index, slot->generation, remote, port);
	if (found < 0)
		return NULL;
	index = found;
	spilled = bpf_map_lookup_elem(&sessions, &index);
	return spilled && session_alive(&spilled->session, now) ? &spilled->session : NULL;
}

/* A packet of a live session: new TCP state, new lease of life for it and its mapping, one more to count. */
static __always_inline void session_touch(const struct settings *s, struct slot *slot, struct session_data *data,
					  __u32 protocol, __u8 tcp_flags, __u32 length, __u32 now, int from_inside)
{
	__u8 state = data->tcp_state;
	__u32 expires;

	if (protocol == NAT_PROTOCOL_TCP) {
		__u8 next = tcp_next_state(state, tcp_flags, from_inside);

		if (next != state)
			data->tcp_state = state = next;
	}
	expires = now + session_timeout(s, protocol, state);
	data->expires = expires;
	if (!time_reached(slot->expires, expires))
		slot->expires = expires;
	else if (state >= TCP_CLOSING && !(slot->flags & SLOT_SPILLED))
		slot->expires = expires; /* its only session ends, so it does */
	if (from_inside) {
		data->out_packets++;
		data->out_bytes += length;
	} else {
		data->in_packets++;
		data->in_bytes += length;
	}
}

static __always_inline void session_init(struct session_data *data, __be32 remote, __be16 port, __u32 protocol,
					 const struct settings *s, __u16 next_hop, __u32 now)
{
	__u8 state = protocol == NAT_PROTOCOL_TCP ? TCP_OPENING : TCP_NONE;

	data->remote = remote;
	data->remote_port = port;
	data->tcp_state = state;
	data->reserved = 0;
	data->created = now;
	data->route_generation = s->route_generation;
	data->next_hop = next_hop;
	data->out_packets = 0;
	data->in_packets = 0;
	data->out_bytes = 0;
	data->in_bytes = 0;
	data->expires = now + session_timeout(s, protocol, state);
}

#endif
