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

_Static_assert((int)MAX_NEXT_HOPS <= 1 << ROUTE_HOP_BITS,
	       "a session's word `route` has no room for an index of next_hops");

static __always_inline __u64 session_claim(__u32 slot, __u16 generation, __u64 state)
{
	return (__u64)slot << 32 | (__u64)(generation & GENERATION_MASK) << 2 | state;
}

/* Two hashes, one in each half. Keyed, so that nobody can choose remotes that crowd a part of the table. */
static __always_inline __u64 session_hash(__u64 secret, __u32 slot, __be32 remote, __be16 port)
{
	__u64 h = ((__u64)remote << 32 | slot) ^ secret;

	h *= 0x9fb21c651e98df25ull;
	h ^= h >> 32;
	h += (__u64)port * 0xd6e8feb86659fd93ull;
	h ^= h >> 29;
	h *= (secret | 1);
	h ^= h >> 32;
	h *= 0x9fb21c651e98df25ull;
	return h ^ h >> 29;
}

/* The routes as they were when the next hop was found, and the next hop. */
static __always_inline __u32 route_word(__u32 generation, __u32 next_hop)
{
	return generation << ROUTE_HOP_BITS | (next_hop & (MAX_NEXT_HOPS - 1));
}

static __always_inline int route_is_current(__u32 word, __u32 generation)
{
	return word >> ROUTE_HOP_BITS == generation << ROUTE_HOP_BITS >> ROUTE_HOP_BITS;
}

static __always_inline int session_is(const struct session_data *data, __be32 remote, __be16 port)
{
	return data->remote == remote && data->remote_port == port;
}

static __always_inline int session_alive(const struct session_data *data, __u32 now)
{
	return !time_reached(now, data->expires);
}

/* The index in a window of (slot, remote), the first or the second, whose claim is `want`, 0 for a free one; or -1. */
static __always_inline int session_window(__u32 slot, __be32 remote, __u32 port, __u64 want, __u32 second)
{
	__u32 zero = 0, start;
	struct settings *s = bpf_map_lookup_elem(&settings, &zero);
	__u64 hash, claim;

	if (!s)
		return -1;
	hash = session_hash(s->session_secret, slot, remote, port);
	start = second ? hash : hash >> 32;
	for (__u32 i = 0; i < SESSION_WINDOW; i++) {
		__u32 index = (start + i) & s->session_mask;
		struct session *session = bpf_map_lookup_elem(&sessions, &index);

		if (!session)
			return -1;
		claim = READ_ONCE(session->claim);
		if (claim != want)
			continue;
		session = load_acquire(session, claim);
		if (!want || session_is(&session->session, remote, port))
			return index + load_dependency(claim);
	}
	return -1;
}

/*
 * The index of the spilled session of (slot, generation) with this remote, dead or alive, or -1. Functions that are
 * verified on their own, like slot_lookup_slow().
 */
__noinline int session_search_in(__u32 slot, __u32 generation, __be32 remote, __u32 port, __u32 second)
{
	return session_window(slot, remote, port, session_claim(slot, generation, CLAIM_LIVE), second);
}

/* The index of an entry that a session with this remote may take, or -1. */
__noinline int session_search_free(__u32 slot, __be32 remote, __u32 port, __u32 second)
{
	return session_window(slot, remote, port, CLAIM_FREE, second);
}

static __always_inline int session_search(const struct slot *slot, __u32 slot_index, __be32 remote, __u32 port)
{
	int found = session_search_in(slot_index, slot->generation, remote, port, 0);

	if (found < 0 && slot->flags & SLOT_SECOND)
		found = session_search_in(slot_index, slot->generation, remote, port, 1);
	return found;
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
	found = session_search(slot, slot_index, remote, port);
	if (found < 0)
		return NULL;
	index = found;
	spilled = bpf_map_lookup_elem(&sessions, &index);
	return spilled && session_alive(&spilled->session, now) ? &spilled->session : NULL;
}

/* What the inside would take at most (RFC 9293 §3.10.7.4), from `sequence` of the session on. */
static __always_inline __u32 session_window_size(const struct session_data *data)
{
	return (data->window + 1u) << 8 << (data->tcp >> SESSION_TCP_SCALE);
}

