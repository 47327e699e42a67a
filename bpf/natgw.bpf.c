/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The entry points. docs/packet-flow.md walks a packet through them. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "types.h"
#include "maps.h"
#include "parse.h"
#include "check.h"
#include "host.h"
#include "out.h"
#include "in.h"
#include "arp.h"
#include "losses.h"
#include "source.h"
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
BTF_KEEP(enum slice_flags);
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

static __always_inline struct settings *settings_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&settings, &zero);
}

/* On devices of private machines: a packet leaves translated, is the host's own, or is dropped. */
SEC("xdp.frags")
int nat_from_private(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct packet p = {.eth = data};
	__u32 ifindex = ctx->ingress_ifindex;
	struct settings *settings;
	struct source source = {};
	int kind, reason;

	if (data + sizeof(struct ethhdr) + sizeof(struct iphdr) > data_end) {
		if (data + sizeof(struct ethhdr) > data_end)
			return drop(DROP_MALFORMED);
		return frame_type(p.eth) == bpf_htons(ETH_P_IP) ? drop(DROP_MALFORMED) : private_other(p.eth, data_end);
	}
	if (frame_type(p.eth) != bpf_htons(ETH_P_IP)) {
		if (!frame_is_tagged(p.eth))
			return private_other(p.eth, data_end);
		if (!priority_tag_remove(ctx))
			return drop(DROP_VLAN);
		data = (void *)(long)ctx->data;
		data_end = (void *)(long)ctx->data_end;
		if (data + sizeof(struct ethhdr) + sizeof(struct iphdr) > data_end)
			return drop(DROP_MALFORMED);
		p.eth = data;
		if (frame_type(p.eth) != bpf_htons(ETH_P_IP))
			return private_other(p.eth, data_end);
	}
	p.ip = data + sizeof(struct ethhdr);
	reason = ipv4_header_check(ctx, p.ip);
	if (reason != DROP_NONE && reason != DROP_IP_OPTION)
		return drop(reason);
	settings = settings_get();
	if (!settings || !settings->enabled)
		return host_or_drop(p.ip->saddr, p.ip->daddr, ifindex, DROP_DISABLED);
	if (reason == DROP_IP_OPTION)
		return host_or_drop(p.ip->saddr, p.ip->daddr, ifindex, reason);

	reason = source_find(settings->session_secret, p.ip->saddr, ifindex, &source);
	if (reason == DROP_SPOOFED_SOURCE)
		return drop(DROP_SPOOFED_SOURCE);
	if (reason != DROP_NONE)
		return host_or_drop(p.ip->saddr, p.ip->daddr, ifindex, reason);
	if (!slice_admits(source.slice, p.eth))
		return drop(DROP_SPOOFED_MAC);
	/* The slice has the device's address while its owner is resolved. */
	if (!frame_is_ours(p.eth, source.slice->source_mac, ifindex))
		return host_or_drop(p.ip->saddr, p.ip->daddr, ifindex, DROP_OTHER_MAC);

	if (!frame_trim(ctx, &p, &data_end))
		return drop(DROP_MALFORMED);
	kind = parse_ipv4(data_end, &p);
	if (likely(kind == PACKET_FLOW))
		return out_flow(settings, &p, data_end, source.slice, source.slice_index);
	if (kind == PACKET_ICMP_ERROR) {
		struct packet copy; /* so that the fields of `p` need no address and stay in registers */

		reason = icmp_error_check(ctx, p.ip->ihl * 4, p.length);
		if (reason != DROP_NONE)
			return drop(reason);
		copy = p;
		return out_icmp_error(settings, &copy, data_end, source.slice, source.slice_index);
	}
	if (kind == PACKET_ICMP_OTHER)
		return host_or_drop(p.ip->saddr, p.ip->daddr, ifindex, DROP_ICMP_TYPE);
	if (kind == PACKET_OTHER_PROTOCOL)
		return host_or_drop(p.ip->saddr, p.ip->daddr, ifindex, DROP_PROTOCOL);
	return host_or_drop(p.ip->saddr, p.ip->daddr, ifindex, -kind);
}

