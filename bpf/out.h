/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Inside → outside. */
#ifndef NATGW_OUT_H
#define NATGW_OUT_H

#include "create.h"
#include "host.h"
#include "icmp_error.h"
#include "route.h"
#include "sessions.h"
#include "slots.h"

/* Places that no flow may be opened to by way of the gateway. */
static __always_inline int destination_refused(__u32 vni, __be32 destination)
{
	struct interface_key inside = {.vni = vni, .address = destination};
	struct address_key nat = {.address = destination};
	__u32 host = bpf_ntohl(destination);
	__u32 first = host >> 24;

	if (first == 0 || first == 127 || first >= 224 || (host >> 16) == 0xa9fe)
		return 1;
	return bpf_map_lookup_elem(&interfaces, &inside) || bpf_map_lookup_elem(&addresses, &nat);
}

/* No live session: the packet may open one. Returns DROP_NONE, a drop reason, or the negative of an XDP verdict. */
static __noinline int flow_open(struct new_flow *flow, __u32 tcp_flags, __u32 icmp_type)
{
	int hop;

	if (host_has_ipv4(flow->destination) || ipv4_is_link_scope(flow->destination))
		return -to_host();
	if (destination_refused(flow->slice->vni, flow->destination))
		return DROP_DESTINATION;
	if (flow->protocol == NAT_PROTOCOL_TCP &&
	    (tcp_flags & (TCP_FLAG_SYN_BIT | TCP_FLAG_ACK_BIT | TCP_FLAG_RST_BIT | TCP_FLAG_FIN_BIT)) != TCP_FLAG_SYN_BIT)
		return DROP_TCP_NOT_SYN;
	if (flow->protocol == NAT_PROTOCOL_ICMP && icmp_type != ICMP_ECHO)
		return DROP_ICMP_TYPE;
	hop = route_lookup(flow->destination, flow->settings->hz);
	if (hop < 0)
		return -hop;
	flow->next_hop = hop;
	return flow_make(flow);
}

/* The way out as it is now: sessions keep the index of their next hop and look again when routes changed. */
static __always_inline struct next_hop *session_next_hop(const struct settings *s, struct session_data *session,
							 __be32 destination, int *reason)
{
	__u32 index = session->next_hop;
	struct next_hop *hop;

	if (session->route_generation != s->route_generation) {
		int found = route_lookup(destination, s->hz);

		if (found < 0) {
			*reason = -found;
			return NULL;
		}
		index = found;
		session->next_hop = found;
		session->route_generation = s->route_generation;
	}
	*reason = DROP_NO_NEIGHBOUR;
	hop = bpf_map_lookup_elem(&next_hops, &index);
	return hop && (hop->flags & NEXT_HOP_RESOLVED) ? hop : NULL;
}

static __always_inline int out_translate(const struct settings *s, struct packet *p, const struct slice *slice,
					 struct slot *slot, struct session_data *session, __u32 offset, __u32 now)
{
	int reason;
	struct next_hop *hop = session_next_hop(s, session, p->ip->daddr, &reason);

	if (!hop)
		return drop(reason);
	if (p->length > hop->mtu)
		return drop(DROP_TOO_BIG);
	session_touch(s, slot, session, p->protocol, p->tcp_flags, p->length, now, 1);
	source_rewrite(p, slice->public_address, bpf_htons(slice->first_port + offset));
	ethernet_rewrite(p->eth, hop->destination_mac, hop->source_mac);
	count(COUNTER_OUT_PACKETS, 1);
	count(COUNTER_OUT_BYTES, p->length);
	return bpf_redirect(hop->ifindex, 0);
}

