/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the programs sent on and the kernel lost behind the redirect: no verdict of theirs tells of it. The kernel's
 * tracepoints do, for every device of the machine; those of other namespaces and programs are passed over.
 */
#ifndef NATGW_LOSSES_H
#define NATGW_LOSSES_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "maps.h"

/* Of the kernel's own structures the members that are read; the loader puts in where they are in the running kernel. */
struct ns_common {
	unsigned int inum;
} __attribute__((preserve_access_index));

struct net {
	struct ns_common ns;
} __attribute__((preserve_access_index));

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	int ifindex;
	possible_net_t nd_net;
} __attribute__((preserve_access_index));

/* A device that runs a program of this instance: indexes repeat in other namespaces. */
static __always_inline bool device_is_ours(const struct net_device *dev)
{
	__u32 zero = 0, ifindex = dev->ifindex;
	__u32 *scope = bpf_map_lookup_elem(&loss_scope, &zero);
	struct settings *s;

	if (!scope || *scope != dev->nd_net.net->ns.inum)
		return false;
	s = bpf_map_lookup_elem(&settings, &zero);
	return (s && s->uplink_ifindex == ifindex) || bpf_map_lookup_elem(&devices, &ifindex);
}

static __always_inline void loss_count(__u32 ifindex, __u32 error, __u64 packets)
{
	struct loss_key key = {.ifindex = ifindex, .error = error};
	__u64 *lost = bpf_map_lookup_elem(&losses, &key);

	if (!lost) {
		__u64 none = 0;

		bpf_map_update_elem(&losses, &key, &none, BPF_NOEXIST);
		lost = bpf_map_lookup_elem(&losses, &key);
	}
	if (lost)
		__sync_fetch_and_add(lost, packets);
}

/* Refused at the redirect. args: device, program, target, error, type and id of the map, index: the device named. */
SEC("tp_btf/xdp_redirect_err")
int nat_lost_redirect(unsigned long long *args)
{
	const struct net_device *from = (void *)args[0];
	int error = (int)args[3];

	if (device_is_ours(from))
		loss_count((__u32)args[6], -error, 1);
	return 0;
}

/*
 * Refused by the driver that was to send, in native mode. Called for every bulk of frames: all but losses end first.
 * args: device that received, device that was to send, frames sent, frames lost, error.
 */
SEC("tp_btf/xdp_devmap_xmit")
int nat_lost_bulk(unsigned long long *args)
{
	const struct net_device *from = (void *)args[0], *to = (void *)args[1];
	int lost = (int)args[3], error = (int)args[4];

	if (lost > 0 && device_is_ours(from))
		loss_count(to->ifindex, error < 0 ? -error : LOSS_QUEUE_FULL, lost);
	return 0;
}

/* Refused by the device that was to send, in generic mode: its queue is stopped. args: that device, program, verdict.
 */
SEC("tp_btf/xdp_exception")
int nat_lost_generic(unsigned long long *args)
{
	const struct net_device *to = (void *)args[0];

	if ((__u32)args[2] == XDP_TX && device_is_ours(to))
		loss_count(to->ifindex, LOSS_QUEUE_FULL, 1);
	return 0;
}

#endif
