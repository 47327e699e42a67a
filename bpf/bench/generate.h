/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Makes the packets of a plan, one after the other. */
#ifndef NATGW_BENCH_GENERATE_H
#define NATGW_BENCH_GENERATE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "traffic.h"

#define TCP_SYN 0x02
#define LONGEST_PAUSE 100000 /* turns */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct traffic);
} traffic SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct progress);
} progress SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4194304);
	__type(key, __u32);
	__type(value, struct seen);
} seen SEC(".maps");

/* How often STAMP_EVERY packets took so many times TIME_BUCKET_NS; the last bucket is for all that took longer. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TIME_BUCKETS);
	__type(key, __u32);
	__type(value, __u64);
} batch_times SEC(".maps");

/* Where a flow begins and ends. */
struct ends {
	__be32 source;
	__be32 destination;
	__be16 source_port;
	__be16 destination_port;
};

static __always_inline __u32 sum32(__u32 word)
{
	return (word & 0xffff) + (word >> 16);
}

static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline int ends_of(const struct traffic *t, __u32 flow, struct ends *ends)
{
	if (t->answers) {
		struct seen *to = bpf_map_lookup_elem(&seen, &flow);

		if (!to)
			return -1;
		ends->source = bpf_htonl(t->first_remote + to->remote);
		ends->source_port = bpf_htons(t->remote_port);
		ends->destination = to->address;
		ends->destination_port = to->port;
		return 0;
	}
	ends->source = bpf_htonl(t->first_host + flow / t->flows_per_host);
	ends->source_port = bpf_htons(FIRST_PORT + (flow + t->port_shift) % PORTS);
	ends->destination = bpf_htonl(t->first_remote + ((flow + flow / PORTS) & (t->remotes - 1)));
	ends->destination_port = bpf_htons(t->remote_port);
	return 0;
}

/* Headers and right checksums; what follows is zero. Every field, as pages come back with the receiver's changes. */
static __always_inline void headers_write(const struct traffic *t, const struct ends *ends, void *data, __u32 length,
					  __u32 protocol)
{
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	__u16 l4_length = length - sizeof(*eth) - sizeof(*ip);
	__u32 addresses = sum32(ends->source) + sum32(ends->destination);
	__u32 pseudo =
	    addresses + bpf_htons(protocol) + bpf_htons(l4_length) + ends->source_port + ends->destination_port;

	__builtin_memcpy(eth->h_dest, t->destination_mac, ETH_ALEN);
	__builtin_memcpy(eth->h_source, t->source_mac, ETH_ALEN);
	eth->h_proto = bpf_htons(ETH_P_IP);
	*(__be16 *)ip = bpf_htons(0x4500);
	ip->tot_len = bpf_htons(length - sizeof(*eth));
	ip->id = 0;
	ip->frag_off = bpf_htons(0x4000);
	ip->ttl = 64;
	ip->protocol = protocol;
	ip->check = fold(addresses + bpf_htons(0x4500) + ip->tot_len + ip->frag_off + *(__be16 *)&ip->ttl);
	ip->saddr = ends->source;
	ip->daddr = ends->destination;
	if (protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = (void *)(ip + 1);
		__be16 flags = bpf_htons(0x5000 | (t->flood ? TCP_SYN : t->tcp_flags)), window = bpf_htons(65535);

		tcp->source = ends->source_port;
		tcp->dest = ends->destination_port;
		tcp->seq = 0;
		tcp->ack_seq = 0;
		((__be16 *)tcp)[6] = flags;
		tcp->window = window;
		tcp->urg_ptr = 0;
		tcp->check = fold(pseudo + flags + window);
	} else {
		struct udphdr *udp = (void *)(ip + 1);

		udp->source = ends->source_port;
		udp->dest = ends->destination_port;
		udp->len = bpf_htons(l4_length);
		udp->check = fold(pseudo + udp->len);
		/* May hold the rest of a TCP header. */
		*(__u64 *)(udp + 1) = 0;
		*(__u64 *)((void *)(udp + 1) + 8) = 0;
		if (t->half_load) {
			udp->check = 0;
			*(__u64 *)(udp + 1) = bpf_ktime_get_ns();
		}
	}
}

static long wait(__u32 turn, __u64 *until)
{
	(void)turn;
	return bpf_ktime_get_ns() >= *until;
}

static __always_inline void stamp(struct progress *p, __u32 number, __u32 half_load)
{
	__u64 now = bpf_ktime_get_ns();

	if (!number) {
		p->first_ns = now;
	} else {
		__u64 bucket = (now - p->last_ns) / TIME_BUCKET_NS;
		__u32 key = bucket < TIME_BUCKETS ? bucket : TIME_BUCKETS - 1;
		__u64 *times = bpf_map_lookup_elem(&batch_times, &key);

		if (times)
			*times += 1;
		if (half_load) {
			__u64 until = now + (now - p->last_ns);

			bpf_loop(LONGEST_PAUSE, wait, &until, 0);
			now = bpf_ktime_get_ns();
		}
	}
	p->last_ns = now;
	p->stamped = number;
}

static __always_inline int next_packet(struct xdp_md *ctx, const struct traffic *t)
{
	__u32 zero = 0, length = t->frame, flow, number;
	struct progress *p = bpf_map_lookup_elem(&progress, &zero);
	void *data, *data_end;
	struct ends ends;

	if (!p)
		return -1;
	number = p->sent++;
	flow = p->flow;
	p->flow = flow + t->step >= t->flows ? flow + t->step - t->flows : flow + t->step;
	if (!(number & (STAMP_EVERY - 1)))
		stamp(p, number, t->half_load);
	if (t->lengths) {
		length = t->length[number % t->lengths & (MAX_LENGTHS - 1)];
		if (bpf_xdp_adjust_tail(ctx, (int)length - (int)t->frame))
			return -1;
	}
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	if (data + 60 > data_end || ends_of(t, flow, &ends))
		return -1;
	if (t->flood && number % t->flood == 0) {
		ends.source = bpf_htonl(t->flood_host);
		ends.source_port = bpf_htons(FIRST_PORT + p->flooded % PORTS);
		ends.destination = bpf_htonl(t->first_remote + (p->flooded / PORTS) % t->remotes);
		p->flooded++;
		headers_write(t, &ends, data, length, IPPROTO_TCP);
	} else {
		headers_write(t, &ends, data, length, t->protocol);
	}
	return 0;
}

#endif
