/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a frame to the fields that translation needs. */
#ifndef NATGW_PARSE_H
#define NATGW_PARSE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/in.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <stdbool.h>
#include "types.h"

/* <linux/icmp.h> and <linux/if_arp.h> pull in the C library's socket headers, which are not for this target. */
struct icmphdr {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	union {
		struct {
			__be16 id;
			__be16 sequence;
		} echo;
		__u32 other;
	} un;
};

enum icmp_type {
	ICMP_ECHOREPLY = 0,
	ICMP_DEST_UNREACH = 3,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETERPROB = 12,
};

#define IP_FRAGMENT_MASK 0x3fff /* more fragments, or an offset */

enum packet_kind {
	PACKET_FLOW,	   /* TCP, UDP, ICMP echo or echo reply */
	PACKET_ICMP_ERROR, /* quotes a packet of a flow */
};

struct packet {
	struct ethhdr *eth;
	struct iphdr *ip;
	void *l4;
	__u32 length; /* of the IP packet */
	enum packet_kind kind;
	__u32 protocol; /* enum nat_protocol, for PACKET_FLOW */
	__be16 source;	/* ports; the ICMP identifier in both */
	__be16 destination;
	__u8 icmp_type;
	__u8 tcp_flags;
};

#define TCP_FLAG_FIN_BIT 0x01
#define TCP_FLAG_SYN_BIT 0x02
#define TCP_FLAG_RST_BIT 0x04
#define TCP_FLAG_ACK_BIT 0x10

static __always_inline bool icmp_is_error(__u8 type)
{
	return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
}

/*
 * The header `p->ip` was checked, and is known to lie within the frame, which is as long as its packet. Sets everything
 * else of `p`, whose layer-4 header lies within the frame then.
 */
static __always_inline enum drop_reason parse_ipv4(void *data_end, struct packet *p)
{
	struct iphdr *ip = p->ip;
	__u32 header = ip->ihl * 4, length;
	void *l4 = (void *)ip + header;

	p->length = bpf_ntohs(ip->tot_len);
	p->l4 = l4;
	if (p->length < header)
		return DROP_MALFORMED;
	if (ip->frag_off & bpf_htons(IP_FRAGMENT_MASK))
		return DROP_FRAGMENT;

	if (ip->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = l4;

		if ((void *)(tcp + 1) > data_end || p->length < header + sizeof(*tcp))
			return DROP_MALFORMED;
		if (tcp->doff * 4 < sizeof(*tcp) || header + tcp->doff * 4 > p->length)
			return DROP_MALFORMED;
		p->protocol = NAT_PROTOCOL_TCP;
		p->source = tcp->source;
		p->destination = tcp->dest;
		p->tcp_flags = ((__u8 *)tcp)[13];
		p->kind = PACKET_FLOW;
		return DROP_NONE;
	}
	if (ip->protocol == IPPROTO_UDP) {
		struct udphdr *udp = l4;

		if ((void *)(udp + 1) > data_end)
			return DROP_MALFORMED;
		/* The packet may be longer than its datagram (RFC 9868). */
		length = bpf_ntohs(udp->len);
		if (length < sizeof(*udp) || header + length > p->length)
			return DROP_MALFORMED;
		p->protocol = NAT_PROTOCOL_UDP;
		p->source = udp->source;
		p->destination = udp->dest;
		p->kind = PACKET_FLOW;
		return DROP_NONE;
	}
	if (ip->protocol == IPPROTO_ICMP) {
		struct icmphdr *icmp = l4;

		if ((void *)(icmp + 1) > data_end || p->length < header + sizeof(*icmp))
			return DROP_MALFORMED;
		p->protocol = NAT_PROTOCOL_ICMP;
		p->icmp_type = icmp->type;
		p->source = icmp->un.echo.id;
		p->destination = icmp->un.echo.id;
		p->kind = icmp_is_error(icmp->type) ? PACKET_ICMP_ERROR : PACKET_FLOW;
		if (p->kind == PACKET_FLOW && icmp->type != ICMP_ECHO && icmp->type != ICMP_ECHOREPLY)
			return DROP_ICMP_TYPE;
		return DROP_NONE;
	}
	return DROP_PROTOCOL;
}

#endif
