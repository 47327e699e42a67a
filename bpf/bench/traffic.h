/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the bench tells its generator and its sink; test/bench/traffic.ts writes and reads the same bytes. */
#ifndef NATGW_BENCH_TRAFFIC_H
#define NATGW_BENCH_TRAFFIC_H

#include <linux/types.h>

#define FIRST_PORT 1024
#define PORTS 64512 /* FIRST_PORT … 65535 */
#define MAX_LENGTHS 16
#define STAMP_EVERY 64 /* packets; as many as the bench lets go at once */
#define TIME_BUCKETS 4096
#define TIME_BUCKET_NS 512

/*
 * Flow n is sent by host n / flows_per_host, source port FIRST_PORT + (n + port_shift) % PORTS, to remote
 * (n + n / PORTS) % remotes: no two flows differ only in the host, so that a translator that keeps source ports can
 * keep them all.
 */
struct traffic {
	__u32 flows;
	__u32 flows_per_host;
	__u32 step; /* from one packet's flow to the next one's; coprime to `flows`, so that all have their turn */
	__u32 first_host;   /* host order */
	__u32 first_remote; /* host order */
	__u32 remotes;	    /* a power of two */
	__u32 ifindex;	    /* device to send by, of the generator's namespace */
	__u16 remote_port;
	__u8 protocol; /* 17 or 6 */
	__u8 tcp_flags;
	__u8 destination_mac[6];
	__u8 source_mac[6];
	__u32 answers; /* 1: from the remotes to what the sink saw, flow n to entry n of `seen` */
	__u32 port_shift;
	__u32 flood;	  /* 0, or every so many packets one is a SYN of a flow that never was before */
	__u32 flood_host; /* whose, host order */
	__u32 half_load;  /* 1: as long a pause after each STAMP_EVERY packets as they took; time of departure in the
			     payload */
	__u32 frame;	  /* bytes of the frame that the run is started with, without FCS */
	__u32 lengths;	  /* 0: all frames are as long as that */
	__u16 length[MAX_LENGTHS]; /* of frame n % lengths, none longer than that */
};

/* Per CPU. */
struct progress {
	__u64 sent;
	__u64 first_ns; /* at packet 0 */
	__u64 last_ns;	/* at packet `stamped`, a multiple of STAMP_EVERY */
	__u64 stamped;
	__u64 flow; /* of the next packet */
	__u64 flooded;
};

struct sink_settings {
	__be32 network; /* of the translated address */
	__be32 mask;
	__u32 first_remote; /* host order; 0: do not record */
	__u32 destination;  /* 1: the translated address is the destination */
	__u32 timed;	    /* 1: packets carry the time of departure */
};

/* Per CPU. */
struct received {
	__u64 translated;
	__u64 other; /* IPv4, but not within the network: not translated */
};

/* One packet as the sink saw it, in the order of arrival. */
struct seen {
	__be32 address;
	__be16 port;
	__u16 remote; /* number of it */
};

#endif
