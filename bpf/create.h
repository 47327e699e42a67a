/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The first packet of a flow: a mapping where the inside endpoint has none, and a session. */
#ifndef NATGW_CREATE_H
#define NATGW_CREATE_H

#include "host.h"
#include "limits.h"
#include "route.h"
#include "sessions.h"
#include "slots.h"

/*
 * What flow_check() and flow_make() are told and tell. Plain numbers: they are verified on their own, apart from the
 * programs that call them.
 */
struct flow_request {
	__u32 slice;
	__u32 protocol;
	__u32 epoch; /* of the slice's owner, when the slice was looked up */
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
	__u32 bucket;
	__u32 tcp_flags;
	__u32 icmp_type;
	__u32 now;
	/* out */
	__u32 next_hop; /* index into `next_hops`, by flow_check() */
	__u32 offset;	/* of the mapping's slot in its range */
	__s32 session;	/* index into `sessions`, -1 for the session in the slot */
};

struct new_flow {
	struct flow_request *request;
	struct settings *settings;
	struct binding *slice;
	struct slice_state *state;
};

static __always_inline __u64 request_endpoint(const struct flow_request *request)
{
	return endpoint_make(request->epoch, request->source_port);
}

static __always_inline __u64 request_remote(const struct flow_request *request)
{
	return remote_make(request->destination, request->destination_port);
}

/* A session begins: in its mapping's slot with the slot's flags, or in an entry of `sessions` with none. */
static __always_inline void flow_session_init(const struct new_flow *flow, struct session *session, __u32 *created,
					      __u16 flags)
{
	const struct flow_request *request = flow->request;

	*created = request->now;
	session_init(session, request_remote(request), request->protocol, flags, flow->settings, request->next_hop,
		     request->now);
}

/* Fills a slot whose owner word this CPU made BUSY, and makes it visible. The mapping has no further sessions yet. */
static __always_inline void slot_publish(struct new_flow *flow, struct slot *slot, __u32 generation, __u16 flags)
{
	WRITE_ONCE(slot->further, 0);
	flow_session_init(flow, &slot->session, &slot->created, flags);
	store_release(&slot->owner, owner_make(request_endpoint(flow->request), generation, WORD_LIVE));
	count(COUNTER_MAPPINGS_CREATED, 1);
}

static __always_inline void usage_raise(struct slice_state *state, __u32 protocol)
{
	__u32 index = protocol_index(protocol);
	__u32 used = fetch_add(&state->used[index], 1) + 1;

	if (used > state->peak[index])
		state->peak[index] = used;
}

/* A new mapping, in its probe window or else in any free slot. Caller holds the lock. */
static __always_inline enum drop_reason mapping_make(struct new_flow *flow, const struct slot_range *range)
{
	struct slice_state *state = flow->state;
	__u32 protocol = flow->request->protocol;
	__u16 flags = 0;
	struct slot *slot;
	__u64 owner;
	__u16 *port;
	__s32 free, distance;

	if (state->used[protocol_index(protocol)] >= range->size) {
		fetch_add(&state->refused, 1);
		return DROP_SLICE_FULL;
	}
	distance = window_find_free(flow->request->slice, protocol, flow->request->bucket);
	if (distance >= 0) {
		free = flow->request->bucket + distance;
	} else {
		free = range_find_free(flow->request->slice, protocol, flow->request->bucket);
		if (free < 0) {
			fetch_add(&state->refused, 1);
			return DROP_SLICE_FULL;
		}
		flags = SLOT_OVERFLOW;
	}
	slot = range_slot(range, free);
	port = range_port(range, free);
	if (!slot || !port)
		return DROP_CONTENDED;
	/* Free slots are taken under the lock only, so this one cannot be lost. */
	owner = READ_ONCE(slot->owner);
	if (word_state(owner) != WORD_FREE || compare_exchange(&slot->owner, owner, word_busy(owner)) != owner)
		return DROP_CONTENDED;
	*port = bpf_ntohs(flow->request->source_port);
	if (flags & SLOT_OVERFLOW) {
		chain_add(range, flow->request->bucket, free);
		fetch_add(&state->overflow[protocol_index(protocol)], 1);
	}
	slot_mark_taken(range, free);
	usage_raise(state, protocol);
	slot_publish(flow, slot, word_generation(owner) + 1, flags);
	flow->request->offset = free;
	return DROP_NONE;
}

/* The expired session at `index` of `sessions`, whose remote is asked for again, lives again. Caller holds the lock. */
static __always_inline enum drop_reason session_renew(struct new_flow *flow, __u32 index, __u64 live)
{
	struct session_entry *entry = bpf_map_lookup_elem(&sessions, &index);

	if (!entry)
		return DROP_CONTENDED;
	flow->request->session = index;
	if (session_alive(&entry->session, flow->request->now))
		return DROP_NONE; /* another CPU was first */
	if (compare_exchange(&entry->mapping, live, word_busy(live)) != live)
		return DROP_CONTENDED;
	flow_session_init(flow, &entry->session, &entry->created, 0);
	store_release(&entry->mapping, live);
	return DROP_NONE;
}