/* A segment that is not one of many in an established connection. Returns whether the timer of the state begins. */
static __always_inline int tcp_advance(struct session_data *data, const struct packet *p, const struct tcphdr *tcp,
				       const void *data_end, int from_inside)
{
	const __u8 flags = p->tcp_flags, begins = TCP_FLAG_SYN_BIT | TCP_FLAG_ACK_BIT;
	__u32 state = data->tcp & SESSION_TCP_STATE, sequence = bpf_ntohl(tcp->seq);
	__u32 payload = p->length - p->ip->ihl * 4 - tcp->doff * 4;
	int next;

	if (from_inside) {
		next = tcp_next_inside(state, flags, sequence, data->sequence);
	} else {
		/* A FIN is behind its payload. */
		__u32 position = flags & TCP_FLAG_RST_BIT ? sequence : sequence + payload;

		next = tcp_next_outside(state, flags, position - data->sequence <= session_window_size(data),
					bpf_ntohl(tcp->ack_seq) - data->sequence - 1 <= TCP_SYN_DATA);
	}
	state = next & SESSION_TCP_STATE;
	if (state != (data->tcp & SESSION_TCP_STATE))
		data->tcp = (data->tcp & ~SESSION_TCP_STATE) | state;
	if (!from_inside || flags & TCP_FLAG_RST_BIT)
		return next & TCP_RESTART;
	if (state == TCP_OPENING || state == TCP_HALF_OPEN) {
		if ((flags & begins) == TCP_FLAG_SYN_BIT) {
			data->sequence = sequence;
			data->tcp = state | tcp_window_scale(tcp, data_end) << SESSION_TCP_SCALE;
		}
	} else if (flags & TCP_FLAG_ACK_BIT) {
		data->sequence = bpf_ntohl(tcp->ack_seq);
		data->window = bpf_ntohs(tcp->window) >> 8;
	}
	return next & TCP_RESTART;
}

/*
 * Whether the packet gives the session a new lease of life. UDP from outside does where it is accepted (RFC 4787 REQ-6,
 * RFC 7857 §7), unless settings say otherwise; an answer to a ping, which follows the request, does not.
 */
static __always_inline int session_renews(const struct settings *s, struct session_data *data, const struct packet *p,
					  const void *data_end, int from_inside)
{
	const __u8 bits = TCP_FLAG_SYN_BIT | TCP_FLAG_ACK_BIT | TCP_FLAG_RST_BIT | TCP_FLAG_FIN_BIT;
	const struct tcphdr *tcp = p->l4;

	if (p->protocol == NAT_PROTOCOL_UDP)
		return from_inside || !(s->flags & SETTINGS_UDP_OUTBOUND_REFRESH);
	if (p->protocol != NAT_PROTOCOL_TCP)
		return from_inside;
	if (likely((p->tcp_flags & bits) == TCP_FLAG_ACK_BIT && (data->tcp & SESSION_TCP_STATE) == TCP_ESTABLISHED)) {
		if (!from_inside)
			return 0;
		data->sequence = bpf_ntohl(tcp->ack_seq);
		data->window = bpf_ntohs(tcp->window) >> 8;
		return 1;
	}
	return tcp_advance(data, p, tcp, data_end, from_inside);
}

/* A packet of a live session: new TCP state, perhaps a new lease of life, one more to count. */
static __always_inline void session_touch(const struct settings *s, struct session_data *data, const struct packet *p,
					  const void *data_end, __u32 now, int from_inside)
{
	if (session_renews(s, data, p, data_end, from_inside))
		data->expires = now + session_timeout(s, p->protocol, data->tcp & SESSION_TCP_STATE);
	if (from_inside) {
		data->out_packets++;
		data->out_bytes += p->length;
	} else {
		data->in_packets++;
		data->in_bytes += p->length;
	}
}

static __always_inline void session_init(struct session_data *data, __be32 remote, __be16 port, __u32 protocol,
					 const struct settings *s, __u16 next_hop, __u32 now)
{
	__u8 state = protocol == NAT_PROTOCOL_TCP ? TCP_OPENING : TCP_NONE;

	data->remote = remote;
	data->remote_port = port;
	data->tcp = state;
	data->window = 0;
	data->created = now;
	data->route = route_word(s->route_generation, next_hop);
	data->sequence = 0;
	data->out_packets = 0;
	data->in_packets = 0;
	data->out_bytes = 0;
	data->in_bytes = 0;
	data->expires = now + session_timeout(s, protocol, state);
}

#endif
