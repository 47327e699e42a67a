/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What programs read of a next hop. */
#ifndef NATGW_NEXT_HOP_H
#define NATGW_NEXT_HOP_H

#include "atomic.h"
#include "types.h"

/*
 * The two words of a slice or a next hop that may change under a program: a MAC each, with the flags and the MTU behind
 * it. Read once, so that what was checked is what is used.
 */
struct link_layer {
	__u64 destination; /* MAC, flags */
	__u64 source;	   /* MAC, MTU */
};

_Static_assert(offsetof(struct slice, destination_mac) % 8 == 0 && offsetof(struct slice, source_mac) % 8 == 0 &&
		   offsetof(struct next_hop, destination_mac) % 8 == 0 &&
		   offsetof(struct next_hop, source_mac) % 8 == 0 &&
		   offsetof(struct slice, flags) == offsetof(struct slice, destination_mac) + 6 &&
		   offsetof(struct slice, mtu) == offsetof(struct slice, source_mac) + 6 &&
		   offsetof(struct next_hop, flags) == offsetof(struct next_hop, destination_mac) + 6 &&
		   offsetof(struct next_hop, mtu) == offsetof(struct next_hop, source_mac) + 6,
	       "a MAC and what stands behind it are one aligned word");

/* `macs`: the field destination_mac of a slice or a next hop. */
static __always_inline struct link_layer link_layer_read(const __u8 *macs)
{
	const __u64 *words = (const __u64 *)macs;
	struct link_layer read = {.destination = READ_ONCE(words[0]), .source = READ_ONCE(words[1])};

	return read;
}

static __always_inline __u32 link_flags(const struct link_layer *link)
{
	return link->destination >> 48;
}

static __always_inline __u32 link_mtu(const struct link_layer *link)
{
	return link->source >> 48;
}

#endif
