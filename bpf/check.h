/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether a header may be acted upon: its checksum and its options (RFC 1812 §5.2.2, RFC 5508 REQ-3). The payload
 * checksums of TCP, UDP and ICMP echo are left to the receiver (docs/packet-flow.md).
 */
#ifndef NATGW_CHECK_H
#define NATGW_CHECK_H

#include "csum.h"
#include "maps.h"
#include "parse.h"

#define SUM_CHUNK 32 /* bytes, a power of two; on the stack, of which there are 512 bytes for all calls (Linux 6.1) */
#define IP_OPTIONS_MAX 40   /* bytes */
#define IP_OPTIONS_ROOM 64  /* a power of two above, so that a mask bounds an index */
#define IP_LENGTH_MAX 65535 /* bytes */
/* An Ethernet frame is padded to 60 bytes, however short the packet in it is. */
#define IP_PADDED_LENGTH (ETH_ZLEN - ETH_HLEN)

enum ip_option {
	IP_OPTION_END = 0,
	IP_OPTION_NOP = 1,
	IP_OPTION_RECORD_ROUTE = 7,
	IP_OPTION_TIMESTAMP = 68,
	IP_OPTION_LOOSE_SOURCE_ROUTE = 131,
	IP_OPTION_STRICT_SOURCE_ROUTE = 137,
};

struct frame_sum {
	struct xdp_md *ctx;
	__u32 at;
	__u32 left; /* bytes */
	__u32 sum;  /* folded at each step: the verifier would follow one that grows to the end of its range */
	__u32 failed;
};

static long frame_sum_step(__u32 step, struct frame_sum *f)
{
	__u32 words[SUM_CHUNK / 4] = {};
	__u32 length = f->left;
	__u64 sum = f->sum;

	(void)step;
	if (length > SUM_CHUNK)
		length = SUM_CHUNK;
	/* From 1 to SUM_CHUNK, said so that the verifier of Linux 6.1 sees it: it learns nothing from `length != 0`. */
	length--;
	barrier_var(length);
	length = (length & (SUM_CHUNK - 1)) + 1;
	if (length > f->left)
		return 1;
	if (bpf_xdp_load_bytes(f->ctx, f->at, words, length)) {
		f->failed = 1;
		return 1;
	}
	for (__u32 i = 0; i < SUM_CHUNK / 4; i++)
		sum += words[i];
	f->sum = csum_fold32(sum);
	f->at += length;
	f->left -= length;
	return f->left == 0;
}

/* Whether `length` bytes of the frame, wherever they lie in its buffer, hold a checksum that is right. */
__noinline bool frame_sum_right(struct xdp_md *ctx, __u32 offset, __u32 length)
{
	struct frame_sum f = {.ctx = ctx, .at = offset, .left = length};

	bpf_loop((length + SUM_CHUNK - 1) / SUM_CHUNK, frame_sum_step, &f, 0);
	return !f.failed && !f.left && csum_is_right(f.sum);
}

struct option_walk {
	__u8 options[IP_OPTIONS_ROOM];
	__u32 at;
	__u32 length; /* of all options */
	enum drop_reason reason;
};

static long option_step(__u32 step, struct option_walk *walk)
{
	__u32 at = walk->at, length;
	__u8 option;

	(void)step;
	if (at >= walk->length)
		return 1;
	option = walk->options[at & (IP_OPTIONS_ROOM - 1)];
	if (option == IP_OPTION_END)
		return 1;
	if (option == IP_OPTION_NOP) {
		walk->at = at + 1;
		return 0;
	}
	length = walk->options[(at + 1) & (IP_OPTIONS_ROOM - 1)];
	if (at + 1 >= walk->length || length < 2 || at + length > walk->length) {
		walk->reason = DROP_MALFORMED;
		return 1;
	}
	if (option == IP_OPTION_LOOSE_SOURCE_ROUTE || option == IP_OPTION_STRICT_SOURCE_ROUTE) {
		walk->reason = DROP_SOURCE_ROUTE;
		return 1;
	}
	/* Looked at to the end: a source route may follow. */
	if (option == IP_OPTION_RECORD_ROUTE || option == IP_OPTION_TIMESTAMP)
		walk->reason = DROP_IP_OPTION;
	walk->at = at + length;
	return 0;
}