static __always_inline int out_flow(struct settings *s, struct packet *p, struct slice *slice, __u32 slice_index)
{
	__u64 endpoint = claim_endpoint(claim_make(p->ip->saddr, p->source, 0, 0));
	__u32 now = now_jiffies();
	struct session_data *session = NULL;
	struct slot *slot = NULL;
	struct new_flow flow = {};
	struct slice_state *state;
	__s32 offset, free;
	__u32 start;
	struct run run;
	int verdict;

	if (!run_open(&run, slice, p->protocol))
		return drop(DROP_NO_SLICE);
	start = run_start(&run, slice->secret, p->ip->saddr, p->source, p->protocol);
	offset = window_find(&run, start, endpoint, &slot, &free);
	state = bpf_map_lookup_elem(&slice_states, &slice_index);
	if (!state)
		return drop(DROP_NO_SLICE);
	if (offset < 0 && state->overflow[p->protocol < NAT_PROTOCOLS ? p->protocol : 0])
		offset = overflow_find(&run, slice_index, p->source, p->protocol, endpoint, &slot);

	if (p->ip->ttl <= 1)
		return host_or_drop(p->ip->daddr, DROP_TTL_EXPIRED);
	if (offset >= 0 && slot && slot_alive(slot, now)) {
		__be16 remote_port = p->protocol == NAT_PROTOCOL_ICMP ? 0 : p->destination;
		__u32 slot_index = slice->runs[p->protocol < NAT_PROTOCOLS ? p->protocol : 0] + offset;

		session = session_lookup(s, slot, slot_index, p->ip->daddr, remote_port, now);
	}
	if (session)
		return out_translate(s, p, slice, slot, session, offset, now);

	flow.settings = s;
	flow.slice = slice;
	flow.state = state;
	flow.slice_index = slice_index;
	flow.protocol = p->protocol;
	flow.source = p->ip->saddr;
	flow.destination = p->ip->daddr;
	flow.source_port = p->source;
	flow.destination_port = p->protocol == NAT_PROTOCOL_ICMP ? 0 : p->destination;
	flow.start = start;
	flow.now = now;
	verdict = flow_open(&flow, p->tcp_flags, p->icmp_type);
	if (verdict < 0)
		return -verdict;
	if (verdict != DROP_NONE)
		return drop(verdict);
	if (!flow.slot || !flow.session)
		return drop(DROP_LEAK_PREVENTED);
	return out_translate(s, p, slice, flow.slot, flow.session, flow.offset, now);
}

/* An ICMP error that a private machine sends about a packet it was sent through its mapping. */
static __always_inline int out_icmp_error(const struct settings *s, struct packet *p, void *data_end,
					  const struct slice *slice, __u32 slice_index)
{
	struct quote quote;
	__u64 endpoint;
	__u32 now = now_jiffies(), start, slot_index;
	struct session_data *session;
	struct slice_state *state;
	struct slot *slot = NULL;
	struct next_hop *hop;
	__s32 offset, free;
	struct run run;
	int reason;

	if (!quote_parse(p, data_end, &quote) || quote.ip->daddr != p->ip->saddr)
		return host_or_drop(p->ip->daddr, DROP_ICMP_NO_SESSION);
	if (!run_open(&run, slice, quote.protocol))
		return drop(DROP_NO_SLICE);
	endpoint = claim_endpoint(claim_make(quote.ip->daddr, quote.destination, 0, 0));
	start = run_start(&run, slice->secret, quote.ip->daddr, quote.destination, quote.protocol);
	offset = window_find(&run, start, endpoint, &slot, &free);
	state = bpf_map_lookup_elem(&slice_states, &slice_index);
	if (offset < 0 && state && state->overflow[quote.protocol < NAT_PROTOCOLS ? quote.protocol : 0])
		offset = overflow_find(&run, slice_index, quote.destination, quote.protocol, endpoint, &slot);
	if (offset < 0 || !slot || !slot_alive(slot, now))
		return host_or_drop(p->ip->daddr, DROP_ICMP_NO_SESSION);
	slot_index = slice->runs[quote.protocol < NAT_PROTOCOLS ? quote.protocol : 0] + offset;
	session = session_lookup(s, slot, slot_index, quote.ip->saddr,
				 quote.protocol == NAT_PROTOCOL_ICMP ? 0 : quote.source, now);
	if (!session)
		return host_or_drop(p->ip->daddr, DROP_ICMP_NO_SESSION);
	if (p->ip->ttl <= 1)
		return drop(DROP_TTL_EXPIRED);
	hop = session_next_hop(s, session, p->ip->daddr, &reason);
	if (!hop)
		return drop(reason);
	quote_rewrite_destination(p, &quote, data_end, slice->public_address, bpf_htons(slice->first_port + offset));
	error_source_rewrite(p, slice->public_address);
	ethernet_rewrite(p->eth, hop->destination_mac, hop->source_mac);
	count(COUNTER_ICMP_ERRORS, 1);
	count(COUNTER_OUT_PACKETS, 1);
	count(COUNTER_OUT_BYTES, p->length);
	return bpf_redirect(hop->ifindex, 0);
}

#endif
