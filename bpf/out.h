/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Inside → outside. */
#ifndef NATGW_OUT_H
#define NATGW_OUT_H

#include "create.h"
#include "host.h"
#include "icmp_error.h"
#include "route.h"
#include "sessions.h"
#include "slots.h"

#define WAY_TO_HOST DROP_REASONS

/* The next hop of a living session's remote, judged as that of a new flow: an index, or the negative of a drop reason
 * or of WAY_TO_HOST. */
__noinline int way_out(__be32 remote, __u32 slice_index)
{
	struct slice *slice = bpf_map_lookup_elem(&slices, &slice_index);
	__u32 zero = 0;
	struct settings *s = bpf_map_lookup_elem(&settings, &zero);

	if (!slice || !s)
		return -DROP_NO_SLICE;
	if (host_has_ipv4(remote))
		return -WAY_TO_HOST;
	if (destination_refused(slice->vni, remote))
		return -DROP_DESTINATION;
	return route_lookup(remote, slice_index, s->hz);
}

/*
 * The way out to the session's remote as it is now. Sessions keep the index of their next hop and are judged again when
 * routes changed, or what an address is; nothing but their remote decides. One whose remote is not outside any more
 * ends.
 */
static __always_inline struct next_hop *session_next_hop(const struct settings *s, struct session *session,
							 __u32 slice_index, struct link_layer *link, int *reason)
{
	__u32 generation = s->route_generation, word = READ_ONCE(session->route), index;
	struct next_hop *hop;

	if (!likely(route_is_current(word, generation))) {
		int found = way_out(remote_address(session->remote), slice_index);

		if (found < 0) {
			if (found == -WAY_TO_HOST || found == -DROP_DESTINATION)
				WRITE_ONCE(session->expires, now_jiffies());
			*reason = -found;
			return NULL;
		}
		word = route_word(generation, found);
		WRITE_ONCE(session->route, word);
	}
	*reason = DROP_NO_NEIGHBOUR;
	index = word & (MAX_NEXT_HOPS - 1);
	hop = bpf_map_lookup_elem(&next_hops, &index);
	if (!hop)
		return NULL;
	*link = link_layer_read(hop->destination_mac);
	return link_flags(link) & NEXT_HOP_RESOLVED ? hop : NULL;
}

/* A session and where it is. */
struct outgoing {
	const struct slice *slice;
	struct session *session;
	__u32 slice_index;
	__u32 offset; /* of its mapping's slot in its range */
};

static __always_inline int out_translate(const struct settings *s, struct packet *p, const void *data_end,
					 const struct outgoing *out, __u32 now)
{
	struct link_layer link;
	int reason;
	struct next_hop *hop = session_next_hop(s, out->session, out->slice_index, &link, &reason);

	if (!hop)
		return reason == WAY_TO_HOST
			   ? host_or_drop(p->ip->saddr, p->ip->daddr, out->slice->ifindex, DROP_DESTINATION)
			   : drop(reason);
	if (p->length > link_mtu(&link))
		return drop(DROP_TOO_BIG);
	session_touch(s, out->session, p, data_end, now, 1);
	source_rewrite(p, out->slice->public_address, bpf_htons(out->slice->first_port + out->offset));
	ethernet_rewrite(p->eth, &link);
	count_packet(COUNTER_OUT_PACKETS, p->length);
	return bpf_redirect(hop->ifindex, 0);
}

