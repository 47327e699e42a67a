/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a segment does to a session, after RFC 6146 §3.5.2.2 as RFC 7857 §2 asks. */
#ifndef NATGW_TCP_STATE_H
#define NATGW_TCP_STATE_H

#include "parse.h"
#include "types.h"

static __always_inline __u8 tcp_next_state(__u8 state, __u8 flags, int from_inside)
{
	if (flags & TCP_FLAG_RST_BIT)
		return TCP_RESET;
	switch (state) {
	case TCP_OPENING:
		/* An answer, be it SYN-ACK or the bare SYN of a simultaneous open, comes from the outside. */
		return !from_inside && (flags & TCP_FLAG_SYN_BIT) ? TCP_ESTABLISHED : TCP_OPENING;
	case TCP_ESTABLISHED:
		if (flags & TCP_FLAG_FIN_BIT)
			return from_inside ? TCP_FIN_OUT : TCP_FIN_IN;
		return TCP_ESTABLISHED;
	case TCP_FIN_OUT:
		return !from_inside && (flags & TCP_FLAG_FIN_BIT) ? TCP_CLOSING : TCP_FIN_OUT;
	case TCP_FIN_IN:
		return from_inside && (flags & TCP_FLAG_FIN_BIT) ? TCP_CLOSING : TCP_FIN_IN;
	case TCP_CLOSING:
		/* A new connection on the same ports; only the inside may begin one. */
		return from_inside && (flags & TCP_FLAG_SYN_BIT) ? TCP_OPENING : TCP_CLOSING;
	case TCP_RESET:
		/*
		 * The RST may have been refused: the inside going on brings the session back (RFC 7857 §2.2). The
		 * outside alone does not: what was in flight when the inside sent its RST must not keep the port for
		 * hours.
		 */
		if (!from_inside)
			return TCP_RESET;
		return flags & TCP_FLAG_SYN_BIT ? TCP_OPENING : TCP_ESTABLISHED;
	}
	return TCP_OPENING;
}

static __always_inline __u32 session_timeout(const struct settings *s, __u32 protocol, __u8 state)
{
	if (protocol == NAT_PROTOCOL_UDP)
		return s->udp_timeout;
	if (protocol == NAT_PROTOCOL_ICMP)
		return s->icmp_timeout;
	if (state == TCP_ESTABLISHED || state == TCP_FIN_OUT || state == TCP_FIN_IN)
		return s->tcp_established;
	return s->tcp_transitory;
}

#endif
