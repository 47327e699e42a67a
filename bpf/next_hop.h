/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What programs read of a next hop. */
#ifndef NATGW_NEXT_HOP_H
#define NATGW_NEXT_HOP_H

#include "atomic.h"
#include "maps.h"

/*
 * The two words of a next hop that may change under a program: a MAC each, with the flags and the MTU behind it. Read
 * once, so that what was checked is what is used.
 */
struct link_layer {
	__u64 destination; /* MAC, flags */
	__u64 source;	   /* MAC, MTU */
};

_Static_assert(offsetof(struct binding, inside) % 8 == 0 && offsetof(struct next_hop, destination_mac) == 0 &&
		   offsetof(struct next_hop, flags) == 6 && offsetof(struct next_hop, source_mac) == 8 &&
		   offsetof(struct next_hop, mtu) == 14,
	       "a MAC and what stands behind it are one aligned word");
_Static_assert(sizeof(struct binding) == 64, "a binding fills a cache line");

static __always_inline __u32 link_flags(const struct link_layer *link)
{
	return link->destination >> 48;
}

static __always_inline __u32 link_mtu(const struct link_layer *link)
{
	return link->source >> 48;
}

/* How packets leave by a hop, where they can. */
static __always_inline enum drop_reason next_hop_read(const struct next_hop *hop, struct link_layer *link)
{
	const __u64 *words = (const __u64 *)hop;
	__u32 flags;

	link->destination = READ_ONCE(words[0]);
	link->source = READ_ONCE(words[1]);
	flags = link_flags(link);
	if (likely((flags & (NEXT_HOP_KIND | NEXT_HOP_RESOLVED)) == (NEXT_HOP_ETHERNET | NEXT_HOP_RESOLVED)))
		return DROP_NONE;
	return (flags & NEXT_HOP_KIND) > NEXT_HOP_ETHERNET ? DROP_UNSUPPORTED : DROP_NO_NEIGHBOUR;
}

#endif
