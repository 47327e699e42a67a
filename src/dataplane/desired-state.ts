// What the data plane should do, in the terms of networking: no map, index or byte in here. `entries.ts` turns it into
// map entries. MACs are six bytes.

import type { Address } from '../net/address.ts'
import type { Change } from './change.ts'

/** All that the maps of one host should say. */
export interface DesiredState {
  settings: DesiredSettings
  /** Private devices and the uplink. */
  devices: DesiredDevice[]
  /** Every NetworkInterface whose Network has a device here, with or without a slice. */
  interfaces: readonly DesiredInterface[]
  /** Where it is known how `interfaces` came about; else it is compared with the list before. */
  derivation?: Derivation
  /** Public addresses that have at least one slice here. */
  addresses: DesiredAddress[]
  nextHops: DesiredNextHop[]
  routes: DesiredRoute[]
  /** What the host answers on, broadcast addresses included. */
  hostAddresses: { address: Address; ifindex: number }[]
}

/** What a device that runs a program is for. */
export type LinkRole = 'uplink' | 'private'

export interface DesiredDevice {
  ifindex: number
  /** Which Network a packet that arrives there belongs to; 0 for the uplink. */
  vni: number
  /** Ethernet addresses that frames for this host have there, the device's own first; up to DEVICE_MACS. */
  macs: readonly Uint8Array[]
}

/**
 * How a list of interfaces came from an earlier one. The list itself may be the same array, changed in place. A reader
 * that last applied another revision than `from` has to compare everything.
 */
export interface Derivation {
  /** Each list has its own, from 1. */
  revision: number
  from: number
  change: Change<DesiredInterface>
}

export interface DesiredSettings {
  enabled: boolean
  uplinkIfindex: number
  /** MAC of the uplink, for answering ARP. */
  uplinkMac: Uint8Array
  /** Seconds. */
  timers: { udp: number; tcpEstablished: number; tcpTransitory: number; icmp: number }
  /** Which packets prolong a UDP session. */
  udpRefresh: 'both' | 'outbound'
  /** What one slice may take of what all share. */
  perInterface: { sessions: number; newFlowsPerSecond: number }
}

export interface DesiredInterface {
  /** `namespace/name` of the NetworkInterface, for messages. */
  name: string
  vni: number
  address: Address
  owner: InterfaceOwner
  /** An interface of another Network here has the address too, so that the host cannot answer it. */
  ambiguous?: true
  slice?: { publicAddress: Address; firstPort: number }
}

/** Who has an interface: this node, behind a device of its own, or another node. */
export type InterfaceOwner = LocalOwner | RemoteOwner

export interface LocalOwner {
  kind: 'local'
  /** Device the interface may send from; 0 while unknown: everything from it is dropped then. */
  ifindex: number
  /** Where packets for its slice are handed; absent without a slice, and while the neighbour is not resolved. */
  nextHop?: InsideNextHop
}

export interface RemoteOwner {
  kind: 'remote'
  /** Name of the Node. */
  node: string
}

/** The hop of a local owner: a neighbour on the link of its device. */
export interface InsideNextHop extends Omit<NextHop, 'ifindex'> {
  /** Only frames from `destinationMac` may use the slice. */
  bound?: true
}

/** Where packets go next, outside as inside: a neighbour on the link of a device. */
export interface NextHop {
  ifindex: number
  mtu: number
  sourceMac: Uint8Array
  destinationMac: Uint8Array
}

export interface DesiredAddress {
  address: Address
  firstPort: number
  lastPort: number
  sliceSize: number
  shared: boolean
}

export interface DesiredNextHop extends Omit<NextHop, 'destinationMac'> {
  /** Address of the neighbour. */
  address: Address
  /** Absent while not resolved. */
  destinationMac?: Uint8Array
}

export interface DesiredRoute {
  address: Address
  prefixLength: number
  /** `via`: `nextHop` and `mtu` are those of one of nextHops; `on-link`: each destination is its own neighbour; `reject`: drop. */
  type: 'via' | 'on-link' | 'reject'
  nextHop?: Address
  mtu?: number
  /** Of `reject`: the private device it leads to. */
  insideDevice?: number
}
