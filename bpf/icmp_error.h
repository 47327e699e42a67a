/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ICMP errors: the quoted packet is turned back to what its sender sent (RFC 5508 §4, §5). */
#ifndef NATGW_ICMP_ERROR_H
#define NATGW_ICMP_ERROR_H

#include "csum.h"
#include "parse.h"
#include "rewrite.h"

/*
 * An ICMP error and the packet that it quotes: an IP header and at least eight bytes more. Found anew by the functions
 * that are verified apart from the programs, so that what the programs know of a packet stays in registers.
 */
struct quote {
	struct iphdr *outer;
	struct icmphdr *icmp;
	struct iphdr *ip;
	void *l4;
	void *data_end;
	__u32 l4_length; /* as far as it is quoted */
	__u32 protocol;	 /* enum nat_protocol */
	__be16 source;
	__be16 destination;
};

/* Whether there is something that could belong to a flow of ours. parse_ipv4() took the packet for an ICMP error. */
static __always_inline bool quote_parse(struct xdp_md *ctx, struct quote *q)
{
	struct iphdr *outer = (void *)(long)ctx->data + sizeof(struct ethhdr), *ip;
	__u32 header, left;
	__be16 *ports;

	q->data_end = (void *)(long)ctx->data_end;
	if ((void *)(outer + 1) > q->data_end)
		return false;
	header = outer->ihl * 4;
	left = bpf_ntohs(outer->tot_len) - header; /* of the packet, which may end before its frame */
	q->outer = outer;
	q->icmp = (void *)outer + header;
	ip = (void *)(q->icmp + 1);
	if ((void *)(ip + 1) > q->data_end || left < sizeof(struct icmphdr) + sizeof(*ip))
		return false;
	header = ip->ihl * 4;
	left -= sizeof(struct icmphdr);
	if (ip->version != 4 || header < sizeof(*ip) || left < header + 8)
		return false;
	/* A fragment further on in its packet has no ports to go by. */
	if (ip->frag_off & bpf_htons(0x1fff))
		return false;
	q->ip = ip;
	q->l4 = (void *)ip + header;
	q->l4_length = left - header;
	if (q->l4 + 8 > q->data_end)
		return false;
	ports = q->l4;
	if (ip->protocol == IPPROTO_TCP || ip->protocol == IPPROTO_UDP) {
		q->protocol = ip->protocol == IPPROTO_TCP ? NAT_PROTOCOL_TCP : NAT_PROTOCOL_UDP;
		q->source = ports[0];
		q->destination = ports[1];
		return true;
	}
	if (ip->protocol == IPPROTO_ICMP) {
		struct icmphdr *icmp = q->l4;

		if (icmp->type != ICMP_ECHO && icmp->type != ICMP_ECHOREPLY)
			return false;
		q->protocol = NAT_PROTOCOL_ICMP;
		q->source = icmp->un.echo.id;
		q->destination = icmp->un.echo.id;
		return true;
	}
	return false;
}

/*
 * The checksums in the quote follow its addresses and ports, and the ICMP checksum follows all of them. The sum of a
 * quoted IP header does not change with its address, since its own checksum makes up for it. A quote may end before the
 * TCP checksum; it is not checked either way (RFC 5508 REQ-3c).
 */
static __always_inline void quote_rewrite(struct quote *q, __be32 *address, __be32 new_address, __be16 *port,
					  __be16 new_port)
{
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
		    (void *)&tcp->check + sizeof(tcp->check) <= q->data_end) {
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
	q->icmp->checksum = csum_apply(q->icmp->checksum, total);
}

/*
 * An ICMP error that is forwarded: its sender's address and that of the packet it quotes become the public ones, or its
 * receiver's the inside ones.
 */
static __noinline void icmp_error_rewrite(struct xdp_md *ctx, __be32 address, __be16 port, bool from_inside)
{
	struct quote q;
	__be32 *outer, *inner;
	__be16 *field;

	if (!quote_parse(ctx, &q))
		return;
	if (q.protocol == NAT_PROTOCOL_ICMP)
		field = &((struct icmphdr *)q.l4)->un.echo.id;
	else
		field = from_inside ? (__be16 *)q.l4 + 1 : q.l4;
	inner = from_inside ? &q.ip->daddr : &q.ip->saddr;
	outer = from_inside ? &q.outer->saddr : &q.outer->daddr;
	quote_rewrite(&q, inner, address, field, port);
	q.outer->check = csum_apply(q.outer->check, csum_delta32(*outer, address) + ttl_decrement(q.outer));
	*outer = address;
}

#endif
