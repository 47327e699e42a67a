/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What translation changes in a packet: addresses, ports, TTL, checksums, MACs. */
#ifndef NATGW_REWRITE_H
#define NATGW_REWRITE_H

#include "csum.h"
#include "next_hop.h"
#include "parse.h"

/* One hop less to live; returns what that does to the IP header's checksum, as a delta. */
static __always_inline __u32 ttl_decrement(struct iphdr *ip)
{
	__u16 *word = (__u16 *)&ip->ttl;
	__u16 old = *word;

	ip->ttl--;
	return csum_delta16(old, *word);
}

/* Twelve bytes as three words. */
static __always_inline void ethernet_rewrite(struct ethhdr *eth, const struct link_layer *link)
{
	__u32 *to = (__u32 *)eth;

	to[0] = link->destination;
	to[1] = (__u32)(link->destination >> 32 & 0xffff) | (__u32)link->source << 16;
	to[2] = link->source >> 16;
}

/* Applies a delta to the checksum of the layer-4 header, which is known to lie within the frame. */
static __always_inline void l4_checksum_apply(struct packet *p, __u32 address_delta, __u32 port_delta)
{
	if (p->protocol == NAT_PROTOCOL_TCP) {
		struct tcphdr *tcp = p->l4;

		tcp->check = csum_apply(tcp->check, address_delta + port_delta);
	} else if (p->protocol == NAT_PROTOCOL_UDP) {
		struct udphdr *udp = p->l4;

		if (udp->check) { /* 0: the sender made none (RFC 768) */
			udp->check = csum_apply(udp->check, address_delta + port_delta);
			if (!udp->check)
				udp->check = 0xffff;
		}
	} else {
		struct icmphdr *icmp = p->l4; /* no pseudo header */

		icmp->checksum = csum_apply(icmp->checksum, port_delta);
	}
}

/* `address` is a field of the IP header; `port` one of the layer-4 header: a port, or the identifier of an echo. */
static __always_inline void endpoint_rewrite(struct packet *p, __be32 *address, __be32 new_address, __be16 *port,
					     __be16 new_port)
{
	__u32 address_delta = csum_delta32(*address, new_address);
	__u32 port_delta = csum_delta16(*port, new_port);

	p->ip->check = csum_apply(p->ip->check, address_delta + ttl_decrement(p->ip));
	*address = new_address;
	l4_checksum_apply(p, address_delta, port_delta);
	*port = new_port;
}

static __always_inline void source_rewrite(struct packet *p, __be32 address, __be16 port)
{
	__be16 *field = p->protocol == NAT_PROTOCOL_ICMP ? &((struct icmphdr *)p->l4)->un.echo.id : p->l4;

	endpoint_rewrite(p, &p->ip->saddr, address, field, port);
}

static __always_inline void destination_rewrite(struct packet *p, __be32 address, __be16 port)
{
	__be16 *field = p->protocol == NAT_PROTOCOL_ICMP ? &((struct icmphdr *)p->l4)->un.echo.id : (__be16 *)p->l4 + 1;

	endpoint_rewrite(p, &p->ip->daddr, address, field, port);
}

#endif
