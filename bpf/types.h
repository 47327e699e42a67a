/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every struct and enum that crosses to user space, and nothing else. src/dataplane/generated/layouts.ts is made from
 * this file's BTF (scripts/generate-layouts.ts): a change here is a change there, in one commit.
 *
 * Byte order is in the type (__be32, __be16); everything else is host order. Times are jiffies, the low 32 bits, and
 * are compared with wrap-around (settings.hz of them make a second). Structs used as map keys have no implicit padding.
 *
 * How functions of bpf/ answer:
 *   what can fail                  enum drop_reason, DROP_NONE (0) to go on; results go through out-parameters
 *   what decides about a packet    struct verdict (verdict.h)
 *   a look-up                      a pointer or NULL; an index or -1 where the caller needs the place
 *   a predicate                    bool
 *   a step of bpf_loop             0 to go on, 1 to stop
 *   a program of type syscall      enum call_result
 */
#ifndef NATGW_TYPES_H
#define NATGW_TYPES_H

#include <linux/types.h>

/* Which third of a slice a mapping lives in: each protocol has all ports of the slice to itself (RFC 7857 §5). */
enum nat_protocol {
	NAT_PROTOCOL_TCP = 0,
	NAT_PROTOCOL_UDP = 1,
	NAT_PROTOCOL_ICMP = 2, /* echo; the "port" is the identifier (RFC 5508 REQ-1) */
	NAT_PROTOCOLS = 3,
};

enum limits {
	MAX_SLOT_BLOCKS = 4096,
	MAX_NEXT_HOPS = 1024,
	MAX_COUNTERS = 64, /* more than there are, so that one more does not change a layout */
	MAX_DROP_REASONS = 128,
};

/*
 * Slots are kept in blocks, and in a block in groups. The number of a slot is its block << SLOT_BLOCK_SHIFT | its index
 * in the block. The slots of a range are neighbours in one block.
 */
enum slot_constants {
	SLOT_BLOCK_SHIFT = 16,
	BLOCK_SLOTS = 65536,
	GROUP_SLOTS = 64,
	BLOCK_GROUPS = 1024,
};

/* A bit for each IPv4 address: (address × HOST_FILTER_FACTOR, 32 bits) >> HOST_FILTER_SHIFT. */
enum host_filter_constants {
	HOST_FILTER_FACTOR = 0x9e3779b1,
	HOST_FILTER_SHIFT = 26,
};

/*
 * Raised when what is in a map changes its meaning but not its layout: where a hash places an entry, say. A field or
 * enumerator of another meaning takes a new name instead.
 */
enum layout_versions {
	LAYOUT_SLOT_BLOCKS = 1,
	LAYOUT_SESSIONS = 1,
};

/* One per host; index 0 of the map `settings`. Written by the agent only. */
struct settings {
	__u32 uplink_ifindex;
	__u32 hz;		/* jiffies a second */
	__u32 udp_timeout;	/* jiffies; RFC 4787 REQ-5 */
	__u32 tcp_established;	/* jiffies; RFC 5382 REQ-5 */
	__u32 tcp_transitory;	/* jiffies; RFC 5382 REQ-5 */
	__u32 icmp_timeout;	/* jiffies; RFC 5508 REQ-2 */
	__u32 port_reuse_delay; /* jiffies from expiry to the port being free: longer than any packet is under way in a
				   program */
	__u32 route_generation; /* raised when `routes` changed, or what an address is: sessions are judged again */
	__u32 slice_count;	/* slices[0 … slice_count − 1] may be in use */
	__u32 session_mask;	/* entries of `sessions` − 1; a power of two less one */
	__u32 enabled;		/* 0: private traffic is dropped (DROP_DISABLED), the uplink goes to the host */
	__u8 uplink_mac[6];	/* for ARP replies */
	__u16 flags;		/* enum settings_flags */
	__u32 new_flow_rate;	/* new flows a second and slice, and at once after a pause; 0: any number */
	__u64 session_secret;	/* keys the hash over `sessions` */
	__u64 host_filter;	/* of the addresses in `host_addresses`: enum host_filter_constants */
	__u32 session_capacity; /* entries of `sessions` that are given out: fewer than there are, so that places are
				   found */
	__u32 slice_sessions;	/* of these, for one slice at most */
};

