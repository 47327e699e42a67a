/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Outside → inside. */
#ifndef NATGW_INBOUND_H
#define NATGW_INBOUND_H

#include "arp.h"
#include "check.h"
#include "host.h"
#include "icmp_error.h"
#include "sessions.h"
#include "slots.h"
#include "verdict.h"

/* The mapping of an external port. */
struct ext_mapping {
	struct binding *slice;
	struct slot *slot;
	__u32 slot_number;
};

/* What is not NAT's: for a shared address the host's, else dropped. */
static __always_inline struct verdict pass_or_drop(const struct address *address, enum drop_reason reason)
{
	return address->flags & ADDRESS_SHARED ? pass_to_host() : dropped(reason);
}

/* (address, port) → slice by arithmetic → slot by index. */
static __always_inline enum drop_reason mapping_by_port(const struct address *address, __be32 public_address,
							__be16 public_port, __u32 protocol, __u32 now,
							struct ext_mapping *found)
{
	__u32 port = bpf_ntohs(public_port), index, offset;
	__u32 size = address->slice_size;
	struct binding *slice;
	struct slot *slot;
	struct slot_range range;
	__u64 owner;

	if (port < address->first_port || port > address->last_port || !size)
		return DROP_NOT_A_SLICE;
	index = address->first_slice + (port - address->first_port) / size;
	slice = bpf_map_lookup_elem(&slices, &index);
	if (!slice || slice->kind == BINDING_NONE || slice->public_address != public_address)
		return DROP_NOT_A_SLICE;
	if (slice->kind != BINDING_NAT_SLICE)
		return DROP_UNSUPPORTED;
	offset = port - slice->first_port;
	if (offset >= slice->size || !range_open(&range, slice, protocol))
		return DROP_NOT_A_SLICE;
	slot = range_slot(&range, offset);
	if (!slot)
		return DROP_NO_MAPPING;
	owner = READ_ONCE(slot->owner);
	slot = load_acquire(slot, owner);
	if (!slot_alive(slot, now) || owner_epoch(owner) != slice->epoch)
		return DROP_NO_MAPPING;
	found->slice = slice;
	found->slot = slot;
	found->slot_number = slice_first_slot(slice, protocol) + offset;
	return DROP_NONE;
}

/* Whether the packet can go on to the owner of the slice; `link` is how. */
static __always_inline enum drop_reason check_inbound(const struct packet *p, const struct binding *slice,
						      struct link_layer *link)
{
	enum drop_reason reason = next_hop_read(&slice->inside, link);

	if (reason != DROP_NONE)
		return reason;
	if (p->ip->ttl <= 1)
		return DROP_TTL_EXPIRED;
	return p->length > link_mtu(link) ? DROP_TOO_BIG : DROP_NONE;
}

static __always_inline struct verdict inbound_forward(const struct ext_mapping *mapping, const struct link_layer *link)
{
	return (struct verdict){
	    .action = ACTION_FORWARD,
	    .address = mapping->slice->inside_address,
	    .port = owner_port(mapping->slot->owner),
	    .link = *link,
	    .ifindex = mapping->slice->inside.ifindex,
	};
}

static __always_inline struct verdict inbound_flow(const struct settings *s, const struct address *address,
						   const struct packet *p, const void *data_end)
{
	__u32 now = now_jiffies();
	struct session *session;
	struct ext_mapping mapping = {};
	struct link_layer link;
	enum drop_reason reason;

	if (p->protocol == NAT_PROTOCOL_ICMP && p->icmp_type == ICMP_ECHO)
		return pass_or_drop(address, DROP_UNSOLICITED_ICMP);
	reason = mapping_by_port(address, p->ip->daddr, p->destination, p->protocol, now, &mapping);
	if (reason == DROP_NOT_A_SLICE)
		return pass_or_drop(address, reason);
	/* The host chooses identifiers for its own pings from the whole range. */
	if (reason == DROP_NO_MAPPING && p->protocol == NAT_PROTOCOL_ICMP)
		return pass_or_drop(address, reason);
	if (reason != DROP_NONE || !mapping.slot || !mapping.slice)
		return dropped(reason);
	session = session_lookup(mapping.slot, mapping.slot_number,
				 remote_make(p->ip->saddr, p->protocol == NAT_PROTOCOL_ICMP ? 0 : p->source), now);
	if (!session)
		return dropped(DROP_FILTERED);
	reason = check_inbound(p, mapping.slice, &link);
	if (reason != DROP_NONE)
		return dropped(reason);
	session_touch(s, session, p, data_end, now, 0);
	return inbound_forward(&mapping, &link);
}

/*
 * The mapping of the packet that an ICMP error quotes. DROP_ICMP_NO_SESSION: it never contacted whom the quoted packet
 * is for; any other reason: there is no mapping.
 */