/*
 * An IPv4 header that is not the bare one of 20 bytes. DROP_IP_OPTION stands for options that record addresses, which
 * no translated packet may carry; the header is right otherwise.
 */
__noinline enum drop_reason ipv4_header_check_slow(struct xdp_md *ctx)
{
	struct option_walk walk = {};
	__u32 header, length;
	__u8 first;

	if (bpf_xdp_load_bytes(ctx, ETH_HLEN, &first, sizeof(first)) || first >> 4 != 4)
		return DROP_MALFORMED;
	header = (first & 15) * 4;
	if (header <= sizeof(struct iphdr))
		return DROP_MALFORMED;
	length = header - sizeof(struct iphdr);
	barrier_var(length);
	if (length < 1 || length > IP_OPTIONS_MAX ||
	    bpf_xdp_load_bytes(ctx, ETH_HLEN + sizeof(struct iphdr), walk.options, length))
		return DROP_MALFORMED;
	walk.length = length;
	bpf_loop(IP_OPTIONS_MAX, option_step, &walk, 0);
	if (walk.reason == DROP_SOURCE_ROUTE || walk.reason == DROP_MALFORMED)
		return walk.reason;
	return frame_sum_right(ctx, ETH_HLEN, header) ? walk.reason : DROP_CHECKSUM;
}

static __always_inline bool ipv4_is_bare(const struct iphdr *ip)
{
	return *(const __u8 *)ip == 0x45; /* version 4, 20 bytes */
}

static __always_inline bool ipv4_bare_sum_right(const struct iphdr *ip)
{
	const __u32 *word = (const __u32 *)ip;

	return csum_is_right((__u64)word[0] + word[1] + word[2] + word[3] + word[4]);
}

static __always_inline enum drop_reason ipv4_header_check(struct xdp_md *ctx, const struct iphdr *ip)
{
	if (likely(ipv4_is_bare(ip)))
		return likely(ipv4_bare_sum_right(ip)) ? DROP_NONE : DROP_CHECKSUM;
	return ipv4_header_check_slow(ctx);
}

/*
 * Makes the frame as long as the packet in it and the padding that Ethernet asks for. The frame may go on in fragments
 * of the buffer, behind data_end.
 */
static __always_inline enum drop_reason frame_trim(struct xdp_md *ctx, struct packet *p, void **data_end)
{
	__u32 length = bpf_ntohs(p->ip->tot_len), frame = *data_end - (void *)p->ip;
	void *data;

	if (likely(frame == length))
		return DROP_NONE;
	frame = bpf_xdp_get_buff_len(ctx) - ETH_HLEN;
	if (frame < length)
		return DROP_MALFORMED;
	if (length < IP_PADDED_LENGTH)
		length = IP_PADDED_LENGTH;
	if (frame <= length)
		return DROP_NONE;
	if (bpf_xdp_adjust_tail(ctx, (int)length - (int)frame))
		return DROP_MALFORMED;
	data = (void *)(long)ctx->data;
	*data_end = (void *)(long)ctx->data_end;
	if (data + sizeof(struct ethhdr) + sizeof(struct iphdr) > *data_end)
		return DROP_MALFORMED;
	p->eth = data;
	p->ip = data + sizeof(struct ethhdr);
	return DROP_NONE;
}

/*
 * An ICMP error: its own checksum, and that of the IP header it quotes. The layer-4 checksum of the quote is not looked
 * at (RFC 5508 REQ-3c). A quote that is cut short is left to quote_parse(). `header` and `length` are those of the
 * packet.
 */
__noinline enum drop_reason icmp_error_check(struct xdp_md *ctx, __u32 header, __u32 length)
{
	const __u32 icmp = sizeof(struct icmphdr), offset = ETH_HLEN + header;
	__u32 quoted;
	__u8 first;

	length -= header;
	if (length > IP_LENGTH_MAX || !frame_sum_right(ctx, offset, length))
		return DROP_CHECKSUM;
	if (length == icmp || bpf_xdp_load_bytes(ctx, offset + icmp, &first, sizeof(first)))
		return DROP_NONE;
	quoted = (first & 15) * 4;
	if (first >> 4 != 4 || quoted < sizeof(struct iphdr) || length < icmp + quoted)
		return DROP_NONE;
	return frame_sum_right(ctx, offset + icmp, quoted) ? DROP_NONE : DROP_CHECKSUM;
}

#endif
