/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The limit that translation is measured against: a router that looks at nothing but what it must change. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define AF_INET 2

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct hop {
	__u32 ifindex;
	__u8 destination_mac[6];
	__u8 source_mac[6];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2); /* 0 outwards, 1 inwards */
	__type(key, __u32);
	__type(value, struct hop);
} hops SEC(".maps");

static __always_inline int forwardable(struct ethhdr *eth, struct iphdr *ip, void *data_end)
{
	return (void *)(ip + 1) <= data_end && eth->h_proto == bpf_htons(ETH_P_IP) && ip->ttl > 1;
}

static __always_inline void ttl_decrement(struct iphdr *ip)
{
	__u32 check = ip->check + bpf_htons(0x0100);

	ip->check = check + (check >= 0xffff);
	ip->ttl--;
}

/* As the gateway writes them. `macs`: destination, then source. */
static __always_inline void macs_write(struct ethhdr *eth, const __u8 *macs)
{
	const __u32 *from = (const __u32 *)macs;
	__u32 *to = (__u32 *)eth;

	to[0] = from[0];
	to[1] = from[1];
	to[2] = from[2];
}

static __always_inline int forward_static(struct xdp_md *ctx, __u32 which)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct hop *hop = bpf_map_lookup_elem(&hops, &which);
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);

	if (!hop || !forwardable(eth, ip, data_end))
		return XDP_PASS;
	ttl_decrement(ip);
	macs_write(eth, hop->destination_mac);
	return bpf_redirect(hop->ifindex, 0);
}

/* A cache line a flow. */
struct flow {
	__u64 words[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* a power of two: twice the flows */
	__type(key, __u32);
	__type(value, struct flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32); /* entries of `flows` - 1 */
} flow_mask SEC(".maps");

/*
 * Forwarding that also reads and writes 64 bytes of its packet's flow, at the place that arithmetic gives: the least
 * that any router with a table of flows does. Hosts have 2,048 places each, as slices of the gateway have by default.
 */
SEC("xdp.frags")
int bench_forward_look(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);
	__be16 *port = (void *)(ip + 1);
	__u32 zero = 0, place;
	__u32 *mask = bpf_map_lookup_elem(&flow_mask, &zero);
	struct flow *flow;

	if (!mask || (void *)(port + 1) > data_end)
		return XDP_PASS;
	place = (bpf_ntohl(ip->saddr) * 2048 + (bpf_ntohs(*port) * 1203 & 2047)) & *mask;
	flow = bpf_map_lookup_elem(&flows, &place);
	if (!flow || flow->words[0] == ~0ull)
		return XDP_PASS;
	flow->words[1]++;
	return forward_static(ctx, 0);
}

SEC("xdp.frags")
int bench_forward_out(struct xdp_md *ctx)
{
	return forward_static(ctx, 0);
}

SEC("xdp.frags")
int bench_forward_in(struct xdp_md *ctx)
{
	return forward_static(ctx, 1);
}

/* The same with the kernel's own routing table, as a router that does not know its next hop. */
SEC("xdp.frags")
int bench_forward_fib(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct bpf_fib_lookup fib = {.family = AF_INET};
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);

	if (!forwardable(eth, ip, data_end))
		return XDP_PASS;
	fib.tos = ip->tos;
	fib.l4_protocol = ip->protocol;
	fib.tot_len = bpf_ntohs(ip->tot_len);
	fib.ipv4_src = ip->saddr;
	fib.ipv4_dst = ip->daddr;
	fib.ifindex = ctx->ingress_ifindex;
	if (bpf_fib_lookup(ctx, &fib, sizeof(fib), 0) != BPF_FIB_LKUP_RET_SUCCESS)
		return XDP_PASS;
	ttl_decrement(ip);
	__builtin_memcpy(eth->h_dest, fib.dmac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, fib.smac, ETH_ALEN);
	return bpf_redirect(fib.ifindex, 0);
}
