/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The first packet of a flow: a mapping where the inside endpoint has none, and a session. */
#ifndef NATGW_CREATE_H
#define NATGW_CREATE_H

#include "host.h"
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
	__be32 source;
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
	__u32 start; /* of the probe window */
	__u32 tcp_flags;
	__u32 icmp_type;
	__u32 now;
	/* out */
	__u32 next_hop; /* index into `next_hops`, by flow_check() */
	__u32 offset;  /* of the mapping's slot in the run */
	__s32 session; /* index into `sessions`, -1 for the session in the slot */
};

struct new_flow {
	struct flow_request *request;
	struct settings *settings;
	struct slice *slice;
	struct slice_state *state;
};

/* Fills a slot that this CPU holds by a BUSY claim, and lets everyone see it. */
static __always_inline void slot_publish(struct new_flow *flow, struct slot *slot, __u16 flags)
{
	__u16 generation = (slot->generation + 1) & GENERATION_MASK;

	slot->generation = generation;
	slot->flags = flags;
	session_init(&slot->session, flow->request->destination, flow->request->destination_port,
		     flow->request->protocol, flow->settings, flow->request->next_hop, flow->request->now);
	slot->expires = slot->session.expires;
	__sync_lock_test_and_set(&slot->claim,
				 claim_make(flow->request->source, flow->request->source_port, generation, CLAIM_LIVE));
	count(COUNTER_MAPPINGS_CREATED, 1);
}

static __always_inline void usage_raise(struct slice_state *state, __u32 protocol)
{
	__u32 index = protocol_index(protocol);
	__u32 used = __sync_fetch_and_add(&state->used[index], 1) + 1;

	if (used > state->peak[index])
		state->peak[index] = used;
}

/* A new mapping, in its probe window or else wherever the bitmap has a free slot. Lock held. */
static __always_inline int mapping_make(struct new_flow *flow, const struct run *run)
{
	struct slice_state *state = flow->state;
	__u64 busy = claim_make(flow->request->source, flow->request->source_port, 0, CLAIM_BUSY);
	__u32 protocol = flow->request->protocol;
	__u16 flags = 0;
	struct slot *slot;
	__u16 *port;
	__s32 free, distance;

	if (state->used[protocol_index(protocol)] >= run->size) {
		__sync_fetch_and_add(&state->refused, 1);
		return DROP_SLICE_FULL;
	}
	distance = window_find_free(flow->request->slice, protocol, flow->request->start);
	if (distance >= 0) {
		free = flow->request->start + distance;
	} else {
		free = bitmap_find_free(flow->request->slice, protocol, flow->request->start);
		if (free < 0) {
			__sync_fetch_and_add(&state->refused, 1);
			return DROP_SLICE_FULL;
		}
		flags = SLOT_OVERFLOW;
	}
	slot = run_slot(run, free);
	port = run_port(run, free);
	/* Only holders of the lock claim free slots, so this one cannot be lost. */
	if (!slot || !port || __sync_val_compare_and_swap(&slot->claim, CLAIM_FREE, busy) != CLAIM_FREE)
		return DROP_CONTENDED;
	*port = bpf_ntohs(flow->request->source_port);
	if (flags & SLOT_OVERFLOW) {
		chain_add(run, flow->request->start, free);
		__sync_fetch_and_add(&state->overflow[protocol_index(protocol)], 1);
	}
	bitmap_set(run, free);
	usage_raise(state, protocol);
	slot_publish(flow, slot, flags);
	flow->request->offset = free;
	return DROP_NONE;
}

