/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way of an established packet outwards, cut off after each of its stages: what a stage costs is the difference of
 * two cuts. The functions called are the gateway's own; nat_from_private and outbound_verdict, which call them, are
 * written out here once more, in their order, and bench_stage_8 must cost what they do.
 */
#include "../natgw.bpf.c"
#include "generate.h"

/* The compiler may not leave out what made this value, though nothing comes of it. */
#define KEEP(value) asm volatile("" : : "r"((__u64)(value)))
#define CUT(stage, value)                                                                                              \
	do {                                                                                                           \
		if (last == (stage)) {                                                                                 \
			KEEP(value);                                                                                   \
			return XDP_DROP;                                                                               \
		}                                                                                                      \
	} while (0)

static __always_inline int stages(struct xdp_md *ctx, int last)
{
	__u32 zero = 0, ifindex = ctx->ingress_ifindex, now, bucket, offset, out_ifindex;
	struct traffic *t = bpf_map_lookup_elem(&traffic, &zero);
	struct session *session;
	struct settings *settings;
	void *data, *data_end;
	struct packet p = {};
	struct source source = {};
	struct link_layer link;
	struct binding *slice;
	struct slot *slot;
	struct slot_range range;

	if (!t || next_packet(ctx, t))
		return XDP_ABORTED;
	CUT(0, t);
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	if (data + sizeof(struct ethhdr) + sizeof(struct iphdr) > data_end)
		return XDP_ABORTED;
	p.eth = data;
	p.ip = data + sizeof(struct ethhdr);
	if (frame_type(p.eth) != bpf_htons(ETH_P_IP) || ipv4_header_check(ctx, p.ip) != DROP_NONE ||
	    frame_trim(ctx, &p, &data_end) != DROP_NONE || parse_ipv4(data_end, &p) != DROP_NONE ||
	    p.kind != PACKET_FLOW)
		return XDP_ABORTED;
	CUT(1, p.source + p.destination);

	settings = settings_get();
	if (!settings || !settings->enabled)
		return XDP_ABORTED;
	CUT(2, settings->hz);
	if (source_lookup(settings->session_secret, p.ip->saddr, ifindex, &source) != DROP_NONE || !source.slice)
		return XDP_ABORTED;
	slice = source.slice;
	if (!frame_is_ours(p.eth, slice->inside.source_mac, ifindex))
		return XDP_ABORTED;
	CUT(3, slice->public_address);

	now = now_jiffies();
	if (!range_open(&range, slice, p.protocol) || p.ip->ttl <= 1)
		return XDP_ABORTED;
	bucket = bucket_of(&range, slice->secret, p.source, p.protocol);
	slot =
	    slot_lookup(&range, source.slice_index, p.protocol, endpoint_make(slice->epoch, p.source), bucket, &offset);
	if (!slot || !slot_alive(slot, now))
		return XDP_ABORTED;
	CUT(4, offset);

	session = session_lookup(slot, slice_first_slot(slice, p.protocol) + offset,
				 remote_make(p.ip->daddr, p.destination), now);
	if (!session)
		return XDP_ABORTED;
	CUT(5, session->expires);

	if (session_next_hop(settings, session, source.slice_index, &link, &out_ifindex) != DROP_NONE ||
	    p.length > link_mtu(&link))
		return XDP_ABORTED;
	session_touch(settings, session, &p, data_end, now, 1);
	CUT(6, out_ifindex);

	source_rewrite(&p, slice->public_address, bpf_htons(slice->first_port + offset));
	CUT(7, p.ip->check);

	ethernet_rewrite(p.eth, &link);
	count_packet(COUNTER_OUT_PACKETS, p.length);
	return bpf_redirect(out_ifindex, 0);
}

#define STAGE(number)                                                                                                  \
	SEC("xdp.frags") int bench_stage_##number(struct xdp_md *ctx)                                                  \
	{                                                                                                              \
		return stages(ctx, number);                                                                            \
	}

STAGE(0)
STAGE(1)
STAGE(2)
STAGE(3)
STAGE(4)
STAGE(5)
STAGE(6)
STAGE(7)
STAGE(8)
