/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The slice is the hash table. A mapping sits in the slot of its external port; the port is found by hashing the inside
 * endpoint into the slice and probing a window. What does not fit its window takes any free slot and is chained to the
 * place it hashes to.
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
#include "arena.h"
#include "atomic.h"
#include "counters.h"
#include "maps.h"

#define GENERATION_MASK 0x3fff
#define CHAIN_LENGTH 32 /* mappings chained to one place; more are refused */
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

/* Where the window of an endpoint begins; windows end with the run. */
static __always_inline __u32 run_start(const struct run *run, __u64 secret, __be32 address, __be16 port, __u32 protocol)
{
	__u32 starts = run->size - run_window(run) + 1;

	return ((__u64)slot_hash(secret, address, port, protocol) * starts) >> 32;
}

static __always_inline struct slot *slot_of(const struct run *run, __u32 offset, __u64 endpoint)
{
	struct slot *slot = run_slot(run, offset);
	__u64 claim;

	if (!slot)
		return NULL;
	claim = READ_ONCE(slot->claim);
	return claim_endpoint(claim) == endpoint ? load_acquire(slot, claim) : NULL;
}

/* The offset of the endpoint's slot within its window or a little beyond, or -1. Compares four inside ports at a time.
 */
static __always_inline __s32 window_find(const struct run *run, __u32 start, __u64 endpoint)
{
	__u32 first = (run->first + start) & ~3u;
	__u64 wanted = (endpoint & 0xffff) * LANES;

	for (__u32 i = 0; i < PROBE_WINDOW + 4; i += 4) {
		__u64 *word = ports_word(run, first + i), difference;

		if (!word)
			return -1;
		difference = READ_ONCE(*word) ^ wanted;
		if (!((difference - LANES) & ~difference & LANES_HIGH))
			continue;
		for (__u32 lane = 0; lane < 4; lane++) {
			__u32 offset = first + i + lane - run->first;

			if ((difference >> (16 * lane)) & 0xffff || offset >= run->size)
				continue;
			if (slot_of(run, offset, endpoint))
				return offset;
		}
	}
	return -1;
}

/*
 * The offset of the endpoint's slot in the chain of the slot at `home`, or -1, or CHAIN_FULL. Without the lock the
 * chain may change on the way: what is missed then is looked for again under the lock.
 */
static __always_inline __s32 chain_find(const struct run *run, __u32 home, __u64 endpoint)
{
	struct link *link = run_link(run, home);
	__u32 at = link ? READ_ONCE(link->first) : 0;

	for (__u32 i = 0; i < CHAIN_LENGTH; i++) {
		if (!at || at > run->size)
			return -1;
		if (slot_of(run, at - 1, endpoint))
			return at - 1;
		link = run_link(run, at - 1);
		at = link ? READ_ONCE(link->next) : 0;
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

/* Lock held. Who stands on the link that goes finds on from there. */
static __always_inline void chain_remove(const struct run *run, __u32 home, __u32 offset)
{
	struct link *link = run_link(run, offset), *before = run_link(run, home);
	__u32 at;

	if (!link || !before)
		return;
	if (before->first == offset + 1) {
		before->first = link->next;
		return;
	}
	at = before->first;
	for (__u32 i = 0; i < CHAIN_LENGTH && at && at <= run->size; i++) {
		before = run_link(run, at - 1);
		if (!before)
			return;
		if (before->next == offset + 1) {
			before->next = link->next;
			return;
		}
		at = before->next;
	}
}

/*
 * Where the inside endpoint has its slot, dead or alive: the offset, or -1, or CHAIN_FULL. A function that is verified
 * on its own, so that its many ways do not multiply with those of its callers.
 */
__noinline int slot_search(__u32 slice_index, __u32 protocol, __be32 address, __u32 port, __u32 start)
{
	__u64 endpoint = claim_endpoint(claim_make(address, port, 0, 0));
	struct slice *slice = bpf_map_lookup_elem(&slices, &slice_index);
	struct run run;
	__s32 offset;

	if (!slice || protocol >= NAT_PROTOCOLS || !run_open(&run, slice, protocol))
		return -1;
	offset = window_find(&run, start, endpoint);
	return offset < 0 ? chain_find(&run, start, endpoint) : offset;
}

/*
 * The slot of an inside endpoint and its offset, or NULL. Most sit where the hash points: only for others is a call
 * made.
 */
static __always_inline struct slot *slot_find(const struct run *run, __u32 slice_index, __u32 protocol, __be32 address,
					      __be16 port, __u32 start, __u32 *offset)
{
	__u64 endpoint = claim_endpoint(claim_make(address, port, 0, 0));
	__u16 *home = run_port(run, start);
	struct slot *slot;
	int found;

	*offset = start;
	if (likely(home && READ_ONCE(*home) == bpf_ntohs(port))) {
		slot = slot_of(run, start, endpoint);
		if (slot)
			return slot;
	}
	found = slot_search(slice_index, protocol, address, port, start);
	if (found < 0)
		return NULL;
	*offset = found;
	return run_slot(run, found);
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

/* How far behind `start` the first free slot of the probe window is, or -1. The caller holds the lock of the slice. */
__noinline int window_find_free(__u32 slice_index, __u32 protocol, __u32 start)
{
	struct slice *slice = bpf_map_lookup_elem(&slices, &slice_index);
	struct run run;
	__u64 free;

	if (!slice || !run_open(&run, slice, protocol))
		return -1;
	free = ~bitmap_bits(&run, start) & ((1ull << run_window(&run)) - 1);
	return free ? __builtin_ctzll(free) : -1;
}

#endif