/* One more entry of `sessions` for the mapping in `slot`. Caller holds the lock; other slices take entries at the same
 * time. */
static __always_inline enum drop_reason session_add(struct new_flow *flow, struct slot *slot, __u32 slot_number,
						    __u64 live)
{
	struct flow_request *request = flow->request;
	__u32 zero = 0, *total = bpf_map_lookup_elem(&session_use, &zero), index;
	__u64 remote = request_remote(request);
	struct session_entry *entry;
	__u16 flags = 0;
	int found;

	if (!session_allowed(flow->settings, flow->state))
		return DROP_SESSION_LIMIT;
	found = session_find_free(slot_number, remote, 0);
	if (found < 0) {
		flags = SLOT_SECOND_HASH;
		found = session_find_free(slot_number, remote, 1);
	}
	index = found;
	entry = found < 0 ? NULL : bpf_map_lookup_elem(&sessions, &index);
	if (!entry || !total)
		return DROP_SESSION_TABLE_FULL;
	if (compare_exchange(&entry->mapping, WORD_FREE, word_busy(live)) != WORD_FREE)
		return DROP_CONTENDED;
	/* Counted before it is visible: no mapping or slice has more than is counted. */
	slot->session.flags |= flags;
	WRITE_ONCE(slot->further, slot->further + 1);
	fetch_add(&flow->state->sessions, 1);
	fetch_add(total, 1);
	entry->slice = request->slice;
	flow_session_init(flow, &entry->session, &entry->created, 0);
	store_release(&entry->mapping, live);
	request->session = index;
	return DROP_NONE;
}

/*
 * A session of the living mapping in `slot` with a remote that has none alive. Caller holds the lock. The slot and all
 * entries where the remote may have a session are looked at first, so that it never has two.
 */
static __always_inline enum drop_reason session_make(struct new_flow *flow, struct slot *slot, __u32 slot_number)
{
	__u64 live = word_make(slot_number, word_generation(READ_ONCE(slot->owner)), WORD_LIVE);
	__u64 remote = request_remote(flow->request);
	int own_alive = session_alive(&slot->session, flow->request->now), found;

	if (slot->session.remote == remote) {
		if (!own_alive)
			flow_session_init(flow, &slot->session, &slot->created, slot->session.flags);
		return DROP_NONE;
	}
	found = session_lookup_further(slot, slot_number, remote);
	if (found >= 0)
		return session_renew(flow, found, live);
	if (own_alive)
		return session_add(flow, slot, slot_number, live);
	flow_session_init(flow, &slot->session, &slot->created, slot->session.flags);
	return DROP_NONE;
}

static __always_inline enum drop_reason flow_make_locked(struct new_flow *flow)
{
	struct flow_request *request = flow->request;
	__u64 endpoint = request_endpoint(request);
	struct slot *slot;
	struct slot_range range;
	__s32 offset;
	__u64 owner;

	/* The slice may have changed hands since it was looked up. */
	if (flow->slice->kind != BINDING_NAT_SLICE || READ_ONCE(flow->slice->epoch) != request->epoch)
		return DROP_NO_SLICE;
	if (!range_open(&range, flow->slice, flow->request->protocol))
		return DROP_NO_SLICE;
	offset = slot_lookup_slow(request->slice, request->protocol, endpoint, request->bucket);
	if (offset == CHAIN_FULL) {
		fetch_add(&flow->state->refused, 1);
		return DROP_SLICE_FULL;
	}
	if (offset < 0)
		return mapping_make(flow, &range);
	slot = range_slot(&range, offset);
	if (!slot)
		return DROP_NO_SLICE;

	owner = READ_ONCE(slot->owner);
	if (owner_endpoint(owner) != endpoint || word_state(owner) != WORD_LIVE)
		return DROP_CONTENDED;
	flow->request->offset = offset;
	if (slot_alive(slot, request->now))
		return session_make(flow, slot, slice_first_slot(flow->slice, request->protocol) + offset);
	/* Expired, not freed yet: the same port serves its endpoint again. */
	if (compare_exchange(&slot->owner, owner, word_busy(owner)) != owner)
		return DROP_CONTENDED;
	slot_publish(flow, slot, word_generation(owner) + 1, slot->session.flags & SLOT_OVERFLOW);
	return DROP_NONE;
}

