/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ICMP errors: the quoted packet is turned back to what its sender sent (RFC 5508 §4, §5). */
#ifndef NATGW_ICMP_ERROR_H
#define NATGW_ICMP_ERROR_H

#include "csum.h"
#include "parse.h"
#include "route.h"

/* The packet inside of an ICMP error: its IP header and at least eight bytes more. */
struct quote {
	struct iphdr *ip;
	void *l4;
	__u32 l4_length; /* as far as it is quoted */
	__u32 protocol;	 /* enum nat_protocol */
	__be16 source;
	__be16 destination;
};

/* Returns 0 when there is nothing that could belong to a flow of ours. */
static __always_inline int quote_parse(struct packet *p, void *data_end, struct quote *q)
{
	struct iphdr *ip = p->l4 + sizeof(struct icmphdr);
	__u32 header, left = p->length - p->ip->ihl * 4; /* of the packet, which may end before its frame */
	__be16 *ports;

	if ((void *)(ip + 1) > data_end || left < sizeof(struct icmphdr) + sizeof(*ip))
		return 0;
	header = ip->ihl * 4;
	left -= sizeof(struct icmphdr);
	if (ip->version != 4 || header < sizeof(*ip) || left < header + 8)
		return 0;
	/* A fragment further on in its packet has no ports to go by. */
	if (ip->frag_off & bpf_htons(0x1fff))
		return 0;
	q->ip = ip;
	q->l4 = (void *)ip + header;
	q->l4_length = left - header;
	if (q->l4 + 8 > data_end)
		return 0;
	ports = q->l4;
	if (ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP) {
		q->protocol = ip->protocol == IPPROTO_TCP ? NAT_PROTOCOL_TCP : NAT_PROTOCOL_UDP;
		q->source = ports[0];
		q->destination = ports[1];
		return 1;
	}
	if (ip->protocol == IPPROTO_ICMP) {
		struct icmphdr *icmp = q->l4;

		if (icmp->type != ICMP_ECHO && icmp->type != ICMP_ECHOREPLY)
			return 0;
		q->protocol = NAT_PROTOCOL_ICMP;
		q->source = icmp->un.echo.id;
		q->destination = icmp->un.echo.id;
		return 1;
	}
	return 0;
}

/*
 * The checksums in the quote follow its addresses and ports, and the ICMP checksum follows all of them. The sum of a
 * quoted IP header does not change with its address, since its own checksum makes up for it. A quote may end before the
 * TCP checksum; it is not checked either way (RFC 5508 REQ-3c).
 */
static __always_inline void quote_rewrite(struct packet *p, struct quote *q, void *data_end, __be32 *address,
					  __be32 new_address, __be16 *port, __be16 new_port)
{
	struct icmphdr *icmp = p->l4;
	__u32 address_delta = csum_delta32(*address, new_address);
	__u32 port_delta = csum_delta16(*port, new_port);
	__u32 total = port_delta;
	__u16 old;

	*address = new_address;
	q->ip->check = csum_apply(q->ip->check, address_delta);
	*port = new_port;
	if (q->protocol == NAT_PROTOCOL_TCP) {
		struct tcphdr *tcp = q->l4;

		if (q->l4_length >= offsetof(struct tcphdr, check) + sizeof(tcp->check) &&
		    (void *)&tcp->check + sizeof(tcp->check) <= data_end) {
			old = tcp->check;
			tcp->check = csum_apply(old, address_delta + port_delta);
			total += csum_delta16(old, tcp->check);
		}
	} else if (q->protocol == NAT_PROTOCOL_UDP) {
		struct udphdr *udp = q->l4;

		if (udp->check) {
			old = udp->check;
			udp->check = csum_apply(old, address_delta + port_delta);
			if (!udp->check)
				udp->check = 0xffff;
			total += csum_delta16(old, udp->check);
		}
	} else {
		struct icmphdr *echo = q->l4;

		old = echo->checksum;
		echo->checksum = csum_apply(old, port_delta);
		total += csum_delta16(old, echo->checksum);
	}
	icmp->checksum = csum_apply(icmp->checksum, total);
}

static __always_inline void quote_rewrite_source(struct packet *p, struct quote *q, void *data_end, __be32 address,
						 __be16 port)
{
	__be16 *field = q->protocol == NAT_PROTOCOL_ICMP ? &((struct icmphdr *)q->l4)->un.echo.id : q->l4;

	quote_rewrite(p, q, data_end, &q->ip->saddr, address, field, port);
}

static __always_inline void quote_rewrite_destination(struct packet *p, struct quote *q, void *data_end, __be32 address,
						      __be16 port)
{
	__be16 *field = q->protocol == NAT_PROTOCOL_ICMP ? &((struct icmphdr *)q->l4)->un.echo.id : (__be16 *)q->l4 + 1;

	quote_rewrite(p, q, data_end, &q->ip->daddr, address, field, port);
}

static __always_inline void error_source_rewrite(struct packet *p, __be32 address)
{
	__u32 delta = csum_delta32(p->ip->saddr, address) + ttl_decrement(p->ip);

	p->ip->check = csum_apply(p->ip->check, delta);
	p->ip->saddr = address;
}

static __always_inline void error_destination_rewrite(struct packet *p, __be32 address)
{
	__u32 delta = csum_delta32(p->ip->daddr, address) + ttl_decrement(p->ip);

	p->ip->check = csum_apply(p->ip->check, delta);
	p->ip->daddr = address;
}

#endif
