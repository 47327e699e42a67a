/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What one slice may take of what all share, so that a machine at full abuse costs no other one a flow. Only packets
 * that would open a flow come here. docs/packet-flow.md lists all such bounds.
 */
#ifndef NATGW_LIMITS_H
#define NATGW_LIMITS_H

#include "atomic.h"
#include "maps.h"

/*
 * Whether the slice may have one more entry of `sessions`: fewer than are left for all. So n slices that take all they
 * can get end up with an (n + 1)th of the capacity each, and as much is free for every other.
 */
static __always_inline bool session_allowed(const struct settings *s, const struct slice_state *state)
{
	__u32 zero = 0, *total = bpf_map_lookup_elem(&session_use, &zero);
	__u32 mine = READ_ONCE(state->sessions), taken;

	if (!total)
		return 0;
	taken = READ_ONCE(*total);
	return mine < s->slice_sessions && taken < s->session_capacity && mine < s->session_capacity - taken;
}

/*
 * A token bucket a slice that holds one second's worth. A flow costs `hz`, and each jiffy brings `new_flow_rate`, so
 * that nothing is lost in rounding. Where two CPUs meet, one of them may go without paying.
 */
static __always_inline bool flow_rate_allows(const struct settings *s, struct slice_state *state, __u32 now)
{
	__u64 bucket = READ_ONCE(state->flow_bucket), full = (__u64)s->new_flow_rate * s->hz;
	__u32 elapsed = now - (__u32)(bucket >> 32);
	__u64 left = (__u32)bucket + (__u64)elapsed * s->new_flow_rate;

	if (!s->new_flow_rate)
		return 1;
	if (left > full)
		left = full;
	if (left < s->hz)
		return 0;
	compare_exchange(&state->flow_bucket, bucket, (__u64)now << 32 | (__u32)(left - s->hz));
	return 1;
}

#endif