/* A further session of the mapping in `slot`. Lock held. */
static __always_inline int session_make(struct new_flow *flow, struct slot *slot, __u32 slot_index)
{
	__u64 live = session_claim(slot_index, slot->generation, CLAIM_LIVE);
	struct flow_request *request = flow->request;
	__u64 expected = live;
	struct session *session;
	__u32 index, expires;
	int found;

	if (!session_alive(&slot->session, request->now)) {
		session_init(&slot->session, request->destination, request->destination_port, request->protocol,
			     flow->settings, request->next_hop, request->now);
		expires = slot->session.expires;
		goto made;
	}
	found = session_search(slot_index, slot->generation, request->destination, request->destination_port);
	if (found < 0) {
		expected = CLAIM_FREE;
		found = session_search_free(slot_index, request->destination, request->destination_port);
		if (found < 0)
			return DROP_SESSION_TABLE_FULL;
	}
	index = found;
	request->session = index;
	session = bpf_map_lookup_elem(&sessions, &index);
	if (!session)
		return DROP_SESSION_TABLE_FULL;
	if (expected == live && session_alive(&session->session, request->now))
		return DROP_NONE; /* another CPU was first */
	/* Other slices take entries of this table too, and the sweep takes them away. */
	if (__sync_val_compare_and_swap(&session->claim, expected, (live & ~3ull) | CLAIM_BUSY) != expected)
		return DROP_CONTENDED;
	session_init(&session->session, request->destination, request->destination_port, request->protocol,
		     flow->settings, request->next_hop, request->now);
	slot->flags |= SLOT_SPILLED;
	__sync_lock_test_and_set(&session->claim, live);
	expires = session->session.expires;
made:
	if (!time_reached(slot->expires, expires))
		slot->expires = expires;
	return DROP_NONE;
}

static __always_inline int flow_make_locked(struct new_flow *flow)
{
	struct flow_request *request = flow->request;
	__u64 endpoint = claim_endpoint(claim_make(request->source, request->source_port, 0, 0));
	struct slot *slot;
	struct run run;
	__s32 offset;
	__u64 claim;

	/* The slice may have changed hands since it was looked up. */
	if (!(flow->slice->flags & SLICE_ACTIVE) || flow->slice->inside_address != flow->request->source)
		return DROP_NO_SLICE;
	if (!run_open(&run, flow->slice, flow->request->protocol))
		return DROP_NO_SLICE;
	offset = slot_search(request->slice, request->protocol, request->source, request->source_port, request->start);
	if (offset == CHAIN_FULL) {
		__sync_fetch_and_add(&flow->state->refused, 1);
		return DROP_SLICE_FULL;
	}
	if (offset < 0)
		return mapping_make(flow, &run);
	slot = run_slot(&run, offset);
	if (!slot)
		return DROP_NO_SLICE;

	claim = *(volatile __u64 *)&slot->claim;
	if (claim_endpoint(claim) != endpoint || claim_state(claim) != CLAIM_LIVE)
		return DROP_CONTENDED;
	flow->request->offset = offset;
	if (!time_reached(flow->request->now, slot->expires))
		return session_make(flow, slot, slice_run(flow->slice, request->protocol) + offset);
	/* Expired, not swept yet: the same port serves its old owner anew. */
	if (__sync_val_compare_and_swap(&slot->claim, claim, (claim & ~3ull) | CLAIM_BUSY) != claim)
		return DROP_CONTENDED;
	slot_publish(flow, slot, slot->flags & SLOT_OVERFLOW);
	return DROP_NONE;
}

/* Places that no flow may be opened to by way of the gateway. */
static __always_inline int destination_refused(__u32 vni, __be32 destination)
{
	struct interface_key inside = {.vni = vni, .address = destination};
	struct address_key nat = {.address = destination};
	__u32 host = bpf_ntohl(destination);
	__u32 first = host >> 24;

	if (first == 0 || first == 127 || first >= 224 || (host >> 16) == 0xa9fe)
		return 1;
	return bpf_map_lookup_elem(&interfaces, &inside) || bpf_map_lookup_elem(&addresses, &nat);
}

