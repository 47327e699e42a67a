/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a segment does to a session, after RFC 6146 §3.5.2.2 as RFC 7857 §2 asks, and safe from outsiders that forge the
 * remote's address: only the inside prolongs a session, which a live connection makes it do, since it acknowledges what
 * arrives. What comes from the outside ends or revives one only where its sequence number is one that the inside would
 * take (as RFC 5961 asks of hosts), and opens one only where it acknowledges the SYN.
 */
#ifndef NATGW_TCP_STATE_H
#define NATGW_TCP_STATE_H

#include "parse.h"
#include "types.h"

#define TCP_RESTART 0x100    /* of what the functions below return: the timer of the state begins */
#define TCP_LARGEST_SCALE 14 /* RFC 7323 §2.3 */
#define TCP_SYN_DATA 65535   /* what a SYN may carry (RFC 7413) and its answer acknowledge */
#define TCP_OPTIONS_LOOKED_AT 12

static __always_inline int tcp_restart(__u32 state)
{
	return state | TCP_RESTART;
}

/*
 * A segment from the inside. Functions that are verified on their own, apart from the programs that call them.
 * `sequence`: its own; `syn_sequence`: that of the SYN which opened the session, while it is opening.
 * Returns the next enum tcp_state and TCP_RESTART.
 */
__noinline int tcp_next_inside(__u32 state, __u32 flags, __u32 sequence, __u32 syn_sequence)
{
	int begins = (flags & (TCP_FLAG_SYN_BIT | TCP_FLAG_ACK_BIT)) == TCP_FLAG_SYN_BIT;

	if (flags & TCP_FLAG_RST_BIT) {
		/* An answer to what came unasked for: neither prolongs what is ending (RFC 7857 §7.1). */
		if (state == TCP_CLOSING || state == TCP_RESET)
			return state;
		return state == TCP_RESUMING ? TCP_RESET : tcp_restart(TCP_RESET);
	}
	switch (state) {
	case TCP_HALF_OPEN:
		if (begins && sequence != syn_sequence)
			return tcp_restart(TCP_OPENING);
		/* A SYN sent again may cross the answer to the first. */
		return tcp_restart(begins ? TCP_HALF_OPEN : TCP_ESTABLISHED);
	case TCP_ESTABLISHED:
		return tcp_restart(flags & TCP_FLAG_FIN_BIT ? TCP_FIN_OUT : TCP_ESTABLISHED);
	case TCP_FIN_OUT:
		return tcp_restart(TCP_FIN_OUT);
	case TCP_FIN_IN:
		return tcp_restart(flags & TCP_FLAG_FIN_BIT ? TCP_CLOSING : TCP_FIN_IN);
	case TCP_CLOSING:
		/* A new connection on the same ports; only the inside may begin one. */
		return begins ? tcp_restart(TCP_OPENING) : TCP_CLOSING;
	case TCP_RESET:
	case TCP_RESUMING:
		/*
		 * The RST may have been refused. The inside going on brings the session back once it is answered (RFC
		 * 7857 §2.2): what was in flight when the RST came must not keep the port for hours. A FIN ends it
		 * anyway.
		 */
		if (begins)
			return tcp_restart(TCP_OPENING);
		return flags & TCP_FLAG_FIN_BIT ? state : TCP_RESUMING;
	}
	return tcp_restart(TCP_OPENING);
}

/* A segment from the outside. `expected`: its sequence number is one that the inside would take; `answers`: it
 * acknowledges the SYN. */
__noinline int tcp_next_outside(__u32 state, __u32 flags, __u32 expected, __u32 answers)
{
	switch (state) {
	case TCP_OPENING:
	case TCP_HALF_OPEN:
		if (!(flags & TCP_FLAG_ACK_BIT) || !answers)
			return state;
		if (flags & TCP_FLAG_RST_BIT)
			return tcp_restart(TCP_RESET);
		return state == TCP_OPENING ? tcp_restart(TCP_HALF_OPEN) : TCP_HALF_OPEN;
	case TCP_ESTABLISHED:
	case TCP_FIN_OUT:
	case TCP_FIN_IN:
		if (!expected)
			return state;
		if (flags & TCP_FLAG_RST_BIT)
			return tcp_restart(TCP_RESET);
		if (!(flags & TCP_FLAG_FIN_BIT))
			return state;
		return state == TCP_FIN_OUT ? tcp_restart(TCP_CLOSING) : TCP_FIN_IN;
	case TCP_RESUMING:
		if (!expected)
			return TCP_RESUMING;
		if (flags & TCP_FLAG_RST_BIT)
			return TCP_RESET;
		return flags & TCP_FLAG_ACK_BIT ? tcp_restart(TCP_ESTABLISHED) : TCP_RESUMING;
	}
	return state;
}

/* The window scale that a SYN announces (RFC 7323 §2.2), 0 where it announces none. */
static __noinline __u32 tcp_window_scale(const struct tcphdr *tcp, const void *data_end)
{
	__u32 end = tcp->doff * 4, at = sizeof(*tcp);

	for (int i = 0; i < TCP_OPTIONS_LOOKED_AT; i++) {
		const __u8 *option;

		at &= 63;
		option = (const void *)tcp + at;
		if ((const void *)(option + 3) > data_end || at + 3 > end || option[0] == 0)
			return 0;
		if (option[0] == 3)
			return option[2] < TCP_LARGEST_SCALE ? option[2] : TCP_LARGEST_SCALE;
		at += option[0] == 1 ? 1 : option[1];
	}
	return 0;
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
