/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The slice is the hash table. A mapping sits in the slot of its external port; the port is found by hashing the inside
 * endpoint into the slice and probing a window. What does not fit its window takes any free slot and is chained to the
 * bucket that it hashes to.
 *
 * Concurrency. Look-ups take no lock. A mapping is made under the slice's lock, so an inside endpoint never gets two.
 * The expiry frees it by compare-and-swap of the owner word (atomic.h has the states), and only
 * `settings.port_reuse_delay` after its last session expired: a program that found it alive has ended by then. Further
 * sessions are added, renewed and removed under the lock, so a mapping that has one stays while the lock is held. A
 * chained mapping is freed under the lock too. An expired mapping that is asked for again is renewed in place, which
 * competes with the expiry for the same compare-and-swap. Only the CPU that made the owner word BUSY changes the slot's
 * inside port and its chain node.
 */
#ifndef NATGW_SLOTS_H
#define NATGW_SLOTS_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include "slot_store.h"
#include "atomic.h"
#include "counters.h"
#include "maps.h"

#define CHAIN_LENGTH 32 /* mappings in the chain of one bucket; more are refused */
#define CHAIN_FULL -2
#define LOCK_SPINS 4096
/* Four 16-bit numbers in a word: the lowest and the highest bit of each. */
#define LANES 0x0001000100010001ull
#define LANES_HIGH 0x8000800080008000ull

static __always_inline __u64 word_state(__u64 word)
{
	return word & WORD_STATE;
}

static __always_inline __u32 word_generation(__u64 word)
{
	return word >> WORD_GENERATION_SHIFT & WORD_GENERATION;
}

static __always_inline __u64 word_make(__u32 high, __u32 generation, __u64 state)
{
	return (__u64)high << 32 | (generation & WORD_GENERATION) << WORD_GENERATION_SHIFT | state;
}

/* The same word, held by this CPU. */
static __always_inline __u64 word_busy(__u64 word)
{
	return (word & ~(__u64)WORD_STATE) | WORD_BUSY;
}

/* What the owner word of an inside endpoint's slot begins with: epoch and port. */
static __always_inline __u64 endpoint_make(__u32 epoch, __be16 port)
{
	return (__u64)epoch << (OWNER_EPOCH_SHIFT - OWNER_PORT_SHIFT) | bpf_ntohs(port);
}

static __always_inline __u64 owner_make(__u64 endpoint, __u32 generation, __u64 state)
{
	return endpoint << OWNER_PORT_SHIFT | word_make(0, generation, state);
}

static __always_inline __u64 owner_endpoint(__u64 owner)
{
	return owner >> OWNER_PORT_SHIFT;
}

static __always_inline __u32 owner_epoch(__u64 owner)
{
	return owner >> OWNER_EPOCH_SHIFT;
}

static __always_inline __be16 owner_port(__u64 owner)
{
	return bpf_htons(owner >> OWNER_PORT_SHIFT);
}

/* A 64-bit multiply-xorshift mix over the slice's own secret: a tenant learns only about its own slice. */
static __always_inline __u32 slot_hash(__u64 secret, __be16 port, __u32 protocol)
{
	__u64 h = ((__u64)port << 8 | protocol) ^ secret;

	h *= 0x9fb21c651e98df25ull;
	h ^= h >> 32;
	h *= (secret | 1);
	return h >> 32;
}

/* Offset at which the window of an endpoint begins. Windows end with the range. */
static __always_inline __u32 bucket_of(const struct slot_range *range, __u64 secret, __be16 port, __u32 protocol)
{
	__u32 buckets = range->size - range_window(range) + 1;

	return ((__u64)slot_hash(secret, port, protocol) * buckets) >> 32;
}

/* `slot`, if its mapping is this inside endpoint's, else NULL. */
static __always_inline struct slot *slot_if_of(struct slot *slot, __u64 endpoint)
{
	__u64 owner = READ_ONCE(slot->owner);

	return owner_endpoint(owner) == endpoint ? load_acquire(slot, owner) : NULL;
}

/* Offset of the endpoint's slot within its window or a little beyond, or -1. Compares four inside ports at a time. */
static __always_inline __s32 window_lookup(const struct slot_range *range, __u32 bucket, __u64 endpoint)
{
	__u32 first = (range->first + bucket) & ~3u;
	__u64 wanted = (endpoint & 0xffff) * LANES;

	for (__u32 i = 0; i < PROBE_WINDOW + 4; i += 4) {
		struct slot_group *group = block_group(range->block, first + i);
		__u64 difference;

		if (!group)
			return -1;
		difference = READ_ONCE(*group_four_ports(group, first + i)) ^ wanted;
		if (!((difference - LANES) & ~difference & LANES_HIGH))
			continue;
		for (__u32 lane = 0; lane < 4; lane++) {
			__u32 offset = first + i + lane - range->first;

			if ((difference >> (16 * lane)) & 0xffff || offset >= range->size)
				continue;
			if (slot_if_of(group_slot(group, first + i + lane), endpoint))
				return offset;
		}
	}
	return -1;
}

/*
 * Offset of the endpoint's slot in the chain of a bucket, or -1, or CHAIN_FULL. Without the lock the chain may change
 * meanwhile: a mapping missed by this is looked up again under the lock before one is made.
 */
