/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The slots of a slice, and what a group of slots keeps beside them (types.h, struct slot_group): which slots are
 * taken, the inside ports of their mappings and how overflowed mappings are chained. A slot fills a cache line; what is
 * beside it is small, so that a search reads the lines of few slots besides the one it is for.
 */
#ifndef NATGW_SLOT_STORE_H
#define NATGW_SLOT_STORE_H

#include "atomic.h"
#include "maps.h"

#define PROBE_WINDOW 16

/* A pointer to a group and an index below GROUP_SLOTS stay within the value for the verifier without a branch. */
#define GROUP_SHIFT 6
#define IN_GROUP (GROUP_SLOTS - 1)
#define CACHE_LINE 64

_Static_assert(1 << GROUP_SHIFT == GROUP_SLOTS, "the group of a slot is its index, shifted");
_Static_assert((int)BLOCK_GROUPS *GROUP_SLOTS == BLOCK_SLOTS && BLOCK_SLOTS == 1 << SLOT_BLOCK_SHIFT,
	       "a slot number is its block and its index in the block");
_Static_assert(sizeof(struct slot) == CACHE_LINE && sizeof(struct slot_group) % CACHE_LINE == 0 &&
		   offsetof(struct slot_group, slots) == 0,
	       "a slot is one cache line");
_Static_assert(8 * sizeof(((struct slot_group *)0)->taken) == GROUP_SLOTS, "one bit of `taken` for each slot");
_Static_assert(offsetof(struct slot_group, ports) % sizeof(__u64) == 0, "ports are compared four at a time");

/* The slots of one protocol of one slice. They are neighbours in one block. */
struct slot_range {
	void *block;
	__u32 first; /* index in the block */
	__u32 size;
};

/*
 * An index into an array by enum nat_protocol, bounded right where it is used: the verifier of Linux 6.1 loses a bound
 * that was checked further up once the compiler keeps the number on the stack.
 */
static __always_inline __u32 protocol_index(__u32 protocol)
{
	barrier_var(protocol);
	return protocol < NAT_PROTOCOLS ? protocol : 0;
}

/* Number of the first slot of a protocol's range. */
static __always_inline __u32 slice_first_slot(const struct binding *slice, __u32 protocol)
{
	return slice->first_slots[protocol_index(protocol)];
}

static __always_inline void *block_lookup(__u32 slot_number)
{
	__u32 block = slot_number >> SLOT_BLOCK_SHIFT;

	return bpf_map_lookup_elem(&slot_blocks, &block);
}

static __always_inline int range_open(struct slot_range *range, const struct binding *slice, __u32 protocol)
{
	__u32 number = slice_first_slot(slice, protocol);

	range->first = number & (BLOCK_SLOTS - 1);
	range->size = slice->size;
	range->block = block_lookup(number);
	return range->block != NULL;
}

/* The group that holds the slot with this index in a block. */
static __always_inline struct slot_group *block_group(void *block, __u32 index)
{
	__u32 group = index >> GROUP_SHIFT;

	return bpf_map_lookup_elem(block, &group);
}

static __always_inline struct slot_group *range_group(const struct slot_range *range, __u32 offset)
{
	return block_group(range->block, range->first + offset);
}

/*
 * What a group, looked up and there, has for the slot with this index in a block. The barriers keep the compiler from
 * adding to the pointer before it was compared with NULL, which the verifier refuses.
 */
static __always_inline struct slot *group_slot(struct slot_group *group, __u32 index)
{
	barrier_var(group);
	return &group->slots[index & IN_GROUP];
}

/* The inside port, host order, of the mapping in a slot. Of a free slot it means nothing. */
static __always_inline __u16 *group_port(struct slot_group *group, __u32 index)
{
	barrier_var(group);
	return &group->ports[index & IN_GROUP];
}

/* Four ports, the first in the lowest bits. `index` is a multiple of four. */
static __always_inline const __u64 *group_four_ports(const struct slot_group *group, __u32 index)
{
	barrier_var(group);
	return (const __u64 *)&group->ports[index & (IN_GROUP - 3)];
}

static __always_inline struct chain_node *group_chain_node(struct slot_group *group, __u32 index)
{
	barrier_var(group);
	return &group->chain[index & IN_GROUP];
}

static __always_inline struct slot *range_slot(const struct slot_range *range, __u32 offset)
{
	struct slot_group *group = range_group(range, offset);

	return group ? group_slot(group, range->first + offset) : NULL;
}