/* DROP_NONE for a packet that flows begin with. */
static __always_inline int flow_may_begin(__u32 protocol, __u32 tcp_flags, __u32 icmp_type)
{
	const __u32 bits = TCP_FLAG_SYN_BIT | TCP_FLAG_ACK_BIT | TCP_FLAG_RST_BIT | TCP_FLAG_FIN_BIT;

	if (protocol == NAT_PROTOCOL_TCP && (tcp_flags & bits) != TCP_FLAG_SYN_BIT)
		return DROP_TCP_NOT_SYN;
	return protocol == NAT_PROTOCOL_ICMP && icmp_type != ICMP_ECHO ? DROP_ICMP_TYPE : DROP_NONE;
}

/*
 * Whether a packet of an inside endpoint without a mapping ends here because its slice is full; counted then. Asked
 * before anything else: a sender at its limit goes on sending.
 */
static __always_inline int slice_refuses(const struct settings *s, const struct slice *slice, __u32 slice_index,
					 const struct packet *p)
{
	struct slice_state *state = bpf_map_lookup_elem(&slice_states, &slice_index);

	if (!state || p->protocol >= NAT_PROTOCOLS || state->used[p->protocol] < slice->size)
		return 0;
	if (flow_may_begin(p->protocol, p->tcp_flags, p->icmp_type) != DROP_NONE ||
	    host_has_ipv4(p->ip->daddr) || ipv4_is_link_scope(p->ip->daddr))
		return 0;
	__sync_fetch_and_add(&state->refused, 1);
	report(EVENT_SLICE_FULL, slice_index, 0, p->protocol, s->hz);
	return 1;
}

#define FLOW_TO_HOST -1

/* May a packet without a live session open one, and by which way? Returns DROP_NONE, a drop reason, or FLOW_TO_HOST. */
__noinline int flow_check(struct flow_request *request)
{
	struct settings *s;
	struct slice *slice;
	__u32 zero = 0, index;
	int refusal, hop;

	if (!request)
		return DROP_LEAK_PREVENTED;
	index = request->slice;
	s = bpf_map_lookup_elem(&settings, &zero);
	slice = bpf_map_lookup_elem(&slices, &index);
	if (!s || !slice)
		return DROP_NO_SLICE;

	if (host_has_ipv4(request->destination) || ipv4_is_link_scope(request->destination))
		return FLOW_TO_HOST;
	if (destination_refused(slice->vni, request->destination))
		return DROP_DESTINATION;
	refusal = flow_may_begin(request->protocol, request->tcp_flags, request->icmp_type);
	if (refusal != DROP_NONE)
		return refusal;
	hop = route_lookup(request->destination, s->hz);
	if (hop < 0)
		return -hop;
	request->next_hop = hop;
	return DROP_NONE;
}

/* The mapping, where there is none, and the session. Returns DROP_NONE or a drop reason. */
__noinline int flow_make(struct flow_request *request)
{
	struct new_flow flow = {.request = request};
	__u32 zero = 0, index;
	int verdict;

	if (!request)
		return DROP_LEAK_PREVENTED;
	index = request->slice;
	flow.settings = bpf_map_lookup_elem(&settings, &zero);
	flow.slice = bpf_map_lookup_elem(&slices, &index);
	flow.state = bpf_map_lookup_elem(&slice_states, &index);
	if (!flow.settings || !flow.slice || !flow.state)
		return DROP_NO_SLICE;
	request->session = -1;

	if (!slice_lock(flow.state))
		return DROP_CONTENDED;
	verdict = flow_make_locked(&flow);
	slice_unlock(flow.state);
	if (verdict == DROP_NONE)
		count(COUNTER_SESSIONS_CREATED, 1);
	else if (verdict == DROP_SLICE_FULL)
		report(EVENT_SLICE_FULL, index, 0, request->protocol, flow.settings->hz);
	return verdict;
}

/*
 * A packet without a live session. Two calls, one after the other, so that what they need of the stack does not add up:
 * Linux 6.1 allows 512 bytes for a chain of calls, each rounded up to 32.
 */
static __always_inline int flow_open(struct flow_request *request)
{
	int verdict = flow_check(request);

	return verdict == DROP_NONE ? flow_make(request) : verdict;
}

#endif