static __noinline enum drop_reason inbound_quoted_mapping(struct xdp_md *ctx, const struct address *address,
							  struct ext_mapping *found)
{
	struct ext_mapping mapping = {};
	__u32 now = now_jiffies();
	enum drop_reason reason;
	struct quote quote;

	if (!quote_parse(ctx, &quote) || quote.ip->saddr != quote.outer->daddr)
		return DROP_NO_MAPPING;
	reason = mapping_by_port(address, quote.ip->saddr, quote.source, quote.protocol, now, &mapping);
	if (reason != DROP_NONE || !mapping.slot || !mapping.slice)
		return DROP_NO_MAPPING;
	*found = mapping;
	return session_lookup(mapping.slot, mapping.slot_number,
			      remote_make(quote.ip->daddr, quote.protocol == NAT_PROTOCOL_ICMP ? 0 : quote.destination),
			      now)
		   ? DROP_NONE
		   : DROP_ICMP_NO_SESSION;
}

/* Neither refreshes nor ends the session it is about (RFC 5508 REQ-6, RFC 5382 REQ-10); any router may send it. */
static __always_inline struct verdict inbound_icmp_error(struct xdp_md *ctx, const struct address *address,
							 const struct packet *p)
{
	enum drop_reason reason = icmp_error_check(ctx, p->ip->ihl * 4, p->length);
	struct ext_mapping mapping = {};
	struct link_layer link;

	if (reason != DROP_NONE)
		return pass_or_drop(address, reason);
	reason = inbound_quoted_mapping(ctx, address, &mapping);
	if (reason == DROP_ICMP_NO_SESSION)
		return dropped(reason);
	if (reason != DROP_NONE || !mapping.slot || !mapping.slice)
		return pass_or_drop(address, DROP_ICMP_NO_SESSION);
	reason = check_inbound(p, mapping.slice, &link);
	return reason == DROP_NONE ? inbound_forward(&mapping, &link) : dropped(reason);
}

/* A frame of the uplink. Sets `p` and `data_end`: the frame may be moved and cut before it is understood. */
static __always_inline struct verdict inbound_verdict(struct xdp_md *ctx, const struct settings *s, struct packet *p,
						      void **data_end)
{
	void *data = (void *)(long)ctx->data;
	struct address_key destination = {};
	__u32 ifindex = ctx->ingress_ifindex;
	enum drop_reason reason;
	struct address *address;

	*data_end = (void *)(long)ctx->data_end;
	p->eth = data;
	if (!s || data + sizeof(struct ethhdr) + sizeof(struct iphdr) > *data_end)
		return ignored();
	if (frame_is_tagged(p->eth)) {
		if (priority_tag_remove(ctx) != DROP_NONE)
			return ignored(); /* of another network, which is the host's */
		data = (void *)(long)ctx->data;
		*data_end = (void *)(long)ctx->data_end;
		if (data + sizeof(struct ethhdr) + sizeof(struct iphdr) > *data_end)
			return ignored();
		p->eth = data;
	}
	if (frame_type(p->eth) == bpf_htons(ETH_P_ARP))
		return arp_verdict(p->eth, *data_end, s, ifindex);
	if (frame_type(p->eth) != bpf_htons(ETH_P_IP))
		return ignored();
	p->ip = data + sizeof(struct ethhdr);
	reason = likely(ipv4_is_bare(p->ip)) ? DROP_NONE : ipv4_header_check_slow(ctx);
	if (reason == DROP_SOURCE_ROUTE)
		return dropped(reason);
	destination.address = p->ip->daddr;
	address = bpf_map_lookup_elem(&addresses, &destination);
	if (!address)
		return uplink_host_or_drop(p->ip->daddr); /* the kernel checks headers by itself */

	if (!frame_is_ours(p->eth, s->uplink_mac, ifindex))
		return mac_is_group(p->eth) ? pass_or_drop(address, DROP_OTHER_MAC) : ignored();
	if (reason == DROP_NONE && ipv4_is_bare(p->ip) && !ipv4_bare_sum_right(p->ip))
		reason = DROP_CHECKSUM;
	if (reason != DROP_NONE)
		return pass_or_drop(address, reason);
	if (!s->enabled)
		return pass_or_drop(address, DROP_DISABLED);
	reason = frame_trim(ctx, p, data_end);
	if (reason == DROP_NONE)
		reason = parse_ipv4(*data_end, p);
	if (reason != DROP_NONE)
		return pass_or_drop(address, reason == DROP_ICMP_TYPE ? DROP_UNSOLICITED_ICMP : reason);
	if (likely(p->kind == PACKET_FLOW))
		return inbound_flow(s, address, p, *data_end);
	return inbound_icmp_error(ctx, address, p);
}

#endif
