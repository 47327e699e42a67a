/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Inside → outside. */
#ifndef NATGW_OUTBOUND_H
#define NATGW_OUTBOUND_H

#include "check.h"
#include "create.h"
#include "host.h"
#include "icmp_error.h"
#include "route.h"
#include "sessions.h"
#include "slots.h"
#include "source.h"
#include "verdict.h"

/* The next hop of a living session's remote, judged as that of a new flow. */
__noinline enum drop_reason way_out(__be32 remote, __u32 slice_index, __u32 *found)
{
	struct binding *slice = bpf_map_lookup_elem(&slices, &slice_index);
	__u32 zero = 0;
	struct settings *s = bpf_map_lookup_elem(&settings, &zero);

	if (!slice || !s || !found)
		return DROP_NO_SLICE;
	if (host_has_ipv4(remote) || destination_refused(slice->vni, remote))
		return DROP_DESTINATION;
	return route_lookup(remote, slice_index, s->hz, found);
}

/*
 * The way out to the session's remote as it is now. Sessions keep the index of their next hop and are judged again when
 * routes changed, or what an address is; nothing but their remote decides. One whose remote is not outside any more
 * ends.
 */
static __always_inline enum drop_reason session_next_hop(const struct settings *s, struct session *session,
							 __u32 slice_index, struct link_layer *link, __u32 *ifindex)
{
	__u32 generation = s->route_generation, word = READ_ONCE(session->route), index;
	struct next_hop_entry *entry;

	if (!likely(route_is_current(word, generation))) {
		__u32 found = 0;
		enum drop_reason reason = way_out(remote_address(session->remote), slice_index, &found);

		if (reason == DROP_DESTINATION)
			WRITE_ONCE(session->expires, now_jiffies());
		if (reason != DROP_NONE)
			return reason;
		word = route_word(generation, found);
		WRITE_ONCE(session->route, word);
	}
	index = word & (MAX_NEXT_HOPS - 1);
	entry = bpf_map_lookup_elem(&next_hops, &index);
	if (!entry)
		return DROP_NO_NEIGHBOUR;
	*ifindex = entry->hop.ifindex;
	return next_hop_read(&entry->hop, link);
}

/* A session and where it is. */
struct outgoing {
	const struct binding *slice;
	struct session *session;
	__u32 slice_index;
	__u32 offset; /* of its mapping's slot in its range */
};

static __always_inline struct verdict outbound_forward(const struct settings *s, const struct packet *p,
						       const void *data_end, const struct outgoing *out, __u32 now)
{
	struct verdict v = {.action = ACTION_FORWARD, .address = out->slice->public_address};
	enum drop_reason reason = session_next_hop(s, out->session, out->slice_index, &v.link, &v.ifindex);

	if (reason != DROP_NONE)
		return host_or_drop(p, out->slice->inside.ifindex, reason);
	if (p->length > link_mtu(&v.link))
		return dropped(DROP_TOO_BIG);
	v.port = bpf_htons(out->slice->first_port + out->offset);
	/* An ICMP error neither refreshes nor ends the session it is about (RFC 5508 REQ-6, RFC 5382 REQ-10). */
	if (p->kind == PACKET_FLOW)
		session_touch(s, out->session, p, data_end, now, 1);
	return v;
}

/* A session for a packet that has none alive. `slot`: of its inside endpoint, or NULL. */
static __always_inline enum drop_reason outbound_open(const struct settings *s, const struct packet *p,
						      const struct slot_range *range, const struct slot *slot,
						      __u32 epoch, __u32 bucket, __u32 now, struct outgoing *out)
{
	struct flow_request request = {};
	enum drop_reason reason = flow_refusal(s, out->slice, out->slice_index, slot, p, now);
	struct slot *made;

	if (reason != DROP_NONE)
		return reason;
	request.slice = out->slice_index;
	request.protocol = p->protocol;
	request.epoch = epoch;
	request.destination = p->ip->daddr;
	request.source_port = p->source;
	request.destination_port = p->protocol == NAT_PROTOCOL_ICMP ? 0 : p->destination;
	request.bucket = bucket;
	request.tcp_flags = p->tcp_flags;
	request.icmp_type = p->icmp_type;
	request.now = now;
	reason = flow_open(&request);
	if (reason != DROP_NONE)
		return reason;
	made = range_slot(range, request.offset);
	if (!made)
		return DROP_INTERNAL;
	out->offset = request.offset;
	out->session = &made->session;
	if (request.session >= 0) {
		__u32 index = request.session;
		struct session_entry *entry = bpf_map_lookup_elem(&sessions, &index);

		if (!entry)
			return DROP_INTERNAL;
		out->session = &entry->session;
	}
	return DROP_NONE;
}

static __always_inline struct verdict outbound_flow(const struct settings *s, const struct packet *p,
						    const void *data_end, const struct binding *slice,
						    __u32 slice_index)
{
	struct outgoing out = {.slice = slice, .slice_index = slice_index};
	__u32 now = now_jiffies(), bucket, epoch;
	enum drop_reason reason;
	struct slot_range range;
	struct slot *slot;

	if (!range_open(&range, slice, p->protocol))
		return dropped(DROP_NO_SLICE);
	if (p->ip->ttl <= 1)
		return host_or_drop(p, slice->inside.ifindex, DROP_TTL_EXPIRED);
	epoch = READ_ONCE(slice->epoch);
	bucket = bucket_of(&range, slice->secret, p->source, p->protocol);
	slot = slot_lookup(&range, slice_index, p->protocol, endpoint_make(epoch, p->source), bucket, &out.offset);
	if (likely(slot && slot_alive(slot, now))) {
		out.session = session_lookup(
		    slot, slice_first_slot(slice, p->protocol) + out.offset,
		    remote_make(p->ip->daddr, p->protocol == NAT_PROTOCOL_ICMP ? 0 : p->destination), now);
		if (likely(out.session))
			return outbound_forward(s, p, data_end, &out, now);
	}

	/* The host's own has no session. */
	if (is_for_host(p->ip->daddr))
		return host_or_drop(p, slice->inside.ifindex, DROP_DESTINATION);
	reason = outbound_open(s, p, &range, slot, epoch, bucket, now, &out);
	return reason == DROP_NONE ? outbound_forward(s, p, data_end, &out, now) : dropped(reason);
}

