/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the slots of a slice are, and what stands beside them in their chunk: which are taken (one bit each), the
 * inside ports of their mappings (two bytes) and how overflowed mappings are chained (struct link). A slot fills a
 * cache line; these are small, so that a search reads the lines of few slots besides the one it is for.
 */
#ifndef NATGW_ARENA_H
#define NATGW_ARENA_H

#include "atomic.h"
#include "maps.h"

#define PROBE_WINDOW 16

/* The slots of one protocol of one slice. */
struct run {
	void *chunk;
	__u32 first; /* cell */
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

/* First slot of a protocol's run: chunk << 16 | cell. */
static __always_inline __u32 slice_run(const struct slice *slice, __u32 protocol)
{
	return slice->runs[protocol_index(protocol)];
}

static __always_inline int run_open(struct run *run, const struct slice *slice, __u32 protocol)
{
	__u32 position = slice_run(slice, protocol);
	__u32 chunk = position >> 16;

	run->first = position & 0xffff;
	run->size = slice->size;
	run->chunk = bpf_map_lookup_elem(&slot_chunks, &chunk);
	return run->chunk != NULL;
}

static __always_inline struct slot *run_slot(const struct run *run, __u32 offset)
{
	__u32 cell = run->first + offset;

	return bpf_map_lookup_elem(run->chunk, &cell);
}

/* Slots from the place that an endpoint hashes to in which its mapping is looked for first. */
static __always_inline __u32 run_window(const struct run *run)
{
	return run->size < PROBE_WINDOW ? run->size : PROBE_WINDOW;
}

/* The inside port, host order, of the mapping in a slot; what it says of a free slot means nothing. */
static __always_inline __u16 *run_port(const struct run *run, __u32 offset)
{
	__u32 cell = run->first + offset, holder = CHUNK_PORTS + (cell >> 5);
	void *ports = bpf_map_lookup_elem(run->chunk, &holder);

	return ports ? ports + (cell & 31) * sizeof(__u16) : NULL;
}

/* Those of the four cells from `cell`, a multiple of four, on: the first in the lowest bits. */
static __always_inline __u64 *ports_word(const struct run *run, __u32 cell)
{
	__u32 holder = CHUNK_PORTS + (cell >> 5);
	void *words = bpf_map_lookup_elem(run->chunk, &holder);

	return words ? words + ((cell >> 2) & 7) * sizeof(__u64) : NULL;
}

static __always_inline struct link *run_link(const struct run *run, __u32 offset)
{
	__u32 cell = run->first + offset, holder = CHUNK_LINKS + (cell >> 4);
	void *links = bpf_map_lookup_elem(run->chunk, &holder);

	return links ? links + (cell & 15) * sizeof(struct link) : NULL;
}

/* ---- the occupancy bitmap of a chunk ---- */

static __always_inline __u64 *bitmap_word(const struct run *run, __u32 cell)
{
	__u32 holder = CHUNK_BITMAP + (cell >> 9);
	void *words = bpf_map_lookup_elem(run->chunk, &holder);

	return words ? words + ((cell >> 6) & 7) * sizeof(__u64) : NULL;
}

static __always_inline void bitmap_set(const struct run *run, __u32 offset)
{
	__u32 cell = run->first + offset;
	__u64 *word = bitmap_word(run, cell);

	if (word)
		__sync_fetch_and_or(word, 1ull << (cell & 63));
}

static __always_inline void bitmap_clear(const struct run *run, __u32 offset)
{
	__u32 cell = run->first + offset;
	__u64 *word = bitmap_word(run, cell);

	if (word)
		__sync_fetch_and_and(word, ~(1ull << (cell & 63)));
}

/* Occupancy of the PROBE_WINDOW cells from `offset` on, lowest bit first; more bits may follow. */
static __always_inline __u64 bitmap_bits(const struct run *run, __u32 offset)
{
	__u32 cell = run->first + offset, shift = cell & 63;
	__u64 *word = bitmap_word(run, cell);
	__u64 bits = word ? READ_ONCE(*word) >> shift : ~0ull;

	if (shift > 64 - PROBE_WINDOW) {
		word = bitmap_word(run, cell + PROBE_WINDOW);
		bits |= word ? READ_ONCE(*word) << (64 - shift) : ~0ull << (64 - shift);
	}
	return bits;
}

/* The first taken slot from `offset` on, or where the word of the bitmap ends in which there is none. */
static __always_inline __u32 bitmap_next(const struct run *run, __u32 offset)
{
	__u32 cell = run->first + offset, shift = cell & 63;
	__u64 *word = bitmap_word(run, cell);
	__u64 bits = word ? READ_ONCE(*word) >> shift : 0;

	return offset + (bits ? __builtin_ctzll(bits) : 64 - shift);
}

/* When the sweep has to look again at the 64 cells of a word of the bitmap, jiffies; good only for a word of one run.
 */
static __always_inline __u32 *word_due(const struct run *run, __u32 cell)
{
	__u32 holder = CHUNK_DUE + (cell >> 10);
	void *times = bpf_map_lookup_elem(run->chunk, &holder);

	return times ? times + ((cell >> 6) & 15) * sizeof(__u32) : NULL;
}

struct bitmap_search {
	struct run run;
	__u32 from; /* offset to begin at */
	__s32 offset;
};

static long bitmap_search_word(__u32 turn, struct bitmap_search *search)
{
	__u32 first = search->run.first, last = first + search->run.size - 1;
	__u32 words = (last >> 6) - (first >> 6) + 1;
	__u32 index = ((first + search->from) >> 6) - (first >> 6) + turn;
	__u32 base, skip = 0;
	__u64 *word, free;

	if (index >= words)
		index -= words;
	base = ((first >> 6) + index) << 6;
	word = bitmap_word(&search->run, base & 0xffff);
	if (!word)
		return 1;
	free = ~READ_ONCE(*word);
	/* Bits of the neighbouring runs are not ours. */
	if (base < first)
		free &= ~0ull << (first - base);
	if (base + 63 > last)
		free &= ~0ull >> (63 - (last - base));
	if (!free)
		return 0;
	/* Begin at a place that the hash chose, so that the port stays hard to guess (RFC 6056). */
	if (free >> (search->from & 63))
		skip = search->from & 63;
	search->offset = base + skip + __builtin_ctzll(free >> skip) - first;
	return 1;
}

/*
 * Any free slot of the run, or -1. The caller holds the lock of the slice. A function of its own, as what it needs of
 * the stack must not add to what the search for a mapping needs: Linux 6.1 allows 512 bytes for a chain of calls.
 */
__noinline int bitmap_find_free(__u32 slice_index, __u32 protocol, __u32 from)
{
	struct bitmap_search search = {.from = from, .offset = -1};
	struct slice *slice = bpf_map_lookup_elem(&slices, &slice_index);

	if (!slice || !run_open(&search.run, slice, protocol))
		return -1;
	bpf_loop((search.run.size >> 6) + 2, bitmap_search_word, &search, 0);
	return search.offset;
}

#endif
