/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Checksums (RFC 1071), and how they follow a change (RFC 1624, equation 3). A delta is a sum of 16-bit words, old ones
 * complemented.
 */
#ifndef NATGW_CSUM_H
#define NATGW_CSUM_H

#include <linux/types.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

static __always_inline __u32 csum_delta16(__u16 old, __u16 new)
{
	return (__u16)~old + new;
}

static __always_inline __u32 csum_delta32(__u32 old, __u32 new)
{
	return (~old & 0xffff) + (~old >> 16) + (new & 0xffff) + (new >> 16);
}

static __always_inline __u16 csum_apply(__u16 check, __u32 delta)
{
	__u32 sum = (__u16)~check + delta;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline __u32 csum_fold32(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return sum + (sum >> 32);
}

/*
 * Whether the sum of up to 2^16 words of 32 bits, any checksum among them included, is that of a header with a right
 * checksum: a multiple of 0xffff. It is not 0, since not all of a header is.
 */
static __always_inline bool csum_is_right(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff || sum == 0x1fffe;
}

#endif