/* On the uplink: what is for a port of NAT is translated or dropped, all else is the host's. */
SEC("xdp.frags")
int nat_from_uplink(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct packet p = {.eth = data};
	struct address_key destination = {};
	struct settings *settings = settings_get();
	__u32 ifindex = ctx->ingress_ifindex;
	struct address *address;
	int kind, reason;

	if (!settings || data + sizeof(struct ethhdr) + sizeof(struct iphdr) > data_end)
		return XDP_PASS;
	if (frame_is_tagged(p.eth)) {
		if (!priority_tag_remove(ctx))
			return XDP_PASS; /* of another network, which is the host's */
		data = (void *)(long)ctx->data;
		data_end = (void *)(long)ctx->data_end;
		if (data + sizeof(struct ethhdr) + sizeof(struct iphdr) > data_end)
			return XDP_PASS;
		p.eth = data;
	}
	if (frame_type(p.eth) == bpf_htons(ETH_P_ARP))
		return arp_reply(p.eth, data_end, settings, ifindex);
	if (frame_type(p.eth) != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	p.ip = data + sizeof(struct ethhdr);
	reason = likely(ipv4_is_bare(p.ip)) ? DROP_NONE : ipv4_header_check_slow(ctx);
	if (reason == DROP_SOURCE_ROUTE)
		return drop(reason);
	destination.address = p.ip->daddr;
	address = bpf_map_lookup_elem(&addresses, &destination);
	if (!address)
		return uplink_host_or_drop(p.ip->daddr); /* the kernel checks headers by itself */

	if (!frame_is_ours(p.eth, settings->uplink_mac, ifindex))
		return mac_is_group(p.eth) ? not_nat(address, DROP_OTHER_MAC) : XDP_PASS;
	if (reason == DROP_NONE && ipv4_is_bare(p.ip) && !ipv4_bare_sum_right(p.ip))
		reason = DROP_CHECKSUM;
	if (reason != DROP_NONE)
		return not_nat(address, reason);
	if (!settings->enabled)
		return not_nat(address, DROP_DISABLED);
	if (!frame_trim(ctx, &p, &data_end))
		return not_nat(address, DROP_MALFORMED);
	kind = parse_ipv4(data_end, &p);
	if (likely(kind == PACKET_FLOW))
		return in_flow(settings, address, &p, data_end);
	if (kind == PACKET_ICMP_ERROR) {
		struct packet copy;

		reason = icmp_error_check(ctx, p.ip->ihl * 4, p.length);
		if (reason != DROP_NONE)
			return not_nat(address, reason);
		copy = p;
		return in_icmp_error(address, &copy, data_end);
	}
	if (kind == PACKET_ICMP_OTHER)
		return not_nat(address, DROP_UNSOLICITED_ICMP);
	if (kind == PACKET_OTHER_PROTOCOL)
		return not_nat(address, DROP_PROTOCOL);
	return not_nat(address, -kind);
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
		return 1;
	expiry_advance(&expiry, args->steps);
	args->visited = expiry.visited;
	args->freed = expiry.freed;
	args->passes = expiry.at->passes;
	return 0;
}

SEC("syscall")
int nat_flush(struct flush_args *args)
{
	struct flush flush = {.place = {.protocol = args->protocol}};
	__u32 index = args->slice, protocol = args->protocol;
	struct slice_state *state = bpf_map_lookup_elem(&slice_states, &index);
	struct slice *slice = bpf_map_lookup_elem(&slices, &index);

	flush.place.slice = slice;
	flush.place.state = state;
	flush.place.range.block = block_lookup(args->first_slot);
	flush.place.range.first = args->first_slot & (BLOCK_SLOTS - 1);
	flush.place.range.size = args->size;
	if (!flush.place.range.block || !slice || !state || protocol >= NAT_PROTOCOLS)
		return 1;
	/* The slice is closed, so that only the expiry may hold it, and that for a moment. */
	if (!slice_lock(state))
		return 2;
	bpf_loop(args->size, flush_step, &flush, 0);
	slice_unlock(state);
	args->freed = flush.freed;
	/* What the former owner did is not the next one's. */
	state->peak[protocol] = 0;
	state->refused = 0;
	return 0;
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
	return 0;
}

SEC("syscall")
int nat_clock(struct clock_args *args)
{
	args->jiffies = bpf_jiffies64();
	args->monotonic_ns = bpf_ktime_get_ns();
	return 0;
}
