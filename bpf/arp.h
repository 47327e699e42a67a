/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Answers ARP for the NAT addresses on the uplink, so that they need not be configured on the host. */
#ifndef NATGW_ARP_H
#define NATGW_ARP_H

#include "ethernet.h"
#include "maps.h"
#include "parse.h"
#include "verdict.h"

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

static __always_inline struct verdict arp_verdict(const struct ethhdr *eth, const void *data_end,
						  const struct settings *s, __u32 ifindex)
{
	const struct arp_ipv4 *arp = (const void *)(eth + 1);
	struct verdict reply = {.action = ACTION_REPLY, .ifindex = s->uplink_ifindex};
	struct address_key key = {};
	struct address *address;

	if ((const void *)(arp + 1) > data_end || arp->operation != bpf_htons(ARPOP_REQUEST) ||
	    arp->hardware != bpf_htons(ARPHRD_ETHER) || arp->protocol != bpf_htons(ETH_P_IP))
		return ignored();
	if (!mac_is_group(eth) && !frame_is_ours(eth, s->uplink_mac, ifindex))
		return ignored(); /* asks another station */
	key.address = arp->target;
	address = bpf_map_lookup_elem(&addresses, &key);
	if (!address || (address->flags & ADDRESS_SHARED))
		return ignored(); /* the kernel answers for what is the host's */
	reply.link.source = mac_first(s->uplink_mac) | (__u64)mac_last(s->uplink_mac) << 16;
	return reply;
}

/* Makes the request its answer: `mac` has what was asked for. */
static __noinline void arp_answer(struct xdp_md *ctx, __u64 mac)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct arp_ipv4 *arp = (void *)(eth + 1);
	__be32 asked;

	if ((void *)(arp + 1) > (void *)(long)ctx->data_end)
		return;
	asked = arp->target;
	arp->operation = bpf_htons(ARPOP_REPLY);
	__builtin_memcpy(arp->target_mac, arp->sender_mac, ETH_ALEN);
	__builtin_memcpy(arp->sender_mac, &mac, ETH_ALEN);
	arp->target = arp->sender;
	arp->sender = asked;
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, &mac, ETH_ALEN);
}

#endif