static __always_inline __u16 *range_port(const struct slot_range *range, __u32 offset)
{
	struct slot_group *group = range_group(range, offset);

	return group ? group_port(group, range->first + offset) : NULL;
}

static __always_inline struct chain_node *range_chain_node(const struct slot_range *range, __u32 offset)
{
	struct slot_group *group = range_group(range, offset);

	return group ? group_chain_node(group, range->first + offset) : NULL;
}

/* Slots from an endpoint's bucket on in which its mapping is looked for first. */
static __always_inline __u32 range_window(const struct slot_range *range)
{
	return range->size < PROBE_WINDOW ? range->size : PROBE_WINDOW;
}

/* ---- which slots are taken ---- */

static __always_inline void slot_mark_taken(const struct slot_range *range, __u32 offset)
{
	struct slot_group *group = range_group(range, offset);

	if (group)
		__sync_fetch_and_or(&group->taken, 1ull << ((range->first + offset) & IN_GROUP));
}

static __always_inline void slot_mark_free(const struct slot_range *range, __u32 offset)
{
	struct slot_group *group = range_group(range, offset);

	if (group)
		__sync_fetch_and_and(&group->taken, ~(1ull << ((range->first + offset) & IN_GROUP)));
}

/* The PROBE_WINDOW slots from `offset` on, lowest bit first; more bits may follow. 1: taken */
static __always_inline __u64 window_taken(const struct slot_range *range, __u32 offset)
{
	__u32 shift = (range->first + offset) & IN_GROUP;
	struct slot_group *group = range_group(range, offset);
	__u64 bits = group ? READ_ONCE(group->taken) >> shift : ~0ull;

	if (shift > GROUP_SLOTS - PROBE_WINDOW) {
		group = range_group(range, offset + PROBE_WINDOW);
		bits |= group ? READ_ONCE(group->taken) << (64 - shift) : ~0ull << (64 - shift);
	}
	return bits;
}

/* Offset of the first taken slot from `offset` on; without one in the same group, of the first slot behind the group.
 */
static __always_inline __u32 range_next_taken(const struct slot_range *range, __u32 offset)
{
	__u32 shift = (range->first + offset) & IN_GROUP;
	struct slot_group *group = range_group(range, offset);
	__u64 bits = group ? READ_ONCE(group->taken) >> shift : 0;

	return offset + (bits ? __builtin_ctzll(bits) : GROUP_SLOTS - shift);
}

struct free_slot_search {
	struct slot_range range;
	__u32 from; /* offset to begin at */
	__s32 offset;
};

static long free_slot_search_step(__u32 turn, struct free_slot_search *search)
{
	__u32 first = search->range.first, last = first + search->range.size - 1;
	__u32 groups = (last >> GROUP_SHIFT) - (first >> GROUP_SHIFT) + 1;
	__u32 number = ((first + search->from) >> GROUP_SHIFT) - (first >> GROUP_SHIFT) + turn;
	struct slot_group *group;
	__u32 base, skip = 0;
	__u64 free;

	if (number >= groups)
		number -= groups;
	base = ((first >> GROUP_SHIFT) + number) << GROUP_SHIFT;
	group = block_group(search->range.block, base & (BLOCK_SLOTS - 1));
	if (!group)
		return 1;
	free = ~READ_ONCE(group->taken);
	/* Slots of neighbouring ranges are not ours. */
	if (base < first)
		free &= ~0ull << (first - base);
	if (base + IN_GROUP > last)
		free &= ~0ull >> (IN_GROUP - (last - base));
	if (!free)
		return 0;
	/* Begin where the hash points, so that the port stays hard to guess (RFC 6056). */
	if (free >> (search->from & IN_GROUP))
		skip = search->from & IN_GROUP;
	search->offset = base + skip + __builtin_ctzll(free >> skip) - first;
	return 1;
}

/*
 * Offset of any free slot of the range, or -1. Caller holds the lock of the slice. A function of its own, so that its
 * stack does not add to that of the search for a mapping: Linux 6.1 allows 512 bytes for a chain of calls.
 */
__noinline int range_find_free(__u32 slice_index, __u32 protocol, __u32 from)
{
	struct free_slot_search search = {.from = from, .offset = -1};
	struct binding *slice = bpf_map_lookup_elem(&slices, &slice_index);

	if (!slice || !range_open(&search.range, slice, protocol))
		return -1;
	bpf_loop((search.range.size >> GROUP_SHIFT) + 2, free_slot_search_step, &search, 0);
	return search.offset;
}

#endif
