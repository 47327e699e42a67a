/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where a packet goes next. */
#ifndef NATGW_ROUTE_H
#define NATGW_ROUTE_H

#include "counters.h"
#include "maps.h"
#include "next_hop.h"

/* The next hop outside for a destination: `found` is its index in `next_hops`. */
static __noinline enum drop_reason route_lookup(__be32 destination, __u32 slice_index, __u32 hz, __u32 *found)
{
	struct route_key key = {.prefix_length = 32, .address = destination};
	struct route *route = bpf_map_lookup_elem(&routes, &key);
	__u32 index;
	enum drop_reason reason;
	struct next_hop_entry *entry;
	struct link_layer link;

	if (!route || (route->flags & ROUTE_REJECT))
		return DROP_NO_ROUTE;
	if (route->flags & ROUTE_ON_LINK) {
		report(EVENT_NEIGHBOUR_MISSING, slice_index, destination, 0, hz);
		return DROP_NO_NEIGHBOUR;
	}
	index = route->next_hop;
	entry = bpf_map_lookup_elem(&next_hops, &index);
	reason = entry ? next_hop_read(&entry->hop, &link) : DROP_NO_NEIGHBOUR;
	if (reason == DROP_NONE)
		*found = index;
	return reason;
}

#endif