enum settings_flags {
	SETTINGS_UDP_OUTBOUND_REFRESH = 1, /* only packets from inside prolong a UDP session (RFC 4787 REQ-6) */
};

enum device_constants {
	DEVICE_MACS = 4,
	MAC_BYTES = 6,
};

/* A private device or the uplink, by ifindex. */
struct device {
	__u32 vni; /* 0: none; the uplink */
	/* Which frames are for this host: the device's own address first, then those it shares (VRRP); at places
	 * without one the first again. */
	__u8 macs[DEVICE_MACS * MAC_BYTES];
};

/* Inside address of a Network → its slice. */
struct interface_key {
	__u32 vni;
	__be32 address;
};

struct interface {
	__u32 slice;   /* index into `slices`, NO_SLICE when none is assigned yet */
	__u32 ifindex; /* the only device this address may send from */
	__u32 flags;   /* enum interface_flags */
};

enum interface_flags {
	INTERFACE_AMBIGUOUS = 1, /* another Network here has the address too: the host could not tell whom it answers */
};

enum slice_constants {
	NO_SLICE = 0xffffffff,
};

/* A public address → where the slices of its ports begin. */
struct address_key {
	__be32 address;
};

enum address_flags {
	ADDRESS_SHARED = 1, /* the host uses it too: what is outside first_port … last_port goes to the kernel */
};

struct address {
	__u32 first_slice; /* index into `slices` of the slice that begins at first_port */
	__u16 first_port;
	__u16 last_port;  /* inclusive */
	__u16 slice_size; /* ports a slice */
	__u16 flags;	  /* enum address_flags */
};

enum next_hop_kind {
	NEXT_HOP_NONE = 0,     /* leads nowhere yet */
	NEXT_HOP_ETHERNET = 1, /* a neighbour on the link of `ifindex` */
	NEXT_HOP_IPIP6 = 2,    /* through an IP-in-IPv6 tunnel */
	NEXT_HOP_HAIRPIN = 3,  /* to another binding of this host */
	NEXT_HOP_HOST = 4,     /* the host itself */
};

enum next_hop_flags {
	NEXT_HOP_KIND = 15,	/* mask: enum next_hop_kind */
	NEXT_HOP_RESOLVED = 16, /* `destination_mac` is good */
	NEXT_HOP_BOUND = 32,	/* of a binding: only frames from `destination_mac` may use it */
};

/*
 * Where a packet goes next: outside (the map `next_hops`) and inside (in a binding). The first two words hold the
 * Ethernet header that it leaves with, whatever else the kind puts around it. Each is read and written at once:
 * programs go on while the neighbour changes.
 */
struct next_hop {
	__u8 destination_mac[6];
	__u16 flags; /* enum next_hop_flags */
	__u8 source_mac[6];
	__u16 mtu; /* of the packet, without Ethernet's header */
	__u32 ifindex;
};

/* What a public address or port range leads to. */
enum binding_kind {
	BINDING_NONE = 0,      /* nothing: free, or closed until its slots are flushed */
	BINDING_NAT_SLICE = 1, /* a port slice of one interface */
	BINDING_ONE_TO_ONE = 2,
	BINDING_LOAD_BALANCER = 3,
	BINDING_REMOTE = 4, /* another node has it */
};

/* One port slice and the interface that owns it. Written by the agent only. */
struct binding {
	__u64 secret;	      /* keys the choice of ports (RFC 6056); never shared between slices */
	__u32 first_slots[3]; /* numbers, enum slot_constants: each protocol has a range of `size` slots */
	__be32 public_address;
	__be32 inside_address;
	__u32 vni;
	__u16 first_port;
	__u16 size;		/* ports */
	__u32 epoch;		/* of the owner: raised each time the slice gets another */
	struct next_hop inside; /* to the owner, who sends from its `ifindex` alone */
	__u16 kind;		/* enum binding_kind */
	__u16 reserved;
};

