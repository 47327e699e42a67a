// What the kernel tells about the network of a host. IPv4 addresses are host-order u32, MACs six bytes.

import type { PortRange } from '../net/ports.ts'

export interface Link {
  ifindex: number
  name: string
  /** Bytes. */
  mtu: number
  /** Six bytes on Ethernet; empty where the device has none. */
  mac: Uint8Array
  /** Set up by the administrator (IFF_UP). */
  up: boolean
  /** The medium is there (IFF_LOWER_UP). */
  carrier: boolean
  /** IFLA_INFO_KIND: 'veth', 'bridge', …; absent for physical devices. */
  kind?: string
}

export interface InterfaceAddress {
  ifindex: number
  family: 'IPv4' | 'IPv6'
  /** Canonical text of the host's own address. */
  address: string
  prefixLength: number
  /** Canonical text of what a packet to all hosts of the subnet is sent to; IPv4 only. */
  broadcast?: string
}

/** A route of the tables main or default, IPv4. */
export interface Route {
  address: number
  prefixLength: number
  /** `reject` is unreachable, blackhole, prohibit or throw. */
  type: 'unicast' | 'reject'
  table: number
  /** The smaller is preferred. */
  metric: number
  /** 0 for types other than unicast. */
  ifindex: number
  /** Absent where the destination is on the link. */
  gateway?: number
  /** The next hop is an IPv6 neighbour (RTA_VIA), which we cannot use. */
  gatewayIpv6?: true
  /** Bytes; RTAX_MTU. */
  mtu?: number
}

/** An entry of the IPv4 neighbour table. */
export interface Neighbour {
  ifindex: number
  address: number
  /** NUD_* bits. */
  state: number
  /** The address of the neighbour, present exactly when packets may be sent there. */
  mac?: Uint8Array
  /** The kernel keeps it resolved by itself (NTF_EXT_MANAGED). */
  managed: boolean
  /** Someone pinned it: permanent, or learned by a control plane (NTF_EXT_LEARNED). It must not be touched. */
  fixed: boolean
  /** NDA_PROTOCOL: who made the entry, 0 for the kernel. */
  protocol: number
}

/** A rule of the host's packet filter that changes source addresses of IPv4. */
export interface SourceNatRule {
  /** `rule of table ip nat, chain POSTROUTING, handle 7` */
  name: string
  action: 'masquerade' | 'snat'
  /** Where the rule says so; otherwise a connection keeps its port if it can. */
  ports?: PortRange
  /** Host-order u32, both inclusive; where the rule says so. */
  addresses?: { first: number; last: number }
}

/** Key of a neighbour in maps: a safe integer that holds both parts. */
export function neighbourKey(ifindex: number, address: number): number {
  return ifindex * 0x1_0000_0000 + address
}

export function neighbourOfKey(key: number): { ifindex: number; address: number } {
  return { ifindex: Math.floor(key / 0x1_0000_0000), address: key % 0x1_0000_0000 }
}
