/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The slice is the hash table. A mapping sits in the slot of its external port; the port is found by hashing the inside
 * endpoint into the slice and probing a window. What does not fit its window takes any free slot and is chained to the
 * place it hashes to.
 *
 * Concurrency. Look-ups take no lock. A mapping is made under the slice's lock, so an inside endpoint never gets two.
 * It is taken away by the sweep, by compare-and-swap of `claim` (and under the lock where it is chained), and only
 * `settings.grace` after it expired: whoever found it alive is done with it by then. An expired mapping asked for again before that is renewed in
 * place, which competes with the sweep for the same compare-and-swap.
 */
#ifndef NATGW_SLOTS_H
#define NATGW_SLOTS_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include "arena.h"
#include "counters.h"
#include "maps.h"

#define SLOT_DISTANCE 0x0f00 /* of a slot's flags: how far its mapping is behind the place it hashes to */
#define SLOT_DISTANCE_SHIFT 8
#define GENERATION_MASK 0x3fff
#define CHAIN_LENGTH 32 /* mappings chained to one place; more are refused */
#define CHAIN_FULL -2
#define LOCK_SPINS 4096

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

static __always_inline __u32 run_start(const struct run *run, __u64 secret, __be32 address, __be16 port, __u32 protocol)
{
	return ((__u64)slot_hash(secret, address, port, protocol) * run->size) >> 32;
}

/*
 * What a slot knows of the mappings that hash to its place. Bit i: one of them may be i places further on, around the
 * end of the run. Bit 0: there is a chain of overflowed ones. Only who holds a slot by a BUSY claim changes the bit that
 * leads to it, and only who holds the lock bit 0. The other half of the word is the next hop of the
 * mapping that is here itself.
 */
static __always_inline __u32 near_get(const struct slot *home)
{
	return *(volatile __u16 *)&home->session.near;
}

static __always_inline void near_set(struct slot *home, __u32 distance)
{
	__sync_fetch_and_or((__u32 *)&home->session.next_hop, 1u << (16 + (distance & 15)));
}

static __always_inline void near_clear(struct slot *home, __u32 distance)
{
	__sync_fetch_and_and((__u32 *)&home->session.next_hop, ~(1u << (16 + (distance & 15))));
}

/* The offset of the endpoint's slot within its probe window, or -1. @near what the slot at `start` knows */
static __always_inline __s32 window_find(const struct run *run, __u32 start, __u64 endpoint, __u32 near)
{
	for (__u32 i = 0; i < PROBE_WINDOW; i++) {
		__u32 offset = start + i;
		struct slot *slot;

		if (i && !(near & (1u << i)))
			continue;
		if (offset >= run->size)
			offset -= run->size;
		slot = run_slot(run, offset);
		if (!slot)
			break;
		if (claim_endpoint(*(volatile __u64 *)&slot->claim) == endpoint)
			return offset;
	}
	return -1;
}

/*
 * The offset of the endpoint's slot in the chain of the slot at `home`, or -1, or CHAIN_FULL. Without the lock the chain
 * may change on the way: what is missed then is looked for again under the lock.
 */
static __always_inline __s32 chain_find(const struct run *run, __u32 home, __u64 endpoint)
{
	struct link *link = run_link(run, home);
	__u32 at = link ? *(volatile __u16 *)&link->first : 0;

	for (__u32 i = 0; i < CHAIN_LENGTH; i++) {
		struct slot *slot;

		if (!at || at > run->size)
			return -1;
		slot = run_slot(run, at - 1);
		if (!slot)
			return -1;
		if (claim_endpoint(*(volatile __u64 *)&slot->claim) == endpoint)
			return at - 1;
		link = run_link(run, at - 1);
		at = link ? *(volatile __u16 *)&link->next : 0;
	}
	return CHAIN_FULL;
}

/* Lock held. */
static __always_inline void chain_add(const struct run *run, __u32 home, __u32 offset)
{
	struct link *head = run_link(run, home), *link = run_link(run, offset);

	if (!head || !link)
		return;
	link->next = head->first;
	head->first = offset + 1;
}

