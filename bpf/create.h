/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The first packet of a flow: a mapping where the inside endpoint has none, and a session. */
#ifndef NATGW_CREATE_H
#define NATGW_CREATE_H

#include "route.h"
#include "sessions.h"
#include "slots.h"

struct new_flow {
	struct settings *settings;
	struct slice *slice;
	struct slice_state *state;
	__u32 slice_index;
	__u32 protocol;
	__be32 source;
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
	__u32 start;	/* of the probe window */
	__u32 next_hop;
	__u32 now;
	/* out */
	struct slot *slot;
	struct session_data *session;
	__u32 offset;
};

/* Fills a slot that this CPU holds by a BUSY claim, and lets everyone see it. */
static __always_inline void slot_publish(struct new_flow *flow, struct slot *slot, __u16 flags)
{
	__u16 generation = (slot->generation + 1) & GENERATION_MASK;

	slot->generation = generation;
	slot->flags = flags;
	session_init(&slot->session, flow->destination, flow->destination_port, flow->protocol, flow->settings,
		     flow->next_hop, flow->now);
	slot->expires = slot->session.expires;
	__sync_lock_test_and_set(&slot->claim, claim_make(flow->source, flow->source_port, generation, CLAIM_LIVE));
	count(COUNTER_MAPPINGS_CREATED, 1);
}

static __always_inline void usage_raise(struct slice_state *state, __u32 protocol)
{
	__u32 used;

	if (protocol >= NAT_PROTOCOLS)
		return;
	used = __sync_fetch_and_add(&state->used[protocol], 1) + 1;
	if (used > state->peak[protocol])
		state->peak[protocol] = used;
}

/* A new mapping, in the free slot at `free` or else wherever the bitmap has one. Lock held. */
static __always_inline int mapping_make(struct new_flow *flow, const struct run *run, __s32 free)
{
	struct slice_state *state = flow->state;
	__u64 busy = claim_make(flow->source, flow->source_port, 0, CLAIM_BUSY);
	__u32 protocol = flow->protocol < NAT_PROTOCOLS ? flow->protocol : 0;
	__u16 flags = 0;
	struct slot *slot;

	if (state->used[protocol] >= run->size) {
		state->refused++;
		return DROP_SLICE_FULL;
	}
	if (free < 0) {
		struct overflow_key key = {
			.slice = flow->slice_index, .port = bpf_ntohs(flow->source_port), .protocol = flow->protocol};
		struct overflow entry;

		free = bitmap_find_free(run, flow->start);
		if (free < 0) {
			state->refused++;
			return DROP_SLICE_FULL;
		}
		entry.offset = free;
		if (bpf_map_update_elem(&overflows, &key, &entry, BPF_NOEXIST))
			return DROP_CONTENDED; /* the sweep is still taking the old entry away, or the map is full */
		__sync_fetch_and_add(&state->overflow[protocol], 1);
		flags = SLOT_OVERFLOW;
	}
	slot = run_slot(run, free);
	/* Only holders of the lock claim free slots, so this one cannot be lost. */
	if (!slot || __sync_val_compare_and_swap(&slot->claim, CLAIM_FREE, busy) != CLAIM_FREE)
		return DROP_CONTENDED;
	bitmap_set(run, free);
	usage_raise(state, flow->protocol);
	slot_publish(flow, slot, flags);
	flow->slot = slot;
	flow->session = &slot->session;
	flow->offset = free;
	return DROP_NONE;
}

/* A further session of the mapping in `slot`. Lock held. */
static __always_inline int session_make(struct new_flow *flow, struct slot *slot, __u32 slot_index)
{
	struct session *session;
	__s64 free = -1;
	__u64 expected = CLAIM_FREE;
	__u64 live = session_claim(slot_index, slot->generation, CLAIM_LIVE);

	if (!session_alive(&slot->session, flow->now)) {
		session_init(&slot->session, flow->destination, flow->destination_port, flow->protocol, flow->settings,
			     flow->next_hop, flow->now);
		flow->session = &slot->session;
		goto made;
	}
	session = session_find(flow->settings, slot_index, slot->generation, flow->destination, flow->destination_port,
			       &free);
	if (session && session_alive(&session->session, flow->now)) {
		flow->session = &session->session; /* another CPU was first */
		return DROP_NONE;
	}
	if (session)
		expected = live;
	if (!session && free >= 0) {
		__u32 index = free;

		session = bpf_map_lookup_elem(&sessions, &index);
	}
	if (!session)
		return DROP_SESSION_TABLE_FULL;
	/* Other slices take entries of this table too, and the sweep takes them away. */
	if (__sync_val_compare_and_swap(&session->claim, expected, (live & ~3ull) | CLAIM_BUSY) != expected)
		return DROP_CONTENDED;
	session_init(&session->session, flow->destination, flow->destination_port, flow->protocol, flow->settings,
		     flow->next_hop, flow->now);
	slot->flags |= SLOT_SPILLED;
	__sync_lock_test_and_set(&session->claim, live);
	flow->session = &session->session;
made:
	if (!time_reached(slot->expires, flow->session->expires))
		slot->expires = flow->session->expires;
	return DROP_NONE;
}

static __always_inline int flow_make_locked(struct new_flow *flow)
{
	__u64 endpoint = claim_endpoint(claim_make(flow->source, flow->source_port, 0, 0));
	__u32 protocol = flow->protocol < NAT_PROTOCOLS ? flow->protocol : 0;
	struct slot *slot = NULL;
	struct run run;
	__s32 offset, free;
	__u64 claim;

	/* The slice may have changed hands since it was looked up. */
	if (!(flow->slice->flags & SLICE_ACTIVE) || flow->slice->inside_address != flow->source)
		return DROP_NO_SLICE;
	if (!run_open(&run, flow->slice, flow->protocol))
		return DROP_NO_SLICE;
	offset = window_find(&run, flow->start, endpoint, &slot, &free);
	if (offset < 0 && flow->state->overflow[protocol])
		offset = overflow_find(&run, flow->slice_index, flow->source_port, flow->protocol, endpoint, &slot);
	if (offset < 0 || !slot)
		return mapping_make(flow, &run, free);

	claim = *(volatile __u64 *)&slot->claim;
	if (claim_endpoint(claim) != endpoint || claim_state(claim) != CLAIM_LIVE)
		return DROP_CONTENDED;
	flow->slot = slot;
	flow->offset = offset;
	if (!time_reached(flow->now, slot->expires))
		return session_make(flow, slot, flow->slice->runs[protocol] + offset);
	/* Expired, not swept yet: the same port serves its old owner anew. */
	if (__sync_val_compare_and_swap(&slot->claim, claim, (claim & ~3ull) | CLAIM_BUSY) != claim)
		return DROP_CONTENDED;
	slot_publish(flow, slot, slot->flags & SLOT_OVERFLOW);
	flow->session = &slot->session;
	return DROP_NONE;
}

/* Returns DROP_NONE with flow->slot, ->session and ->offset set, or why there is no new flow. */
static __noinline int flow_make(struct new_flow *flow)
{
	int verdict;

	if (!slice_lock(flow->state))
		return DROP_CONTENDED;
	verdict = flow_make_locked(flow);
	slice_unlock(flow->state);
	if (verdict == DROP_NONE)
		count(COUNTER_SESSIONS_CREATED, 1);
	else if (verdict == DROP_SLICE_FULL)
		report(EVENT_SLICE_FULL, flow->slice_index, 0, flow->protocol, flow->settings->hz);
	return verdict;
}

#endif
