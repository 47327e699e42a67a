/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who sent a packet from the private side, and with which slice. */
#ifndef NATGW_SOURCE_H
#define NATGW_SOURCE_H

#include "atomic.h"
#include "counters.h"
#include "ethernet.h"
#include "maps.h"

struct source {
	struct binding *slice;
	__u32 slice_index;
};

/* The agent gives a slice the device of its owner, so that a slice of another Network never has this one. */
static __always_inline bool slice_serves(const struct binding *slice, __be32 address, __u32 ifindex)
{
	return slice->kind == BINDING_NAT_SLICE && slice->inside_address == address && slice->inside.ifindex == ifindex;
}

/*
 * Whether the frame comes from the station that the slice is bound to; anyone's will do where it is bound to none. The
 * address and the flag are one word, as for next_hop_read().
 */
static __always_inline bool slice_admits(const struct binding *slice, const struct ethhdr *eth)
{
	__u64 word = READ_ONCE(*(const __u64 *)&slice->inside);

	return likely(!(word >> 48 & NEXT_HOP_BOUND)) ||
	       (word & 0xffffffffffff) == (mac_first(eth->h_source) | (__u64)mac_last(eth->h_source) << 16);
}

/* By way of the device's Network and the interface. */
static __always_inline enum drop_reason source_lookup_slow(__be32 address, __u32 ifindex, struct source *found)
{
	struct device *device = bpf_map_lookup_elem(&devices, &ifindex);
	struct interface_key key = {.address = address};
	struct interface *interface;

	if (!device || !device->vni)
		return DROP_DISABLED;
	key.vni = device->vni;
	interface = bpf_map_lookup_elem(&interfaces, &key);
	if (!interface)
		return DROP_UNKNOWN_SOURCE;
	if (interface->ifindex != ifindex)
		return DROP_SPOOFED_SOURCE;
	found->slice_index = interface->slice;
	found->slice = bpf_map_lookup_elem(&slices, &found->slice_index);
	if (found->slice && slice_serves(found->slice, address, ifindex))
		return DROP_NONE;
	return found->slice && found->slice->kind > BINDING_NAT_SLICE ? DROP_UNSUPPORTED : DROP_NO_SLICE;
}

/*
 * A hash map costs two dependent cache misses more than an array when there are many interfaces, so `devices` and
 * `interfaces` are only asked where the hint leads to a slice that is not the sender's. The secret keeps a tenant from
 * choosing addresses that share a hint with another's.
 */
static __always_inline enum drop_reason source_lookup(__u64 secret, __be32 address, __u32 ifindex, struct source *found)
{
	__u32 key = ((((__u64)ifindex << 32 | address) ^ secret) * 0x9fb21c651e98df25ull) >> 48;
	__u32 *hint = bpf_map_lookup_elem(&slice_hints, &key);
	enum drop_reason reason;

	if (!hint)
		return DROP_NO_SLICE;
	found->slice_index = *hint;
	found->slice = bpf_map_lookup_elem(&slices, &found->slice_index);
	if (likely(found->slice && slice_serves(found->slice, address, ifindex)))
		return DROP_NONE;
	reason = source_lookup_slow(address, ifindex, found);
	if (reason == DROP_NONE)
		*hint = found->slice_index;
	return reason;
}

#endif
