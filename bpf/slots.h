/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The slice is the hash table. A mapping sits in the slot of its external port; the port is found by hashing the inside
 * endpoint into the slice and probing a window. What does not fit its window takes any free slot and is chained to the
 * bucket that it hashes to.
 *
 * Concurrency. Look-ups take no lock. A mapping is made under the slice's lock, so an inside endpoint never gets two.
 * The sweep takes it away by compare-and-swap of `claim` (atomic.h has the states), and only `settings.grace` after its
 * last session expired: whoever found it alive is done with it by then. Where it is chained or has had several sessions
 * the sweep holds the lock as well, so that no session is added to it meanwhile. An expired mapping that is asked for
 * again is renewed in place, which competes with the sweep for the same compare-and-swap. A slot's inside port and its
 * links are only changed by the holder of its BUSY claim.
 */
#ifndef NATGW_SLOTS_H
#define NATGW_SLOTS_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include "slot_store.h"
#include "atomic.h"
#include "counters.h"
#include "maps.h"

#define GENERATION_MASK 0x3fff
#define CHAIN_LENGTH 32 /* mappings in the chain of one bucket; more are refused */
#define CHAIN_FULL -2
#define LOCK_SPINS 4096
/* Four 16-bit numbers in a word: the lowest and the highest bit of each. */
#define LANES 0x0001000100010001ull
#define LANES_HIGH 0x8000800080008000ull

static __always_inline __u64 claim_make(__be32 address, __be16 port, __u16 generation, __u64 state)
{
	return (__u64)bpf_ntohl(address) << 32 | (__u64)bpf_ntohs(port) << 16 |
	       (__u64)(generation & GENERATION_MASK) << 2 | state;
}

static __always_inline __u64 claim_endpoint(__u64 claim)
{
	return claim >> 16;
}

static __always_inline __u64 claim_state(__u64 claim)
{
	return claim & 3;
}

static __always_inline __be32 claim_address(__u64 claim)
{
	return bpf_htonl(claim >> 32);
}

static __always_inline __be16 claim_port(__u64 claim)
{
	return bpf_htons(claim >> 16);
}

/* A 64-bit multiply-xorshift mix over the slice's own secret: a tenant learns only about its own slice. */
static __always_inline __u32 slot_hash(__u64 secret, __be32 address, __be16 port, __u32 protocol)
{
	__u64 h = ((__u64)address << 32 | (__u64)port << 8 | protocol) ^ secret;

	h *= 0x9fb21c651e98df25ull;
	h ^= h >> 32;
	h *= (secret | 1);
	return h >> 32;
}

/* Offset at which the window of an endpoint begins. Windows end with the range. */
static __always_inline __u32 bucket_of(const struct slot_range *range, __u64 secret, __be32 address, __be16 port,
				       __u32 protocol)
{
	__u32 buckets = range->size - range_window(range) + 1;

	return ((__u64)slot_hash(secret, address, port, protocol) * buckets) >> 32;
}

/* `slot`, if its mapping is this inside endpoint's, else NULL. */
static __always_inline struct slot *slot_if_of(struct slot *slot, __u64 endpoint)
{
	__u64 claim = READ_ONCE(slot->claim);

	return claim_endpoint(claim) == endpoint ? load_acquire(slot, claim) : NULL;
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
__noinline int slot_lookup_slow(__u32 slice_index, __u32 protocol, __be32 address, __u32 port, __u32 bucket)
{
	__u64 endpoint = claim_endpoint(claim_make(address, port, 0, 0));
	struct slice *slice = bpf_map_lookup_elem(&slices, &slice_index);
	struct slot_range range;
	__s32 offset;

	if (!slice || protocol >= NAT_PROTOCOLS || !range_open(&range, slice, protocol))
		return -1;
	offset = window_lookup(&range, bucket, endpoint);
	return offset < 0 ? chain_lookup(&range, bucket, endpoint) : offset;
}

/* The slot of an inside endpoint and its offset, or NULL. Most are in their bucket: others cost a call. */
static __always_inline struct slot *slot_lookup(const struct slot_range *range, __u32 slice_index, __u32 protocol,
						__be32 address, __be16 port, __u32 bucket, __u32 *offset)
{
	__u64 endpoint = claim_endpoint(claim_make(address, port, 0, 0));
	struct slot_group *group = range_group(range, bucket);
	__u32 index = range->first + bucket;
	struct slot *slot;
	int found;

	*offset = bucket;
	if (likely(group && READ_ONCE(*group_port(group, index)) == bpf_ntohs(port))) {
		slot = slot_if_of(group_slot(group, index), endpoint);
		if (slot)
			return slot;
	}
	found = slot_lookup_slow(slice_index, protocol, address, port, bucket);
	if (found < 0)
		return NULL;
	*offset = found;
	return range_slot(range, found);
}

/* A mapping lives as long as one of its sessions: the one in the slot, or those in `sessions` until the sweep takes
 * them. */
static __always_inline int slot_alive(const struct slot *slot, __u32 now)
{
	return claim_state(READ_ONCE(slot->claim)) == CLAIM_LIVE &&
	       (!time_reached(now, READ_ONCE(slot->session.expires)) || READ_ONCE(slot->spilled));
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

static __always_inline int slice_lock_if_free(struct slice_state *state)
{
	return compare_exchange(&state->lock, 0, 1) == 0;
}

/* Bounded: a holder whose virtual CPU was taken away costs this packet, not this CPU. */
static __always_inline int slice_lock(struct slice_state *state)
{
	struct lock_attempt attempt = {.lock = &state->lock};

	if (slice_lock_if_free(state))
		return 1;
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
	struct slice *slice = bpf_map_lookup_elem(&slices, &slice_index);
	struct slot_range range;
	__u64 free;

	if (!slice || !range_open(&range, slice, protocol))
		return -1;
	free = ~window_taken(&range, bucket) & ((1ull << range_window(&range)) - 1);
	return free ? __builtin_ctzll(free) : -1;
}

#endif