/* What the programs keep about a slice, same index. Written by BPF only. */
struct slice_state {
	__u32 lock;	   /* held while a flow is made, and while a chained or multi-session mapping is taken away */
	__u32 used[3];	   /* slots in use, by enum nat_protocol */
	__u32 overflow[3]; /* of these, placed outside their probe window */
	__u32 peak[3];	   /* most ever in use */
	__u64 refused;	   /* new mappings refused because the slice was full */
	__u64 flow_bucket; /* of new flows: jiffies of the last refill << 32 | what is left, in 1 ÷ hz of a flow */
	__u32 sessions;	   /* entries of `sessions` that its mappings have */
	__u16 reported[2]; /* low bits of the jiffies of the last event, by enum event_type less one */
			   /* a cache line each, so that slices do not share one */
};

enum tcp_state {
	TCP_NONE = 0,
	TCP_OPENING,	 /* SYN seen from the inside */
	TCP_ESTABLISHED, /* each side has acknowledged the other's SYN */
	TCP_FIN_OUT,	 /* FIN seen from the inside */
	TCP_FIN_IN,	 /* FIN seen from the outside */
	TCP_CLOSING,	 /* both */
	TCP_RESET,	 /* RST seen: lives on for the transitory time (RFC 7857 §2.2) */
	TCP_HALF_OPEN,	 /* the outside acknowledged the SYN, the inside has not confirmed yet */
	TCP_RESUMING,	 /* after an RST the inside goes on; the outside has not answered yet */
};

/* The byte `tcp` of a session. */
enum session_tcp {
	SESSION_TCP_STATE = 15, /* mask: enum tcp_state */
	SESSION_TCP_SCALE = 4,	/* shift: window scale of the inside (RFC 7323) */
};

/* State of the first word of a slot or of an entry of `sessions`: bpf/atomic.h. */
enum word_state {
	WORD_FREE = 0,
	WORD_LIVE = 1,
	WORD_BUSY = 2, /* being made, or being taken apart: matches nothing */
};

/*
 * The owner word of a slot: epoch of the slice's owner << OWNER_EPOCH_SHIFT | inside port << OWNER_PORT_SHIFT |
 * generation << WORD_GENERATION_SHIFT | enum word_state. A slice has one owner, so the epoch stands for its address.
 * A free slot has only its generation.
 * The mapping word of an entry of `sessions`: number of the mapping's slot << MAPPING_SLOT_SHIFT | generation <<
 * WORD_GENERATION_SHIFT | enum word_state; a free entry is 0.
 * The generation is one more with each mapping in the slot.
 */
enum word_constants {
	WORD_STATE = 3, /* mask */
	WORD_GENERATION_SHIFT = 2,
	WORD_GENERATION = 0x3fff, /* mask, shifted down */
	OWNER_PORT_SHIFT = 16,
	OWNER_EPOCH_SHIFT = 32,
	MAPPING_SLOT_SHIFT = 32,
};

/*
 * The word `remote` of a session: two remotes of a mapping are the same one where it is the same. IPv4: address, host
 * order, << REMOTE_ADDRESS_SHIFT | port, 0 for ICMP echo.
 */
enum remote_constants {
	REMOTE_ADDRESS_SHIFT = 16,
};

/* The word `route` of a session: generation of the routes << ROUTE_HOP_BITS | index into `next_hops`. */
enum session_route {
	ROUTE_HOP_BITS = 10,
};

/* One remote of a mapping and what is known of the flow: RFC 4787's session. No address, so both families fit. */
struct session {
	__u64 remote; /* enum remote_constants */
	__u64 out_bytes;
	__u64 in_bytes;
	__u32 out_packets;
	__u32 in_packets;
	__u32 expires; /* jiffies */
	__u32 route;   /* enum session_route; one word, so that no CPU sees half of an update */
	__u32
	    sequence; /* of the outside, as last acknowledged by the inside; until HALF_OPEN that of the inside's SYN */
	__u8 tcp;     /* enum session_tcp */
	__u8 window;  /* last advertised by the inside, unscaled, in units of 256 bytes */
	__u16 flags;  /* enum slot_flags, of a session in its slot */
};

enum slot_flags {
	SLOT_OVERFLOW = 1,    /* outside its probe window: found by the chain of its bucket */
	SLOT_SECOND_HASH = 2, /* a further session is where the second hash points: there was no room at the first */
};