static __always_inline int out_flow(struct settings *s, struct packet *p, const void *data_end, struct slice *slice,
				    __u32 slice_index)
{
	__be16 remote_port = p->protocol == NAT_PROTOCOL_ICMP ? 0 : p->destination;
	struct outgoing out = {.slice = slice, .slice_index = slice_index};
	struct flow_request request = {};
	__u32 now = now_jiffies(), bucket, epoch;
	struct slot *slot;
	struct slot_range range;
	int verdict;

	if (!range_open(&range, slice, p->protocol))
		return drop(DROP_NO_SLICE);
	if (p->ip->ttl <= 1)
		return host_or_drop(p->ip->saddr, p->ip->daddr, slice->ifindex, DROP_TTL_EXPIRED);
	epoch = READ_ONCE(slice->epoch);
	bucket = bucket_of(&range, slice->secret, p->source, p->protocol);
	slot = slot_lookup(&range, slice_index, p->protocol, endpoint_make(epoch, p->source), bucket, &out.offset);
	if (likely(slot && slot_alive(slot, now))) {
		out.session = session_lookup(slot, slice_first_slot(slice, p->protocol) + out.offset,
					     remote_make(p->ip->daddr, remote_port), now);
		if (likely(out.session))
			return out_translate(s, p, data_end, &out, now);
	}

	verdict = flow_refusal(s, slice, slice_index, slot, p, now);
	if (verdict != DROP_NONE)
		return drop(verdict);
	request.slice = slice_index;
	request.protocol = p->protocol;
	request.epoch = epoch;
	request.destination = p->ip->daddr;
	request.source_port = p->source;
	request.destination_port = remote_port;
	request.bucket = bucket;
	request.tcp_flags = p->tcp_flags;
	request.icmp_type = p->icmp_type;
	request.now = now;
	verdict = flow_open(&request);
	if (verdict == FLOW_TO_HOST)
		return host_or_drop(p->ip->saddr, p->ip->daddr, slice->ifindex, DROP_DESTINATION);
	if (verdict != DROP_NONE)
		return drop(verdict);
	slot = range_slot(&range, request.offset);
	if (!slot)
		return drop(DROP_LEAK_PREVENTED);
	out.offset = request.offset;
	out.session = &slot->session;
	if (request.session >= 0) {
		__u32 index = request.session;
		struct session_entry *entry = bpf_map_lookup_elem(&sessions, &index);

		if (!entry)
			return drop(DROP_LEAK_PREVENTED);
		out.session = &entry->session;
	}
	return out_translate(s, p, data_end, &out, now);
}

/* An ICMP error that a private machine sends to the remote of a session, about a packet that came from there. */
static __noinline int out_icmp_error(const struct settings *s, struct packet *p, void *data_end,
				     const struct slice *slice, __u32 slice_index)
{
	struct link_layer link;
	struct quote quote;
	__u32 now = now_jiffies(), bucket, offset;
	struct session *session;
	struct next_hop *hop;
	struct slot *slot;
	struct slot_range range;
	int reason;

	if (!quote_parse(p, data_end, &quote) || quote.ip->daddr != p->ip->saddr)
		return host_or_drop(p->ip->saddr, p->ip->daddr, slice->ifindex, DROP_ICMP_NO_SESSION);
	if (!range_open(&range, slice, quote.protocol))
		return drop(DROP_NO_SLICE);
	bucket = bucket_of(&range, slice->secret, quote.destination, quote.protocol);
	slot = slot_lookup(&range, slice_index, quote.protocol, endpoint_make(slice->epoch, quote.destination), bucket,
			   &offset);
	if (!slot || !slot_alive(slot, now))
		return host_or_drop(p->ip->saddr, p->ip->daddr, slice->ifindex, DROP_ICMP_NO_SESSION);
	session =
	    session_lookup(slot, slice_first_slot(slice, quote.protocol) + offset,
			   remote_make(quote.ip->saddr, quote.protocol == NAT_PROTOCOL_ICMP ? 0 : quote.source), now);
	if (!session)
		return host_or_drop(p->ip->saddr, p->ip->daddr, slice->ifindex, DROP_ICMP_NO_SESSION);
	if (p->ip->daddr != remote_address(session->remote))
		return host_or_drop(p->ip->saddr, p->ip->daddr, slice->ifindex, DROP_ICMP_DESTINATION);
	if (p->ip->ttl <= 1)
		return drop(DROP_TTL_EXPIRED);
	hop = session_next_hop(s, session, slice_index, &link, &reason);
	if (!hop)
		return reason == WAY_TO_HOST
			   ? host_or_drop(p->ip->saddr, p->ip->daddr, slice->ifindex, DROP_DESTINATION)
			   : drop(reason);
	if (p->length > link_mtu(&link))
		return drop(DROP_TOO_BIG);
	quote_rewrite_destination(p, &quote, data_end, slice->public_address, bpf_htons(slice->first_port + offset));
	error_source_rewrite(p, slice->public_address);
	ethernet_rewrite(p->eth, &link);
	count(COUNTER_ICMP_ERRORS, 1);
	count_packet(COUNTER_OUT_PACKETS, p->length);
	return bpf_redirect(hop->ifindex, 0);
}

#endif
