/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Outside → inside. */
#ifndef NATGW_IN_H
#define NATGW_IN_H

#include "icmp_error.h"
#include "route.h"
#include "sessions.h"
#include "slots.h"

/* A port of a NAT address, resolved. */
struct landing {
	struct slice *slice;
	struct slot *slot;
	__u32 slot_number;
};

/* What is not NAT's: for a shared address the host's, else dropped. */
static __always_inline int not_nat(const struct address *address, enum drop_reason reason)
{
	if (!(address->flags & ADDRESS_SHARED))
		return drop(reason);
	count(COUNTER_TO_HOST_UPLINK, 1);
	return XDP_PASS;
}

/* (address, port) → slice by arithmetic → slot by index. Returns DROP_NONE or why there is none. */
static __always_inline int landing_find(const struct address *address, __be32 public_address, __be16 public_port,
					__u32 protocol, __u32 now, struct landing *found)
{
	__u32 port = bpf_ntohs(public_port), index, offset;
	__u32 size = address->slice_size;
	struct slice *slice;
	struct slot *slot;
	struct slot_range range;
	__u64 owner;

	if (port < address->first_port || port > address->last_port || !size)
		return DROP_NOT_A_SLICE;
	index = address->first_slice + (port - address->first_port) / size;
	slice = bpf_map_lookup_elem(&slices, &index);
	if (!slice || !(slice->flags & SLICE_ACTIVE) || slice->public_address != public_address)
		return DROP_NOT_A_SLICE;
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

/* Checks that the way in is open; DROP_NONE or why not. */
static __always_inline int way_in(const struct packet *p, const struct slice *slice, struct link_layer *link)
{
	*link = link_layer_read(slice->destination_mac);
	if (!(link_flags(link) & SLICE_REACHABLE))
		return DROP_NO_NEIGHBOUR;
	if (p->ip->ttl <= 1)
		return DROP_TTL_EXPIRED;
	if (p->length > link_mtu(link))
		return DROP_TOO_BIG;
	return DROP_NONE;
}

static __always_inline int in_deliver(struct packet *p, const struct slice *slice, const struct link_layer *link)
{
	ethernet_rewrite(p->eth, link);
	count_packet(COUNTER_IN_PACKETS, p->length);
	return bpf_redirect(slice->ifindex, 0);
}

static __always_inline int in_flow(const struct settings *s, const struct address *address, struct packet *p,
				   const void *data_end)
{
	__u32 now = now_jiffies();
	struct session *session;
	struct landing landing = {};
	struct link_layer link;
	int reason;

	if (p->protocol == NAT_PROTOCOL_ICMP && p->icmp_type == ICMP_ECHO)
		return not_nat(address, DROP_UNSOLICITED_ICMP);
	reason = landing_find(address, p->ip->daddr, p->destination, p->protocol, now, &landing);
	if (reason == DROP_NOT_A_SLICE)
		return not_nat(address, reason);
	/* The host chooses identifiers for its own pings from the whole range. */
	if (reason == DROP_NO_MAPPING && p->protocol == NAT_PROTOCOL_ICMP)
		return not_nat(address, reason);
	if (reason != DROP_NONE || !landing.slot || !landing.slice)
		return drop(reason);
	session = session_lookup(landing.slot, landing.slot_number,
				 remote_make(p->ip->saddr, p->protocol == NAT_PROTOCOL_ICMP ? 0 : p->source), now);
	if (!session)
		return drop(DROP_FILTERED);
	reason = way_in(p, landing.slice, &link);
	if (reason != DROP_NONE)
		return drop(reason);
	session_touch(s, session, p, data_end, now, 0);
	destination_rewrite(p, landing.slice->inside_address, owner_port(landing.slot->owner));
	return in_deliver(p, landing.slice, &link);
}

/* Neither refreshes nor ends the session it is about (RFC 5508 REQ-6, RFC 5382 REQ-10); any router may send it. */
static __noinline int in_icmp_error(const struct address *address, struct packet *p, void *data_end)
{
	struct landing landing = {};
	struct link_layer link;
	struct quote quote;
	__u32 now = now_jiffies();
	int reason;

	if (!quote_parse(p, data_end, &quote) || quote.ip->saddr != p->ip->daddr)
		return not_nat(address, DROP_ICMP_NO_SESSION);
	reason = landing_find(address, quote.ip->saddr, quote.source, quote.protocol, now, &landing);
	if (reason != DROP_NONE || !landing.slot || !landing.slice)
		return not_nat(address, DROP_ICMP_NO_SESSION);
	if (!session_lookup(landing.slot, landing.slot_number,
			    remote_make(quote.ip->daddr, quote.protocol == NAT_PROTOCOL_ICMP ? 0 : quote.destination),
			    now))
		return drop(DROP_ICMP_NO_SESSION);
	reason = way_in(p, landing.slice, &link);
	if (reason != DROP_NONE)
		return drop(reason);
	quote_rewrite_source(p, &quote, data_end, landing.slice->inside_address, owner_port(landing.slot->owner));
	error_destination_rewrite(p, landing.slice->inside_address);
	count(COUNTER_ICMP_ERRORS, 1);
	return in_deliver(p, landing.slice, &link);
}

#endif