/* Places that no flow may be opened to by way of the gateway. */
static __always_inline bool destination_refused(__u32 vni, __be32 destination)
{
	struct interface_key inside = {.vni = vni, .address = destination};
	struct address_key nat = {.address = destination};
	__u32 host = bpf_ntohl(destination);
	__u32 first = host >> 24;

	if (first == 0 || first == 127 || first >= 224 || (host >> 16) == 0xa9fe)
		return true;
	return bpf_map_lookup_elem(&interfaces, &inside) || bpf_map_lookup_elem(&addresses, &nat);
}

/* Whether flows begin with such a packet. */
static __always_inline enum drop_reason flow_may_begin(__u32 protocol, __u32 tcp_flags, __u32 icmp_type)
{
	const __u32 bits = TCP_FLAG_SYN_BIT | TCP_FLAG_ACK_BIT | TCP_FLAG_RST_BIT | TCP_FLAG_FIN_BIT;

	if (protocol == NAT_PROTOCOL_TCP && (tcp_flags & bits) != TCP_FLAG_SYN_BIT)
		return DROP_TCP_NOT_SYN;
	return protocol == NAT_PROTOCOL_ICMP && icmp_type != ICMP_ECHO ? DROP_ICMP_TYPE : DROP_NONE;
}

/*
 * Why a packet that would open a flow ends here because its slice has no port left, or not another session; counted
 * then. Asked before anything else: a sender at its limit goes on sending. `slot`: of the inside endpoint, or NULL.
 */
static __always_inline enum drop_reason flow_refusal(const struct settings *s, const struct binding *slice,
						     __u32 slice_index, const struct slot *slot, const struct packet *p,
						     __u32 now)
{
	struct slice_state *state = bpf_map_lookup_elem(&slice_states, &slice_index);
	enum drop_reason reason = DROP_NONE;

	if (!state || p->protocol >= NAT_PROTOCOLS)
		return DROP_NONE;
	if (!slot && state->used[p->protocol] >= slice->size)
		reason = DROP_SLICE_FULL;
	else if (slot && slot_alive(slot, now) && session_alive(&slot->session, now) && !session_allowed(s, state))
		reason = DROP_SESSION_LIMIT;
	if (reason == DROP_NONE || flow_may_begin(p->protocol, p->tcp_flags, p->icmp_type) != DROP_NONE)
		return DROP_NONE;
	if (reason == DROP_SLICE_FULL) {
		fetch_add(&state->refused, 1);
		report(EVENT_SLICE_FULL, slice_index, 0, p->protocol, s->hz);
	}
	return reason;
}

/* May a packet without a live session, not for the host, open one, and by which way? Fills in the next hop. */
__noinline enum drop_reason flow_check(struct flow_request *request)
{
	struct settings *s;
	struct binding *slice;
	struct slice_state *state;
	__u32 zero = 0, index;
	enum drop_reason reason;

	if (!request)
		return DROP_INTERNAL;
	index = request->slice;
	s = bpf_map_lookup_elem(&settings, &zero);
	slice = bpf_map_lookup_elem(&slices, &index);
	state = bpf_map_lookup_elem(&slice_states, &index);
	if (!s || !slice || !state)
		return DROP_NO_SLICE;

	reason = flow_may_begin(request->protocol, request->tcp_flags, request->icmp_type);
	if (reason != DROP_NONE)
		return reason;
	if (!flow_rate_allows(s, state, request->now))
		return DROP_FLOW_RATE;
	if (destination_refused(slice->vni, request->destination))
		return DROP_DESTINATION;
	return route_lookup(request->destination, index, s->hz, &request->next_hop);
}

/* The mapping, where there is none, and the session. */
__noinline enum drop_reason flow_make(struct flow_request *request)
{
	struct new_flow flow = {.request = request};
	__u32 zero = 0, index;
	enum drop_reason reason;

	if (!request)
		return DROP_INTERNAL;
	index = request->slice;
	flow.settings = bpf_map_lookup_elem(&settings, &zero);
	flow.slice = bpf_map_lookup_elem(&slices, &index);
	flow.state = bpf_map_lookup_elem(&slice_states, &index);
	if (!flow.settings || !flow.slice || !flow.state)
		return DROP_NO_SLICE;
	request->session = -1;

	if (!slice_lock(flow.state))
		return DROP_CONTENDED;
	reason = flow_make_locked(&flow);
	slice_unlock(flow.state);
	if (reason == DROP_NONE)
		count(COUNTER_SESSIONS_CREATED, 1);
	else if (reason == DROP_SLICE_FULL)
		report(EVENT_SLICE_FULL, index, 0, request->protocol, flow.settings->hz);
	return reason;
}

/*
 * A packet without a live session. Two calls, one after the other, so that what they need of the stack does not add up:
 * Linux 6.1 allows 512 bytes for a chain of calls, each rounded up to 32.
 */
static __always_inline enum drop_reason flow_open(struct flow_request *request)
{
	enum drop_reason reason = flow_check(request);

	return reason == DROP_NONE ? flow_make(request) : reason;
}

#endif
