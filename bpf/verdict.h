/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is to become of a packet. The functions that decide it change nothing of the packet and count nothing of it:
 * finish() (finish.h) does both, in one place for each hook.
 */
#ifndef NATGW_VERDICT_H
#define NATGW_VERDICT_H

#include "next_hop.h"
#include "types.h"

enum action {
	ACTION_DROP = 0, /* so that an empty verdict lets nothing through */
	ACTION_IGNORE,	 /* not the gateway's business: the kernel gets it as if no program ran */
	ACTION_TO_HOST,	 /* for the host itself, and counted as that */
	ACTION_FORWARD,	 /* translated, and sent to the next hop */
	ACTION_REPLY,	 /* made into its own answer, and sent back */
};

/* Small enough to live in registers: it is only ever handed between functions that are inlined. */
struct verdict {
	enum action action;
	enum drop_reason reason; /* of ACTION_DROP */
	/* Of ACTION_FORWARD, what takes the place of the endpoint that is hidden or was found: of the source on the
	 * way out, of the destination on the way in. An ICMP error has it in the packet that it quotes as well. */
	__be32 address;
	__be16 port;
	struct link_layer link; /* of the next hop; of ACTION_REPLY the source alone */
	__u32 ifindex;		/* of the device that sends it */
};

static __always_inline struct verdict dropped(enum drop_reason reason)
{
	return (struct verdict){.action = ACTION_DROP, .reason = reason};
}

static __always_inline struct verdict ignored(void)
{
	return (struct verdict){.action = ACTION_IGNORE};
}

static __always_inline struct verdict pass_to_host(void)
{
	return (struct verdict){.action = ACTION_TO_HOST};
}

#endif
