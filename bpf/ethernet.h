/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which frames are ours: by their tag and by the station they are for. */
#ifndef NATGW_ETHERNET_H
#define NATGW_ETHERNET_H

#include "maps.h"
#include "parse.h"

#define VLAN_BYTES 4
#define VLAN_ID_MASK 0x0fff

static __always_inline __be16 frame_type(const struct ethhdr *eth)
{
	return *(const __be16 *)((const void *)eth +
				 2 * ETH_ALEN); /* the struct is packed: read byte by byte without this */
}

static __always_inline bool frame_is_tagged(const struct ethhdr *eth)
{
	return frame_type(eth) == bpf_htons(ETH_P_8021Q) || frame_type(eth) == bpf_htons(ETH_P_8021AD);
}

/*
 * A tag of VLAN 0 says nothing but a priority (IEEE 802.1Q §6.9): it is taken off, as the kernel does, and pointers
 * into the frame are to be taken again.
 */
static __noinline enum drop_reason priority_tag_remove(struct xdp_md *ctx)
{
	__u8 macs[2 * ETH_ALEN];
	__be16 tag;

	if (bpf_xdp_load_bytes(ctx, ETH_HLEN, &tag, sizeof(tag)) || (tag & bpf_htons(VLAN_ID_MASK)) ||
	    bpf_xdp_load_bytes(ctx, 0, macs, sizeof(macs)) ||
	    bpf_xdp_store_bytes(ctx, VLAN_BYTES, macs, sizeof(macs)) || bpf_xdp_adjust_head(ctx, VLAN_BYTES))
		return DROP_VLAN;
	return DROP_NONE;
}

static __always_inline __u32 mac_first(const __u8 *mac)
{
	return *(const __u16 *)mac;
}

static __always_inline __u32 mac_last(const __u8 *mac)
{
	return *(const __u32 *)(mac + 2);
}

static __always_inline bool mac_is(const __u8 *mac, const __u8 *other)
{
	return mac_first(mac) == mac_first(other) && mac_last(mac) == mac_last(other);
}

static __always_inline bool mac_is_group(const struct ethhdr *eth)
{
	return eth->h_dest[0] & 1;
}

/* Whether an address, in two parts, is one of the device's own or shared ones. Verified on its own, as all of these. */
__noinline bool device_has_mac(__u32 first, __u32 last, __u32 ifindex)
{
	struct device *device = bpf_map_lookup_elem(&devices, &ifindex);

	if (!device)
		return false;
	for (int i = 0; i < DEVICE_MACS; i++)
		if (mac_first(&device->macs[i * MAC_BYTES]) == first && mac_last(&device->macs[i * MAC_BYTES]) == last)
			return true;
	return false;
}

/* `usual`: the address that frames of this way are for where no other is shared. */
static __always_inline bool frame_is_ours(const struct ethhdr *eth, const __u8 *usual, __u32 ifindex)
{
	return likely(mac_is(eth->h_dest, usual)) ||
	       device_has_mac(mac_first(eth->h_dest), mac_last(eth->h_dest), ifindex);
}

#endif
