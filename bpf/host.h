/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What belongs to the host itself: it stays reachable from the private side, whatever NAT thinks of the sender. */
#ifndef NATGW_HOST_H
#define NATGW_HOST_H

#include <linux/ipv6.h>
#include "counters.h"
#include "ethernet.h"
#include "maps.h"
#include "parse.h"
#include "verdict.h"

static __always_inline bool host_has_ipv4(__be32 address)
{
	struct host_address_key key = {.address = {[10] = 0xff, [11] = 0xff}};
	__u32 zero = 0;
	struct settings *s = bpf_map_lookup_elem(&settings, &zero);

	/* Few destinations are the host's, and the look-up is a good part of what a refused packet costs. Nobody keeps
	 * the filter while the gateway is not enabled. */
	if (s && s->enabled &&
	    !(s->host_filter >> ((__u32)(bpf_ntohl(address) * HOST_FILTER_FACTOR) >> HOST_FILTER_SHIFT) & 1))
		return false;
	__builtin_memcpy(&key.address[12], &address, sizeof(address));
	return bpf_map_lookup_elem(&host_addresses, &key) != NULL;
}

/* The link's own multicast and broadcast, which no IP stack forwards. */
static __always_inline bool ipv4_is_link_scope(__be32 address)
{
	__u32 host = bpf_ntohl(address);

	return host == 0xffffffff || (host & 0xffffff00) == 0xe0000000;
}

static __always_inline struct route *route_inside(__be32 address)
{
	struct route_key key = {.prefix_length = 32, .address = address};
	struct route *route = bpf_map_lookup_elem(&routes, &key);

	return route && (route->flags & ROUTE_INSIDE) ? route : NULL;
}

/*
 * Networks may use the same addresses, but the host has one routing table: it may be asked only by whom its answer goes
 * back to.
 */
static __always_inline bool answer_goes_back(__be32 source, __u32 ifindex)
{
	struct interface_key key = {.address = source};
	struct route *route = route_inside(source);
	struct interface *interface;
	struct device *device;

	if (route && route->ifindex != ifindex)
		return false;
	device = bpf_map_lookup_elem(&devices, &ifindex);
	if (!device)
		return true;
	key.vni = device->vni;
	interface = bpf_map_lookup_elem(&interfaces, &key);
	return !interface || !(interface->flags & INTERFACE_AMBIGUOUS);
}

/* The host's own addresses, and those of the link, which the host may want whoever asks. */
static __always_inline bool is_for_host(__be32 destination)
{
	return host_has_ipv4(destination) || ipv4_is_link_scope(destination);
}

/* Why the host does not get a packet of a private device that is not translated for `reason`. */
__noinline enum drop_reason host_refusal(__be32 source, __be32 destination, __u32 ifindex, enum drop_reason reason)
{
	if (!is_for_host(destination))
		return reason;
	return answer_goes_back(source, ifindex) ? DROP_NONE : DROP_AMBIGUOUS_SOURCE;
}

/* A packet of a private device that is not translated: the host's own, or dropped for `reason`. */
static __always_inline struct verdict host_or_drop(const struct packet *p, __u32 ifindex, enum drop_reason reason)
{
	reason = host_refusal(p->ip->saddr, p->ip->daddr, ifindex, reason);
	return reason == DROP_NONE ? pass_to_host() : dropped(reason);
}

/* Why the host must not get a packet of the uplink: it would forward it to a private machine. */
__noinline enum drop_reason uplink_host_refusal(__be32 destination)
{
	return !host_has_ipv4(destination) && route_inside(destination) ? DROP_INSIDE_ADDRESS : DROP_NONE;
}

/* A packet on the uplink that is for no NAT address. */
static __always_inline struct verdict uplink_host_or_drop(__be32 destination)
{
	enum drop_reason reason = uplink_host_refusal(destination);

	return reason == DROP_NONE ? pass_to_host() : dropped(reason);
}

/* Frames from a private device that are not IPv4. */
static __always_inline struct verdict handle_non_ipv4(const struct ethhdr *eth, const void *data_end)
{
	if (frame_type(eth) == bpf_htons(ETH_P_ARP))
		return pass_to_host();
	if (frame_type(eth) == bpf_htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip = (const void *)(eth + 1);
		struct host_address_key key;
		__u8 first, second;

		if ((const void *)(ip + 1) > data_end)
			return dropped(DROP_MALFORMED);
		first = ip->daddr.s6_addr[0];
		second = ip->daddr.s6_addr[1];
		if ((first == 0xff && (second & 0x0f) == 2) || (first == 0xfe && (second & 0xc0) == 0x80))
			return pass_to_host();
		__builtin_memcpy(key.address, &ip->daddr, sizeof(key.address));
		if (bpf_map_lookup_elem(&host_addresses, &key))
			return pass_to_host();
		return dropped(DROP_NOT_IPV4);
	}
	/* 01:80:c2:00:00:0x, bridge-local: LLDP, LACP, EAPOL, spanning tree. */
	if (eth->h_dest[0] == 0x01 && eth->h_dest[1] == 0x80 && eth->h_dest[2] == 0xc2 && !eth->h_dest[3] &&
	    !eth->h_dest[4] && !(eth->h_dest[5] & 0xf0))
		return pass_to_host();
	return dropped(DROP_NOT_IPV4);
}

#endif
