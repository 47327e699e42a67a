// What the kernel tells about the network of a host. MACs are six bytes.

import type { Address } from '../net/address.ts'
import { isIpv4 } from '../net/address.ts'
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
  /** The host's own. */
  address: Address
  prefixLength: number
  /** Packets to all hosts of the subnet are sent to it; IPv4 only. */
  broadcast?: Address
}

/** A route of the tables main or default, IPv4. */
export interface Route {
  address: Address
  prefixLength: number
  /** `reject` is unreachable, blackhole, prohibit or throw. */
  type: 'unicast' | 'reject'
  table: number
  /** The smaller is preferred. */
  metric: number
  /** 0 for types other than unicast. */
  ifindex: number
  /** Absent where the destination is on the link. May be an IPv6 neighbour (RTA_VIA). */
  gateway?: Address
  /** Bytes; RTAX_MTU. */
  mtu?: number
}

/** An entry of the neighbour table of either family. */
export interface Neighbour {
  ifindex: number
  address: Address
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
  /** Both inclusive; where the rule says so. */
  addresses?: { first: Address; last: Address }
}

declare const brand: unique symbol

/** A neighbour as one value, for keys of maps and comparisons with `===`. */
export type NeighbourKey = bigint & { readonly [brand]: 'NeighbourKey' }

/** An IPv4 address has 48 bits here, an IPv6 address up to 128: keys of IPv4, of which there may be 100,000, stay short. */
const ADDRESS_BITS = { IPv4: 48n, IPv6: 128n } as const
const FIRST_IPV6_KEY = 1n << 128n

/** @param ifindex 1 or more */
export function neighbourKey(ifindex: number, address: Address): NeighbourKey {
  const bits = isIpv4(address) ? ADDRESS_BITS.IPv4 : ADDRESS_BITS.IPv6
  return ((BigInt(ifindex) << bits) | address) as NeighbourKey
}

export function neighbourOfKey(key: NeighbourKey): { ifindex: number; address: Address } {
  const bits = key < FIRST_IPV6_KEY ? ADDRESS_BITS.IPv4 : ADDRESS_BITS.IPv6
  return { ifindex: Number(key >> bits), address: BigInt.asUintN(Number(bits), key) as Address }
}
