/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The bench's packet generator (run with live frames) and its sink. */
#include "generate.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2); /* 0 outside, 1 inside */
	__type(key, __u32);
	__type(value, struct sink_settings);
} sinks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct received);
} received SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} recorded SEC(".maps");

SEC("xdp")
int bench_generate(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct traffic *t = bpf_map_lookup_elem(&traffic, &zero);

	if (!t || next_packet(ctx, t))
		return XDP_ABORTED;
	return bpf_redirect(t->ifindex, 0);
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} under_test SEC(".maps");

/* The next packet straight into a program, without devices: for test runs that are repeated. */
SEC("xdp.frags")
int bench_call(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct traffic *t = bpf_map_lookup_elem(&traffic, &zero);

	if (!t || next_packet(ctx, t))
		return XDP_ABORTED;
	bpf_tail_call(ctx, &under_test, 0);
	return XDP_ABORTED;
}

/* What bench_call itself costs. */
SEC("xdp.frags")
int bench_call_nothing(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct traffic *t = bpf_map_lookup_elem(&traffic, &zero);

	if (!t || next_packet(ctx, t))
		return XDP_ABORTED;
	return XDP_DROP;
}

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TIME_BUCKETS);
	__type(key, __u32);
	__type(value, __u64);
} latencies SEC(".maps");

/* From departure, which stands at `left`, to here. */
static __always_inline void latency_count(__u64 *left, void *data_end)
{
	__u64 bucket, *count;
	__u32 key;

	if ((void *)(left + 1) > data_end)
		return;
	bucket = (bpf_ktime_get_ns() - *left) / TIME_BUCKET_NS;
	key = bucket < TIME_BUCKETS ? bucket : TIME_BUCKETS - 1;
	count = bpf_map_lookup_elem(&latencies, &key);
	if (count)
		*count += 1;
}

static __always_inline int sink(struct xdp_md *ctx, __u32 which)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	struct sink_settings *settings = bpf_map_lookup_elem(&sinks, &which);
	struct received *counts = bpf_map_lookup_elem(&received, &which);
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	__be16 *ports = (void *)(ip + 1);
	__u32 zero = 0;

	if (!settings || !counts || (void *)(ports + 2) > data_end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (((settings->destination ? ip->daddr : ip->saddr) & settings->mask) != settings->network) {
		counts->other++;
		return XDP_DROP;
	}
	counts->translated++;
	if (settings->timed)
		latency_count((void *)(ports + 4), data_end);
	if (settings->first_remote) {
		__u32 *count = bpf_map_lookup_elem(&recorded, &zero);
		struct seen entry = {
		    .address = ip->saddr, .port = ports[0], .remote = bpf_ntohl(ip->daddr) - settings->first_remote};
		__u32 index;

		if (!count)
			return XDP_DROP;
		index = __sync_fetch_and_add(count, 1);
		bpf_map_update_elem(&seen, &index, &entry, BPF_ANY);
	}
	return XDP_DROP;
}

SEC("xdp.frags")
int bench_sink_outside(struct xdp_md *ctx)
{
	return sink(ctx, 0);
}

SEC("xdp.frags")
int bench_sink_inside(struct xdp_md *ctx)
{
	return sink(ctx, 1);
}
