/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counting, and telling the agent. */
#ifndef NATGW_COUNTERS_H
#define NATGW_COUNTERS_H

#include "atomic.h"
#include "maps.h"

_Static_assert((int)COUNTERS <= (int)MAX_COUNTERS, "the element of the map `counters` has no room for all counters");
_Static_assert((int)DROP_REASONS <= (int)MAX_DROP_REASONS, "the map `drops` has no room for all reasons");

static __always_inline void count(enum counter which, __u64 amount)
{
	__u32 zero = 0;
	__u64 *values = bpf_map_lookup_elem(&counters, &zero);

	if (values)
		values[which] += amount;
}

/* `packets` and the counter behind it, of their bytes. */
static __always_inline void count_packet(enum counter packets, __u32 length)
{
	__u32 zero = 0;
	__u64 *values = bpf_map_lookup_elem(&counters, &zero);

	if (!values)
		return;
	values[packets]++;
	values[packets + 1] += length;
}

static __always_inline void count_drop(enum drop_reason reason)
{
	__u32 key = reason;
	__u64 *value = bpf_map_lookup_elem(&drops, &key);

	if (value)
		*value += 1;
}

static __always_inline __u32 now_jiffies(void)
{
	return (__u32)bpf_jiffies64();
}

/* Times wrap: `a` is at or after `b`. */
static __always_inline bool time_reached(__u32 a, __u32 b)
{
	return (__s32)(a - b) >= 0;
}

/* Times of 16 bits are enough to tell intervals of less than a second apart. */
static __always_inline __u32 report_interval(__u32 type, __u32 hz)
{
	return type == EVENT_NEIGHBOUR_MISSING ? hz / 16 : hz / 4;
}

/* Each slice has a rate of its own for each type of event, so that none keeps another's from being told. */
static __noinline void report(__u32 type, __u32 slice, __be32 address, __u32 protocol, __u32 hz)
{
	struct slice_state *state = bpf_map_lookup_elem(&slice_states, &slice);
	__u16 now = now_jiffies(), *last;
	struct event *event;

	if (!state)
		return;
	last = &state->reported[type == EVENT_SLICE_FULL];
	if ((__u16)(now - READ_ONCE(*last)) < report_interval(type, hz))
		return;
	WRITE_ONCE(*last, now);
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return;
	event->type = type;
	event->slice = slice;
	event->address = address;
	event->protocol = protocol;
	bpf_ringbuf_submit(event, 0);
}

#endif