/* Lock held. Who stands on the link that goes finds on from there. @returns whether the chain is empty now */
static __always_inline int chain_remove(const struct run *run, __u32 home, __u32 offset)
{
	struct link *link = run_link(run, offset), *before = run_link(run, home);
	__u32 at;

	if (!link || !before)
		return 0;
	if (before->first == offset + 1) {
		before->first = link->next;
		return !link->next;
	}
	at = before->first;
	for (__u32 i = 0; i < CHAIN_LENGTH && at && at <= run->size; i++) {
		before = run_link(run, at - 1);
		if (!before)
			return 0;
		if (before->next == offset + 1) {
			before->next = link->next;
			return 0;
		}
		at = before->next;
	}
	return 0;
}

/*
 * Where the inside endpoint has its slot, dead or alive: the offset, or -1, or CHAIN_FULL. A function that is verified on its own, so
 * that its many ways do not multiply with those of its callers.
 */
__noinline int slot_search(__u32 slice_index, __u32 protocol, __be32 address, __u32 port, __u32 start)
{
	__u64 endpoint = claim_endpoint(claim_make(address, port, 0, 0));
	struct slice *slice = bpf_map_lookup_elem(&slices, &slice_index);
	struct slot *home;
	struct run run;
	__s32 offset;
	__u32 near;

	if (!slice || protocol >= NAT_PROTOCOLS || !run_open(&run, slice, protocol))
		return -1;
	home = run_slot(&run, start);
	if (!home)
		return -1;
	near = near_get(home);
	offset = window_find(&run, start, endpoint, near);
	if (offset < 0 && (near & 1))
		offset = chain_find(&run, start, endpoint);
	return offset;
}

/*
 * The slot of an inside endpoint and its offset, or NULL. Most sit where the hash points, and the slot there knows
 * whether there are others: only then is a call made.
 */
static __always_inline struct slot *slot_find(const struct run *run, __u32 slice_index, __u32 protocol, __be32 address,
					      __be16 port, __u32 start, __u32 *offset)
{
	__u64 endpoint = claim_endpoint(claim_make(address, port, 0, 0));
	struct slot *home = run_slot(run, start);
	int found;

	*offset = start;
	if (!home)
		return NULL;
	if (claim_endpoint(*(volatile __u64 *)&home->claim) == endpoint)
		return home;
	if (!near_get(home))
		return NULL;
	found = slot_search(slice_index, protocol, address, port, start);
	if (found < 0)
		return NULL;
	*offset = found;
	return run_slot(run, found);
}

static __always_inline int slot_alive(const struct slot *slot, __u32 now)
{
	return claim_state(*(volatile __u64 *)&slot->claim) == CLAIM_LIVE && !time_reached(now, slot->expires);
}

/* ---- the lock of a slice ---- */

struct lock_attempt {
	__u32 *lock;
	__u32 taken;
};

static long lock_try(__u32 turn, struct lock_attempt *attempt)
{
	(void)turn;
	if (__sync_val_compare_and_swap(attempt->lock, 0, 1) != 0)
		return 0;
	attempt->taken = 1;
	return 1;
}

static __always_inline int slice_lock_if_free(struct slice_state *state)
{
	return __sync_val_compare_and_swap(&state->lock, 0, 1) == 0;
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
	__sync_lock_test_and_set(&state->lock, 0);
}

/* How far behind `start` the first free slot of the probe window is, or -1. The caller holds the lock of the slice. */
__noinline int window_find_free(__u32 slice_index, __u32 protocol, __u32 start)
{
	struct slice *slice = bpf_map_lookup_elem(&slices, &slice_index);
	__u32 window, tail;
	struct run run;
	__u64 free;

	if (!slice || !run_open(&run, slice, protocol) || start >= run.size)
		return -1;
	window = run.size < PROBE_WINDOW ? run.size : PROBE_WINDOW;
	tail = run.size - start;
	free = ~bitmap_bits(&run, start);
	if (tail < window) {
		free &= (1ull << tail) - 1;
		free |= ~bitmap_bits(&run, 0) << tail;
	}
	free &= (1ull << window) - 1;
	return free ? __builtin_ctzll(free) : -1;
}

#endif
