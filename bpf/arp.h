/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Answers ARP for the NAT addresses on the uplink, so that they need not be configured on the host. */
#ifndef NATGW_ARP_H
#define NATGW_ARP_H

#include "counters.h"
#include "ethernet.h"
#include "maps.h"
#include "parse.h"

#define ARPHRD_ETHER 1
#define ARPOP_REQUEST 1
#define ARPOP_REPLY 2

struct arp_ipv4 {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_length;
	__u8 protocol_length;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__be32 sender;
	__u8 target_mac[ETH_ALEN];
	__be32 target;
} __attribute__((packed));

static __always_inline int arp_reply(struct ethhdr *eth, void *data_end, const struct settings *s, __u32 ifindex)
{
	struct arp_ipv4 *arp = (void *)(eth + 1);
	struct address_key key = {};
	struct address *address;
	__be32 sender;

	if ((void *)(arp + 1) > data_end || arp->operation != bpf_htons(ARPOP_REQUEST) ||
	    arp->hardware != bpf_htons(ARPHRD_ETHER) || arp->protocol != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (!mac_is_group(eth) && !frame_is_ours(eth, s->uplink_mac, ifindex))
		return XDP_PASS; /* asks another station */
	key.address = arp->target;
	address = bpf_map_lookup_elem(&addresses, &key);
	if (!address || (address->flags & ADDRESS_SHARED))
		return XDP_PASS; /* the kernel answers for what is the host's */
	sender = arp->sender;
	arp->operation = bpf_htons(ARPOP_REPLY);
	__builtin_memcpy(arp->target_mac, arp->sender_mac, ETH_ALEN);
	__builtin_memcpy(arp->sender_mac, s->uplink_mac, ETH_ALEN);
	arp->sender = key.address;
	arp->target = sender;
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, s->uplink_mac, ETH_ALEN);
	count(COUNTER_ARP_REPLIES, 1);
	/* Not XDP_TX: on veth that needs a program at the peer, a redirect does with GRO. */
	return bpf_redirect(s->uplink_ifindex, 0);
}

#endif