/* One external (address, protocol, port): the mapping and its first session. */
struct slot {
	__u64 owner;   /* enum word_constants */
	__u32 further; /* entries of `sessions` that are this mapping's; it lives as long as it has one */
	__u32 created; /* of `session`; jiffies */
	struct session session;
};

/* A further session of a mapping. Entries of an open-addressed table, index = hash. */
struct session_entry {
	__u64 mapping; /* enum word_constants */
	__u32 slice;   /* index of the slice that it counts for */
	__u32 created; /* jiffies */
	struct session session;
};

/*
 * One per slot. A mapping that did not fit its probe window is in the chain of the bucket that it hashes to. Offsets in
 * the range plus one, 0 for none. Changed under the slice's lock only.
 */
struct chain_node {
	__u16 first; /* of the chain of the bucket at this slot */
	__u16 next;  /* in the chain that the mapping in this slot is part of */
};

/* Slots and what is kept beside them. Whole cache lines, so that each slot is one. */
struct slot_group {
	struct slot slots[GROUP_SLOTS];
	__u16 ports[GROUP_SLOTS]; /* inside ports of the mappings, host order; of a free slot any */
	struct chain_node chain[GROUP_SLOTS];
	__u64 taken; /* a bit for each slot */
	__u32 due;   /* jiffies: the expiry need not look at the slots before; only where all are of one range */
	__u32 reserved;
	__u32 reserved2[12];
};

/* Where a destination outside goes. LPM over the uplink's routes. */
struct route_key {
	__u32 prefix_length; /* bits */
	__be32 address;
};

enum route_flags {
	ROUTE_ON_LINK = 1, /* the destination itself is the neighbour; a /32 appears once it is resolved */
	ROUTE_REJECT = 2,  /* inside prefix, unreachable or not routed by the uplink */
	ROUTE_INSIDE = 4,  /* leads to a private device, `ifindex` */
};

struct route {
	__u16 next_hop;
	__u16 flags;   /* enum route_flags */
	__u32 ifindex; /* of ROUTE_INSIDE */
};

/* An index stays with its neighbour, so that `ifindex` never changes while programs read the entry. */
struct next_hop_entry {
	struct next_hop hop;
	__be32 address; /* the neighbour, for people and for read-back */
};

/* An address the host itself answers on; IPv4 as ::ffff:a.b.c.d. */
struct host_address_key {
	__u8 address[16];
};

struct host_address {
	__u32 ifindex;
};

enum counter {
	COUNTER_OUT_PACKETS = 0, /* translated, inside → outside */
	COUNTER_OUT_BYTES,
	COUNTER_IN_PACKETS, /* translated, outside → inside */
	COUNTER_IN_BYTES,
	COUNTER_ICMP_ERRORS,	 /* translated ICMP errors, both directions; also in the packet counters */
	COUNTER_TO_HOST_PRIVATE, /* from a private device for the host itself */
	COUNTER_TO_HOST_UPLINK,	 /* from the uplink, no NAT address */
	COUNTER_ARP_REPLIES,
	COUNTER_MAPPINGS_CREATED,
	COUNTER_MAPPINGS_EXPIRED,
	COUNTER_SESSIONS_CREATED,
	COUNTER_SESSIONS_EXPIRED,
	COUNTER_EXPIRY_PASSES,
	COUNTERS,
};

