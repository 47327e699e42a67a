/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* All maps. Key and value types are in types.h; who writes and who reads each is in docs/maps.md. */
#ifndef NATGW_MAPS_H
#define NATGW_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "types.h"

#define SLICE_HINTS 65536

/* Keeps a type in the BTF that no map definition names in full. */
#define BTF_KEEP(type) BTF_KEEP_AS(type, __COUNTER__)
#define BTF_KEEP_AS(type, number) BTF_KEEP_NAMED(type, number)
#define BTF_KEEP_NAMED(type, number) const type *btf_keep_##number __attribute__((unused))

/* Branch hint: keep the established-flow path as fall-through code. */
#define likely(condition) __builtin_expect(!!(condition), 1)

/* ---- written by the agent ---- */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct settings);
} settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u32); /* ifindex */
	__type(value, struct device);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131072);
	__type(key, struct interface_key);
	__type(value, struct interface);
} interfaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct address_key);
	__type(value, struct address);
} addresses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct binding);
} slices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct route_key);
	__type(value, struct route);
} routes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_NEXT_HOPS);
	__type(key, __u32);
	__type(value, struct next_hop_entry);
} next_hops SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct host_address_key);
	__type(value, struct host_address);
} host_addresses SEC(".maps");

/* The network namespace of the instance, by the number of its inode. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} loss_scope SEC(".maps");

/* ---- written by the programs ---- */

/* Slots, by enum slot_constants. The agent adds blocks. */
struct slot_block {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BLOCK_GROUPS);
	/* Sizes, not types: Linux 6.1 takes no inner map without BTF where the template has one (timer_off). */
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct slot_group));
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, MAX_SLOT_BLOCKS);
	__type(key, __u32);
	__array(values, struct slot_block);
} slot_blocks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct slice_state);
} slice_states SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 262144);
	__type(key, __u32);
	__type(value, struct session_entry);
} sessions SEC(".maps");

/* How many entries of `sessions` are taken. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} session_use SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, MAX_COUNTERS * sizeof(__u64)); /* by enum counter */
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_DROP_REASONS);
	__type(key, __u32); /* enum drop_reason */
	__type(value, __u64);
} drops SEC(".maps");

/* Packets lost behind the redirect (bpf/losses.h). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct loss_key);
	__type(value, __u64);
} losses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 262144);
} events SEC(".maps");

/* ---- private to the programs ---- */

/* Hash of a device and a source on it → the slice that was last found to be its. Anything may stand here: the slice
 * itself says whose it is. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLICE_HINTS);
	__type(key, __u32);
	__type(value, __u32);
} slice_hints SEC(".maps");

struct expiry_cursor {
	struct bpf_timer timer;
	__u32 slice;
	__u32 protocol;
	__u32 offset;
	__u32 session;
	__u32 passes;
	__u32 earliest; /* when something in the word of the bitmap that is under way may expire */
};

/* 0: the in-kernel expiry; 1: expiry passes asked for by nat_expire. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct expiry_cursor);
} expiry_cursors SEC(".maps");

#endif
