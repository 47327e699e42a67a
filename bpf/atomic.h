/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How words that several CPUs use at once are read and written. Every such access goes through one of these names.
 *
 * States of a slot's owner word (types.h, enum word_constants). Only the CPU that made it BUSY may write what it
 * covers; all others leave that alone until the word is LIVE again. The lock of the slice is held for each change to
 * BUSY but the one that frees a mapping that is not chained.
 *
 *              compare_exchange
 *      FREE ──────────────────────▶ BUSY ── store_release ──▶ LIVE
 *       ▲                           ▲ │                        │
 *       └────── store_release ──────┼─┘                        │
 *                                   └──── compare_exchange ────┘
 *                                    (to renew it, or to free it: expired, or flushed)
 *
 * The mapping word of an entry of `sessions` has the same states, and each change is made by a holder of the slice's
 * lock. Other slices take free entries at the same time, so a free one is had by compare_exchange.
 *
 * A CPU that loses a compare_exchange has changed nothing.
 */
#ifndef NATGW_ATOMIC_H
#define NATGW_ATOMIC_H

#include <linux/types.h>

/* One whole load or store, made exactly once; orders nothing. */
#define READ_ONCE(word) (*(const volatile __typeof__(word) *)&(word))
#define WRITE_ONCE(word, value) (*(volatile __typeof__(word) *)&(word) = (value))

/* Atomic and fully ordered, as BPF's fetching atomics are on every architecture. @returns what was there before */
#define compare_exchange(pointer, expected, desired) __sync_val_compare_and_swap(pointer, expected, desired)
#define fetch_add(pointer, amount) __sync_fetch_and_add(pointer, amount)

/* Everything written before is seen by whoever sees `value`. */
#define store_release(pointer, value) ((void)__sync_lock_test_and_set(pointer, value))

/*
 * 0, but known only once `word` was read. Added to what leads to other data (an address, an index), it keeps the loads
 * in order: BPF has no acquiring load below -mcpu=v4, and CPUs that reorder loads do not overtake one whose address
 * they wait for.
 */
#define load_dependency(word)                                                                                          \
	({                                                                                                             \
		__u64 dependency = (word);                                                                             \
		asm volatile("%0 &= 0" : "+r"(dependency));                                                            \
		dependency;                                                                                            \
	})

/* `pointer`, through which everything is read after `word` was: what a store_release of `word` made visible. */
#define load_acquire(pointer, word) ((__typeof__(pointer))((void *)(pointer) + load_dependency(word)))

#endif
