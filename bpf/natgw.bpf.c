/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The entry points. docs/packet-flow.md walks a packet through them. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "types.h"
#include "maps.h"
#include "outbound.h"
#include "inbound.h"
#include "finish.h"
#include "losses.h"
#include "expiry.h"

#define CLOCK_MONOTONIC 1

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The layouts in TypeScript are made from the BTF: types that no map definition names in full are kept in it. */
BTF_KEEP(struct slot);
BTF_KEEP(struct slot_group);
BTF_KEEP(struct chain_node);
BTF_KEEP(struct event);
BTF_KEEP(enum limits);
BTF_KEEP(enum slot_constants);
BTF_KEEP(enum host_filter_constants);
BTF_KEEP(enum layout_versions);
BTF_KEEP(enum slice_constants);
BTF_KEEP(enum nat_protocol);
BTF_KEEP(enum address_flags);
BTF_KEEP(enum binding_kind);
BTF_KEEP(enum next_hop_kind);
BTF_KEEP(enum tcp_state);
BTF_KEEP(enum word_state);
BTF_KEEP(enum word_constants);
BTF_KEEP(enum remote_constants);
BTF_KEEP(enum settings_flags);
BTF_KEEP(enum session_tcp);
BTF_KEEP(enum session_route);
BTF_KEEP(enum slot_flags);
BTF_KEEP(enum device_constants);
BTF_KEEP(enum interface_flags);
BTF_KEEP(enum route_flags);
BTF_KEEP(enum next_hop_flags);
BTF_KEEP(enum counter);
BTF_KEEP(enum drop_reason);
BTF_KEEP(enum loss_error);
BTF_KEEP(enum event_type);
BTF_KEEP(enum call_result);

static __always_inline struct settings *settings_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&settings, &zero);
}

/* On devices of private machines: a packet leaves translated, is the host's own, or is dropped. */
SEC("xdp.frags")
int nat_from_private(struct xdp_md *ctx)
{
	struct packet p = {};
	void *data_end;
	struct verdict v = outbound_verdict(ctx, settings_get(), &p, &data_end);

	return finish(ctx, &p, &v, true);
}

/* On the uplink: what is for a port of NAT is translated or dropped, all else is the host's. */
SEC("xdp.frags")
int nat_from_uplink(struct xdp_md *ctx)
{
	struct packet p = {};
	void *data_end;
	struct verdict v = inbound_verdict(ctx, settings_get(), &p, &data_end);

	return finish(ctx, &p, &v, false);
}

/* For the far end of a veth: a redirect is only taken by a device that runs a program or GRO. */
SEC("xdp.frags")
int nat_pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

/* Run once after loading: from then on the kernel expires by itself, as long as the map is pinned. */
SEC("xdp")
int nat_start_expiry(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct expiry_cursor *cursor = bpf_map_lookup_elem(&expiry_cursors, &zero);

	(void)ctx;
	if (!cursor)
		return XDP_ABORTED;
	bpf_timer_init(&cursor->timer, &expiry_cursors, CLOCK_MONOTONIC); /* fails where an earlier load did it: fine */
	if (bpf_timer_set_callback(&cursor->timer, expiry_tick) || bpf_timer_start(&cursor->timer, 0, 0))
		return XDP_ABORTED;
	return XDP_PASS;
}

SEC("syscall")
int nat_expire(struct expire_args *args)
{
	struct expiry expiry = {.settings = settings_get()};
	__u32 one = 1;

	expiry.at = bpf_map_lookup_elem(&expiry_cursors, &one);
	if (!expiry.settings || !expiry.at)
		return CALL_NOT_THERE;
	expiry_advance(&expiry, args->steps);
	args->visited = expiry.visited;
	args->freed = expiry.freed;
	args->passes = expiry.at->passes;
	return CALL_DONE;
}

SEC("syscall")
int nat_flush(struct flush_args *args)
{
	struct flush flush = {.place = {.protocol = args->protocol}};
	__u32 index = args->slice, protocol = args->protocol;
	struct slice_state *state = bpf_map_lookup_elem(&slice_states, &index);
	struct binding *slice = bpf_map_lookup_elem(&slices, &index);

	flush.place.slice = slice;
	flush.place.state = state;
	flush.place.range.block = block_lookup(args->first_slot);
	flush.place.range.first = args->first_slot & (BLOCK_SLOTS - 1);
	flush.place.range.size = args->size;
	if (!flush.place.range.block || !slice || !state || protocol >= NAT_PROTOCOLS)
		return CALL_NOT_THERE;
	/* The slice is closed, so that only the expiry may hold it, and that for a moment. */
	if (!slice_lock(state))
		return CALL_LOCKED;
	bpf_loop(args->size, flush_step, &flush, 0);
	slice_unlock(state);
	args->freed = flush.freed;
	/* What the former owner did is not the next one's. */
	state->peak[protocol] = 0;
	state->refused = 0;
	return CALL_DONE;
}

struct block_scan {
	__u32 first;
	__u64 present;
};

static long block_scan_step(__u32 turn, struct block_scan *scan)
{
	__u32 block = scan->first + turn;

	if (bpf_map_lookup_elem(&slot_blocks, &block))
		scan->present |= 1ull << (turn & 63);
	return 0;
}

/* For user space a look at a block is a wait of tens of milliseconds before Linux 6.8: for all running programs. */
SEC("syscall")
int nat_slot_blocks(struct slot_blocks_args *args)
{
	struct block_scan scan = {.first = args->first};

	bpf_loop(64, block_scan_step, &scan, 0);
	args->present = scan.present;
	return CALL_DONE;
}

SEC("syscall")
int nat_clock(struct clock_args *args)
{
	args->jiffies = bpf_jiffies64();
	args->monotonic_ns = bpf_ktime_get_ns();
	return CALL_DONE;
}
