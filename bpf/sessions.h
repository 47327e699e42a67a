/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A mapping's first session is in its slot; further ones are in the map `sessions`, an open-addressed table. The lock
 * of the slice that owns the mapping is held while one is added, renewed or removed.
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

static __always_inline __u64 remote_make(__be32 address, __be16 port)
{
	return (__u64)bpf_ntohl(address) << REMOTE_ADDRESS_SHIFT | bpf_ntohs(port);
}

static __always_inline __be32 remote_address(__u64 remote)
{
	return bpf_htonl(remote >> REMOTE_ADDRESS_SHIFT);
}

/* Two hashes, one in each half. Keyed, so that nobody can choose remotes that crowd a part of the table. */
static __always_inline __u64 session_hash(__u64 secret, __u32 slot, __u64 remote)
{
	__u64 h = remote ^ secret;

	h *= 0x9fb21c651e98df25ull;
	h ^= h >> 32;
	h += (__u64)slot * 0xd6e8feb86659fd93ull;
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

static __always_inline bool route_is_current(__u32 word, __u32 generation)
{
	return word >> ROUTE_HOP_BITS == generation << ROUTE_HOP_BITS >> ROUTE_HOP_BITS;
}

static __always_inline bool session_alive(const struct session *session, __u32 now)
{
	return !time_reached(now, session->expires);
}

/* Index in a window of (slot, remote), by the first or the second hash, of the entry that is this remote's and whose
 * mapping word is `wanted`; of a free entry for WORD_FREE. -1 for none. */
static __always_inline int session_window_lookup(__u32 slot_number, __u64 remote, __u64 wanted, __u32 second)
{
	__u32 zero = 0, start;
	struct settings *s = bpf_map_lookup_elem(&settings, &zero);
	__u64 hash, mapping;

	if (!s)
		return -1;
	hash = session_hash(s->session_secret, slot_number, remote);
	start = second ? hash : hash >> 32;
	for (__u32 i = 0; i < SESSION_WINDOW; i++) {
		__u32 index = (start + i) & s->session_mask;
		struct session_entry *entry = bpf_map_lookup_elem(&sessions, &index);

		if (!entry)
			return -1;
		mapping = READ_ONCE(entry->mapping);
		if (mapping != wanted)
			continue;
		entry = load_acquire(entry, mapping);
		if (wanted == WORD_FREE || entry->session.remote == remote)
			return index + load_dependency(mapping);
	}
	return -1;
}

/* Index of the mapping's further session with this remote, dead or alive, or -1. Verified apart from its callers, as
 * slot_lookup_slow(). */
__noinline int session_lookup_slow(__u32 slot_number, __u32 generation, __u64 remote, __u32 second)
{
	return session_window_lookup(slot_number, remote, word_make(slot_number, generation, WORD_LIVE), second);
}

/* Index of an entry that a session with this remote may take, or -1. */
__noinline int session_find_free(__u32 slot_number, __u64 remote, __u32 second)
{
	return session_window_lookup(slot_number, remote, WORD_FREE, second);
}

static __always_inline int session_lookup_further(const struct slot *slot, __u32 slot_number, __u64 remote)
{
	__u32 generation = word_generation(READ_ONCE(slot->owner));
	int found = session_lookup_slow(slot_number, generation, remote, 0);

	if (found < 0 && slot->session.flags & SLOT_SECOND_HASH)
		found = session_lookup_slow(slot_number, generation, remote, 1);
	return found;
}

/* The live session of a mapping with this remote, or NULL. */
static __always_inline struct session *session_lookup(struct slot *slot, __u32 slot_number, __u64 remote, __u32 now)
{
	struct session_entry *entry;
	__u32 index;
	int found;

	if (likely(slot->session.remote == remote))
		return session_alive(&slot->session, now) ? &slot->session : NULL;
	if (!READ_ONCE(slot->further))
		return NULL;
	found = session_lookup_further(slot, slot_number, remote);
	if (found < 0)
		return NULL;
	index = found;
	entry = bpf_map_lookup_elem(&sessions, &index);
	return entry && session_alive(&entry->session, now) ? &entry->session : NULL;
}

/* What the inside would take at most (RFC 9293 §3.10.7.4), from `sequence` of the session on. */
static __always_inline __u32 session_window_size(const struct session *session)
{
	return (session->window + 1u) << 8 << (session->tcp >> SESSION_TCP_SCALE);
}

/* A segment that is not one of many in an established connection. Returns whether the timer of the state begins. */
static __always_inline bool tcp_advance(struct session *session, const struct packet *p, const struct tcphdr *tcp,
					const void *data_end, int from_inside)
{
	const __u8 flags = p->tcp_flags, begins = TCP_FLAG_SYN_BIT | TCP_FLAG_ACK_BIT;
	__u32 state = session->tcp & SESSION_TCP_STATE, sequence = bpf_ntohl(tcp->seq);
	__u32 payload = p->length - p->ip->ihl * 4 - tcp->doff * 4;
	int next;

	if (from_inside) {
		next = tcp_next_inside(state, flags, sequence, session->sequence);
	} else {
		/* A FIN is behind its payload. */
		__u32 end = flags & TCP_FLAG_RST_BIT ? sequence : sequence + payload;

		next = tcp_next_outside(state, flags, end - session->sequence <= session_window_size(session),
					bpf_ntohl(tcp->ack_seq) - session->sequence - 1 <= TCP_SYN_DATA);
	}
	state = next & SESSION_TCP_STATE;
	if (state != (session->tcp & SESSION_TCP_STATE))
		session->tcp = (session->tcp & ~SESSION_TCP_STATE) | state;
	if (!from_inside || flags & TCP_FLAG_RST_BIT)
		return next & TCP_RESTART;
	if (state == TCP_OPENING || state == TCP_HALF_OPEN) {
		if ((flags & begins) == TCP_FLAG_SYN_BIT) {
			session->sequence = sequence;
			session->tcp = state | tcp_window_scale(tcp, data_end) << SESSION_TCP_SCALE;
		}
	} else if (flags & TCP_FLAG_ACK_BIT) {
		session->sequence = bpf_ntohl(tcp->ack_seq);
		session->window = bpf_ntohs(tcp->window) >> 8;
	}
	return next & TCP_RESTART;
}

/*
 * Whether the packet gives the session a new lease of life. UDP from outside does where it is accepted (RFC 4787 REQ-6,
 * RFC 7857 §7), unless settings say otherwise; an answer to a ping, which follows the request, does not.
 */
static __always_inline bool session_renews(const struct settings *s, struct session *session, const struct packet *p,
					   const void *data_end, int from_inside)
{
	const __u8 bits = TCP_FLAG_SYN_BIT | TCP_FLAG_ACK_BIT | TCP_FLAG_RST_BIT | TCP_FLAG_FIN_BIT;
	const struct tcphdr *tcp = p->l4;

	if (p->protocol == NAT_PROTOCOL_UDP)
		return from_inside || !(s->flags & SETTINGS_UDP_OUTBOUND_REFRESH);
	if (p->protocol != NAT_PROTOCOL_TCP)
		return from_inside;
	if (likely((p->tcp_flags & bits) == TCP_FLAG_ACK_BIT &&
		   (session->tcp & SESSION_TCP_STATE) == TCP_ESTABLISHED)) {
		if (!from_inside)
			return 0;
		session->sequence = bpf_ntohl(tcp->ack_seq);
		session->window = bpf_ntohs(tcp->window) >> 8;
		return 1;
	}
	return tcp_advance(session, p, tcp, data_end, from_inside);
}

/* A packet of a live session: new TCP state, perhaps a new lease of life, one more to count. */
static __always_inline void session_touch(const struct settings *s, struct session *session, const struct packet *p,
					  const void *data_end, __u32 now, int from_inside)
{
	if (session_renews(s, session, p, data_end, from_inside))
		session->expires = now + session_timeout(s, p->protocol, session->tcp & SESSION_TCP_STATE);
	if (from_inside) {
		session->out_packets++;
		session->out_bytes += p->length;
	} else {
		session->in_packets++;
		session->in_bytes += p->length;
	}
}

static __always_inline void session_init(struct session *session, __u64 remote, __u32 protocol, __u16 flags,
					 const struct settings *s, __u16 next_hop, __u32 now)
{
	__u8 state = protocol == NAT_PROTOCOL_TCP ? TCP_OPENING : TCP_NONE;

	session->remote = remote;
	session->tcp = state;
	session->window = 0;
	session->flags = flags;
	session->route = route_word(s->route_generation, next_hop);
	session->sequence = 0;
	session->out_packets = 0;
	session->in_packets = 0;
	session->out_bytes = 0;
	session->in_bytes = 0;
	session->expires = now + session_timeout(s, protocol, state);
}

#endif