enum drop_reason {
	DROP_NONE = 0,
	DROP_MALFORMED,	     /* truncated or inconsistent headers */
	DROP_NOT_IPV4,	     /* from a private device: neither IPv4 nor for the host itself */
	DROP_FRAGMENT,	     /* fragments are not translated yet */
	DROP_PROTOCOL,	     /* neither TCP, UDP nor ICMP */
	DROP_ICMP_TYPE,	     /* an ICMP type that is not translated */
	DROP_SPOOFED_SOURCE, /* the source address belongs to another device */
	DROP_UNKNOWN_SOURCE, /* no NetworkInterface has this source address */
	DROP_NO_SLICE,	     /* the interface has no port slice (no gateway, or its pool is full) */
	DROP_SLICE_FULL,     /* all ports of the slice are in use */
	DROP_SESSION_TABLE_FULL,
	DROP_CONTENDED,	   /* a lock was not had in time */
	DROP_TCP_NOT_SYN,  /* a TCP segment that belongs to no session and opens none */
	DROP_DESTINATION,  /* multicast, loopback, reserved, or an address inside of the same Network */
	DROP_NO_ROUTE,	   /* no route to the destination by the uplink */
	DROP_NO_NEIGHBOUR, /* next hop not resolved (yet) */
	DROP_TTL_EXPIRED,
	DROP_TOO_BIG,	       /* larger than the MTU of the way out */
	DROP_NO_MAPPING,       /* from outside: the port has no mapping */
	DROP_FILTERED,	       /* from outside: mapping there, but this remote was never contacted (APDF) */
	DROP_UNSOLICITED_ICMP, /* from outside: echo request and the like to a NAT address */
	DROP_NOT_A_SLICE,      /* from outside: the port belongs to no slice */
	DROP_ICMP_NO_SESSION,  /* an ICMP error that quotes no live session */
	DROP_INTERNAL,	       /* a state that cannot be: a bug; must stay 0 */
	DROP_DISABLED,	       /* programs attached, but not configured yet */
	DROP_CHECKSUM,	       /* wrong checksum of an IP header, of an ICMP error or of the header it quotes */
	DROP_SOURCE_ROUTE,     /* an IP option that says by which routers the packet is to go */
	DROP_IP_OPTION,	       /* an IP option that records addresses, in a packet that would be translated */
	DROP_VLAN,	       /* from a private device: tagged with a VLAN, which is another network */
	DROP_OTHER_MAC,	       /* to another station, or to many, by its Ethernet address: not ours to translate */
	DROP_INSIDE_ADDRESS,   /* from the uplink: for an address behind a private device */
	DROP_AMBIGUOUS_SOURCE, /* for the host, whose answer would go to another machine with this address */
	DROP_ICMP_DESTINATION, /* an ICMP error that does not go to the sender of the packet it quotes */
	DROP_SESSION_LIMIT,    /* the slice has its share of sessions beyond the first of each mapping */
	DROP_FLOW_RATE,	       /* the slice opens flows faster than it may */
	DROP_SPOOFED_MAC,      /* the source address is bound to another MAC than the frame came from */
	DROP_UNSUPPORTED,      /* leads to a kind of binding or next hop that this version does not serve */
	DROP_REASONS,
};

enum loss_error {
	LOSS_QUEUE_FULL = 0, /* the device took less than it was given; else a positive errno */
};

/* What the kernel lost behind the redirect. */
struct loss_key {
	__u32 ifindex; /* of the device that was to send it */
	__u32 error;   /* errno, or enum loss_error */
};

enum event_type {
	EVENT_NEIGHBOUR_MISSING = 1, /* address: a destination on link that is not resolved */
	EVENT_SLICE_FULL = 2,	     /* slice, protocol */
};

/* Record of the ring buffer `events`. */
struct event {
	__u32 type; /* enum event_type */
	__u32 slice;
	__be32 address;
	__u32 protocol; /* enum nat_protocol */
};

/* What the syscall programs return. */
enum call_result {
	CALL_DONE = 0,
	CALL_NOT_THERE = 1, /* no block, slice or protocol like that */
	CALL_LOCKED = 2,    /* a lock was not had in time */
};

/* Argument of the syscall program nat_flush: frees all slots of a range at once. */
struct flush_args {
	__u32 slice;
	__u32 protocol;	  /* enum nat_protocol */
	__u32 first_slot; /* as in struct binding */
	__u32 size;	  /* slots */
	__u32 freed;	  /* out */
};

/* Argument of nat_slot_blocks: which of 64 slot blocks exist. */
struct slot_blocks_args {
	__u32 first; /* in */
	__u32 reserved;
	__u64 present; /* out; bit 0: `first` */
};

/* Argument of nat_clock and nat_expire: what time it is for the programs, and what an expiry pass found. */
struct clock_args {
	__u64 jiffies;	    /* out */
	__u64 monotonic_ns; /* out; CLOCK_MONOTONIC */
};

struct expire_args {
	__u32 steps;   /* in: slots to visit at most */
	__u32 visited; /* out */
	__u32 freed;   /* out */
	__u32 passes;  /* out: full passes completed since load */
};

#endif
