/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who sent a packet from the private side, and with which slice. */
#ifndef NATGW_SOURCE_H
#define NATGW_SOURCE_H

#include "counters.h"
#include "maps.h"

struct source {
	struct slice *slice;
	__u32 slice_index;
};

static __always_inline int slice_serves(const struct slice *slice, __u32 vni, __be32 address, __u32 ifindex)
{
	return (slice->flags & SLICE_ACTIVE) && slice->inside_address == address && slice->vni == vni &&
	       slice->ifindex == ifindex;
}

/* By way of the interface. DROP_NONE or why there is none. */
static __always_inline int source_look_up(__u32 vni, __be32 address, __u32 ifindex, struct source *found)
{
	struct interface_key key = {.vni = vni, .address = address};
	struct interface *interface = bpf_map_lookup_elem(&interfaces, &key);

	if (!interface)
		return DROP_UNKNOWN_SOURCE;
	if (interface->ifindex != ifindex)
		return DROP_SPOOFED_SOURCE;
	found->slice_index = interface->slice;
	found->slice = bpf_map_lookup_elem(&slices, &found->slice_index);
	return found->slice && slice_serves(found->slice, vni, address, ifindex) ? DROP_NONE : DROP_NO_SLICE;
}

/*
 * A hash map costs two dependent cache misses more than an array when there are many interfaces, so the way by the
 * interface is only taken where the hint leads to a slice that is not the sender's. The secret keeps a tenant from
 * choosing addresses that share a hint with another's.
 */
static __always_inline int source_find(__u64 secret, __u32 vni, __be32 address, __u32 ifindex, struct source *found)
{
	__u32 key = ((((__u64)vni << 32 | address) ^ secret) * 0x9fb21c651e98df25ull) >> 48;
	__u32 *hint = bpf_map_lookup_elem(&slice_hints, &key);
	int reason;

	if (!hint)
		return DROP_NO_SLICE;
	found->slice_index = *hint;
	found->slice = bpf_map_lookup_elem(&slices, &found->slice_index);
	if (likely(found->slice && slice_serves(found->slice, vni, address, ifindex)))
		return DROP_NONE;
	reason = source_look_up(vni, address, ifindex, found);
	if (reason == DROP_NONE)
		*hint = found->slice_index;
	return reason;
}

#endif