/* The session that an ICMP error of a private machine is about: of a packet that came from the error's destination. */
static __noinline enum drop_reason outbound_quoted_session(struct xdp_md *ctx, struct outgoing *out)
{
	const struct binding *slice = out->slice;
	__u32 now = now_jiffies(), bucket;
	struct slot_range range;
	struct quote quote;
	struct slot *slot;

	if (!quote_parse(ctx, &quote) || quote.ip->daddr != quote.outer->saddr)
		return DROP_ICMP_NO_SESSION;
	if (!range_open(&range, slice, quote.protocol))
		return DROP_NO_SLICE;
	bucket = bucket_of(&range, slice->secret, quote.destination, quote.protocol);
	slot = slot_lookup(&range, out->slice_index, quote.protocol, endpoint_make(slice->epoch, quote.destination),
			   bucket, &out->offset);
	if (!slot || !slot_alive(slot, now))
		return DROP_ICMP_NO_SESSION;
	out->session =
	    session_lookup(slot, slice_first_slot(slice, quote.protocol) + out->offset,
			   remote_make(quote.ip->saddr, quote.protocol == NAT_PROTOCOL_ICMP ? 0 : quote.source), now);
	if (!out->session)
		return DROP_ICMP_NO_SESSION;
	if (quote.outer->daddr != remote_address(out->session->remote))
		return DROP_ICMP_DESTINATION;
	return quote.outer->ttl <= 1 ? DROP_TTL_EXPIRED : DROP_NONE;
}

static __always_inline struct verdict outbound_icmp_error(struct xdp_md *ctx, const struct settings *s,
							  const struct packet *p, const struct binding *slice,
							  __u32 slice_index)
{
	struct outgoing out = {.slice = slice, .slice_index = slice_index};
	enum drop_reason reason = icmp_error_check(ctx, p->ip->ihl * 4, p->length);

	if (reason != DROP_NONE)
		return dropped(reason);
	reason = outbound_quoted_session(ctx, &out);
	if (reason != DROP_NONE || !out.session)
		return host_or_drop(p, slice->inside.ifindex, reason);
	return outbound_forward(s, p, NULL, &out, 0);
}

/* A frame of a private machine. Sets `p` and `data_end`: the frame may be moved and cut before it is understood. */
static __always_inline struct verdict outbound_verdict(struct xdp_md *ctx, const struct settings *s, struct packet *p,
						       void **data_end)
{
	void *data = (void *)(long)ctx->data;
	__u32 ifindex = ctx->ingress_ifindex;
	enum drop_reason reason, header;
	struct source source = {};

	*data_end = (void *)(long)ctx->data_end;
	p->eth = data;
	if (data + sizeof(struct ethhdr) + sizeof(struct iphdr) > *data_end) {
		if (data + sizeof(struct ethhdr) > *data_end || frame_type(p->eth) == bpf_htons(ETH_P_IP))
			return dropped(DROP_MALFORMED);
		return handle_non_ipv4(p->eth, *data_end);
	}
	if (frame_type(p->eth) != bpf_htons(ETH_P_IP)) {
		if (!frame_is_tagged(p->eth))
			return handle_non_ipv4(p->eth, *data_end);
		reason = priority_tag_remove(ctx);
		if (reason != DROP_NONE)
			return dropped(reason);
		data = (void *)(long)ctx->data;
		*data_end = (void *)(long)ctx->data_end;
		if (data + sizeof(struct ethhdr) + sizeof(struct iphdr) > *data_end)
			return dropped(DROP_MALFORMED);
		p->eth = data;
		if (frame_type(p->eth) != bpf_htons(ETH_P_IP))
			return handle_non_ipv4(p->eth, *data_end);
	}
	p->ip = data + sizeof(struct ethhdr);
	header = ipv4_header_check(ctx, p->ip);
	if (header != DROP_NONE && header != DROP_IP_OPTION)
		return dropped(header);
	if (!s || !s->enabled)
		return host_or_drop(p, ifindex, DROP_DISABLED);
	if (header == DROP_IP_OPTION)
		return host_or_drop(p, ifindex, header);

	reason = source_lookup(s->session_secret, p->ip->saddr, ifindex, &source);
	if (reason == DROP_SPOOFED_SOURCE)
		return dropped(reason);
	if (reason != DROP_NONE)
		return host_or_drop(p, ifindex, reason);
	if (!slice_admits(source.slice, p->eth))
		return dropped(DROP_SPOOFED_MAC);
	/* The slice has the device's address while its owner is resolved. */
	if (!frame_is_ours(p->eth, source.slice->inside.source_mac, ifindex))
		return host_or_drop(p, ifindex, DROP_OTHER_MAC);

	reason = frame_trim(ctx, p, data_end);
	if (reason != DROP_NONE)
		return dropped(reason);
	reason = parse_ipv4(*data_end, p);
	if (reason != DROP_NONE)
		return host_or_drop(p, ifindex, reason);
	if (likely(p->kind == PACKET_FLOW))
		return outbound_flow(s, p, *data_end, source.slice, source.slice_index);
	return outbound_icmp_error(ctx, s, p, source.slice, source.slice_index);
}

#endif
