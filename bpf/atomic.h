/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How words that several CPUs use at once are read and written. Every such access goes through one of these names.
 *
 * The life of a claim, the first word of a slot or a further session. Only the holder of a BUSY claim may write what
 * the claim covers; everybody else leaves it alone until it is LIVE again.
 *
 *              compare_exchange (lock of the slice held)
 *      FREE ───────────────────────────────────────────────▶ BUSY ── store_release ──▶ LIVE
 *       ▲                                                     ▲ │                        │
 *       │                  store_release                      │ │                        │
 *       └─────────────────────────────────────────────────────┼─┘                        │
 *                                                             └── compare_exchange ──────┘
 *                                             (to renew it, or to take it away: expired, or flushed)
 *
 * Whoever loses a compare_exchange has changed nothing.
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
