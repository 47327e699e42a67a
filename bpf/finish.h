/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Carries a verdict out: the only place that counts, changes and sends packets. */
#ifndef NATGW_FINISH_H
#define NATGW_FINISH_H

#include "arp.h"
#include "counters.h"
#include "icmp_error.h"
#include "parse.h"
#include "rewrite.h"
#include "verdict.h"

static __always_inline void translate(struct xdp_md *ctx, struct packet *p, const struct verdict *v, bool from_inside)
{
	if (likely(p->kind == PACKET_FLOW)) {
		if (from_inside)
			source_rewrite(p, v->address, v->port);
		else
			destination_rewrite(p, v->address, v->port);
	} else {
		icmp_error_rewrite(ctx, v->address, v->port, from_inside);
		count(COUNTER_ICMP_ERRORS, 1);
	}
	ethernet_rewrite(p->eth, &v->link);
	count_packet(from_inside ? COUNTER_OUT_PACKETS : COUNTER_IN_PACKETS, p->length);
}

/* For XDP. `from_inside`: which hook it is. */
static __always_inline int finish(struct xdp_md *ctx, struct packet *p, const struct verdict *v, bool from_inside)
{
	if (likely(v->action == ACTION_FORWARD)) {
		translate(ctx, p, v, from_inside);
		return bpf_redirect(v->ifindex, 0);
	}
	switch (v->action) {
	case ACTION_REPLY:
		arp_answer(ctx, v->link.source);
		count(COUNTER_ARP_REPLIES, 1);
		/* Not XDP_TX: on veth that needs a program at the peer, a redirect does with GRO. */
		return bpf_redirect(v->ifindex, 0);
	case ACTION_TO_HOST:
		count(from_inside ? COUNTER_TO_HOST_PRIVATE : COUNTER_TO_HOST_UPLINK, 1);
		return XDP_PASS;
	case ACTION_IGNORE:
		return XDP_PASS;
	default:
		count_drop(v->reason);
		return XDP_DROP;
	}
}

#endif
