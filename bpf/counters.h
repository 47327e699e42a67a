/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counting, and telling the agent. */
#ifndef NATGW_COUNTERS_H
#define NATGW_COUNTERS_H

#include "maps.h"

_Static_assert((int)COUNTERS <= (int)MAX_COUNTERS, "the element of the map `counters` has no room for all counters");

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

static __always_inline int drop(enum drop_reason reason)
{
	__u32 key = reason;
	__u64 *value = bpf_map_lookup_elem(&drops, &key);

	if (value)
		*value += 1;
	return XDP_DROP;
}

static __always_inline __u32 now_jiffies(void)
{
	return (__u32)bpf_jiffies64();
}

/* Times wrap: `a` is at or after `b`. */
static __always_inline int time_reached(__u32 a, __u32 b)
{
	return (__s32)(a - b) >= 0;
}

/* At most one event a `hz / 4` for the same `subject`; subjects that hash alike share a limit. */
static __noinline void report(__u32 type, __u32 slice, __be32 address, __u32 protocol, __u32 hz)
{
	__u32 now = now_jiffies();
	__u32 bucket = ((type * 0x9e3779b1u) ^ (slice * 0x85ebca6bu) ^ ((__u32)address * 0xc2b2ae35u)) >> 22;
	__u32 *last = bpf_map_lookup_elem(&event_limits, &bucket);
	struct event *event;

	if (!last || (*last && now - *last < hz / 4))
		return;
	*last = now | 1; /* 0 means never */
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