static __always_inline __s32 chain_lookup(const struct slot_range *range, __u32 bucket, __u64 endpoint)
{
	struct chain_node *node = range_chain_node(range, bucket);
	__u32 at = node ? READ_ONCE(node->first) : 0;

	for (__u32 i = 0; i < CHAIN_LENGTH; i++) {
		struct slot_group *group;
		__u32 offset = at - 1;

		if (!at || at > range->size)
			return -1;
		group = range_group(range, offset);
		if (!group)
			return -1;
		if (slot_if_of(group_slot(group, range->first + offset), endpoint))
			return offset;
		at = READ_ONCE(group_chain_node(group, range->first + offset)->next);
	}
	return CHAIN_FULL;
}

/* Caller holds the lock. */
static __always_inline void chain_add(const struct slot_range *range, __u32 bucket, __u32 offset)
{
	struct chain_node *head = range_chain_node(range, bucket), *node = range_chain_node(range, offset);

	if (!head || !node)
		return;
	WRITE_ONCE(node->next, head->first);
	WRITE_ONCE(head->first, offset + 1);
}

/* Caller holds the lock. A concurrent reader on the removed node can still follow its `next`. */
static __always_inline void chain_remove(const struct slot_range *range, __u32 bucket, __u32 offset)
{
	struct chain_node *node = range_chain_node(range, offset), *before = range_chain_node(range, bucket);
	__u32 at;

	if (!node || !before)
		return;
	if (before->first == offset + 1) {
		WRITE_ONCE(before->first, node->next);
		return;
	}
	at = before->first;
	for (__u32 i = 0; i < CHAIN_LENGTH && at && at <= range->size; i++) {
		before = range_chain_node(range, at - 1);
		if (!before)
			return;
		if (before->next == offset + 1) {
			WRITE_ONCE(before->next, node->next);
			return;
		}
		at = before->next;
	}
}

/*
 * Offset of the inside endpoint's slot, dead or alive, or -1, or CHAIN_FULL. Verified apart from its callers, so that
 * its paths do not multiply with theirs.
 */
__noinline int slot_lookup_slow(__u32 slice_index, __u32 protocol, __u64 endpoint, __u32 bucket)
{
	struct binding *slice = bpf_map_lookup_elem(&slices, &slice_index);
	struct slot_range range;
	__s32 offset;

	if (!slice || protocol >= NAT_PROTOCOLS || !range_open(&range, slice, protocol))
		return -1;
	offset = window_lookup(&range, bucket, endpoint);
	return offset < 0 ? chain_lookup(&range, bucket, endpoint) : offset;
}

/* The slot of an inside endpoint and its offset, or NULL. Most are in their bucket: others cost a call. */
static __always_inline struct slot *slot_lookup(const struct slot_range *range, __u32 slice_index, __u32 protocol,
						__u64 endpoint, __u32 bucket, __u32 *offset)
{
	struct slot_group *group = range_group(range, bucket);
	__u32 index = range->first + bucket;
	struct slot *slot;
	int found;

	*offset = bucket;
	if (likely(group && READ_ONCE(*group_port(group, index)) == (endpoint & 0xffff))) {
		slot = slot_if_of(group_slot(group, index), endpoint);
		if (slot)
			return slot;
	}
	found = slot_lookup_slow(slice_index, protocol, endpoint, bucket);
	if (found < 0)
		return NULL;
	*offset = found;
	return range_slot(range, found);
}

/* A mapping lives as long as one of its sessions: the one in the slot, or an entry of `sessions` until it is removed.
 */
static __always_inline bool slot_alive(const struct slot *slot, __u32 now)
{
	return word_state(READ_ONCE(slot->owner)) == WORD_LIVE &&
	       (!time_reached(now, READ_ONCE(slot->session.expires)) || READ_ONCE(slot->further));
}

/* ---- the lock of a slice ---- */

struct lock_attempt {
	__u32 *lock;
	__u32 taken;
};

static long lock_try(__u32 turn, struct lock_attempt *attempt)
{
	(void)turn;
	if (compare_exchange(attempt->lock, 0, 1) != 0)
		return 0;
	attempt->taken = 1;
	return 1;
}

static __always_inline bool slice_lock_if_free(struct slice_state *state)
{
	return compare_exchange(&state->lock, 0, 1) == 0;
}

/* Bounded: a virtual CPU that lost its turn while it has the lock costs this packet, not this CPU. */
static __always_inline bool slice_lock(struct slice_state *state)
{
	struct lock_attempt attempt = {.lock = &state->lock};

	if (slice_lock_if_free(state))
		return true;
	bpf_loop(LOCK_SPINS, lock_try, &attempt, 0);
	return attempt.taken;
}

static __always_inline void slice_unlock(struct slice_state *state)
{
	store_release(&state->lock, 0);
}

/* How far behind its bucket the first free slot of a probe window is, or -1. Caller holds the lock of the slice. */
__noinline int window_find_free(__u32 slice_index, __u32 protocol, __u32 bucket)
{
	struct binding *slice = bpf_map_lookup_elem(&slices, &slice_index);
	struct slot_range range;
	__u64 free;

	if (!slice || !range_open(&range, slice, protocol))
		return -1;
	free = ~window_taken(&range, bucket) & ((1ull << range_window(&range)) - 1);
	return free ? __builtin_ctzll(free) : -1;
}

#endif
