// Desired state → map entries, for everything whose entry follows from the object and its place alone. Addresses become
// the bytes of maps here: host-order u32 for maps of IPv4, 16 bytes for maps of both families.
import type { Address as IpAddress } from '../net/address.ts'
import { ipv4Address, ipv4Word, isIpv4, mappedBytes } from '../net/address.ts'
import type {
  DesiredAddress,
  DesiredDevice,
  DesiredInterface,
  DesiredNextHop,
  DesiredRoute,
  DesiredSettings,
  InsideNextHop,
} from './desired-state.ts'
import type {
  Address,
  AddressKey,
  Binding,
  Device,
  HostAddressKey,
  Interface,
  InterfaceKey,
  NextHop,
  NextHopEntry,
  Route,
  RouteKey,
  Settings,
} from './generated/layouts.ts'
import {
  AddressFlags,
  BindingKind,
  DeviceConstants,
  HostFilterConstants,
  InterfaceFlags,
  NextHopFlags,
  NextHopKind,
  RouteFlags,
  SettingsFlags,
  SliceConstants,
} from './generated/layouts.ts'
import type { FirstSlots } from './placement.ts'
import type { SupportedInterface } from './unsupported.ts'

const { HOST_FILTER_FACTOR, HOST_FILTER_SHIFT } = HostFilterConstants
const NO_MAC = new Uint8Array(6)

/** Places without an address hold the first again, so that no frame is for an address that nobody has. */
export function deviceEntry({ vni, macs }: DesiredDevice): Device {
  const bytes = new Uint8Array(DeviceConstants.DEVICE_MACS * DeviceConstants.MAC_BYTES)
  for (let place = 0; place < DeviceConstants.DEVICE_MACS; place++) {
    bytes.set(macs[place] ?? macs[0] ?? NO_MAC, place * DeviceConstants.MAC_BYTES)
  }
  return { vni, macs: bytes }
}

/** A neighbour has an entry of its own for each device, since link-local ones may look alike, and for each MTU of its routes. */
export function nextHopKey({ ifindex, address, mtu }: { ifindex: number; address: IpAddress; mtu: number }): string {
  return `${ifindex} ${address} ${mtu}`
}

export function nextHopEntry(desired: DesiredNextHop): NextHopEntry {
  return { hop: hopOf(desired), address: ipv4Word(desired.address) }
}

/** A hop outside or inside; it leads nowhere as long as its neighbour's MAC is not known. */
function hopOf(hop: Partial<InsideNextHop> & { ifindex: number }): NextHop {
  return {
    ifindex: hop.ifindex,
    mtu: hop.mtu ?? 0,
    sourceMac: hop.sourceMac ?? NO_MAC,
    destinationMac: hop.destinationMac ?? NO_MAC,
    flags:
      NextHopKind.NEXT_HOP_ETHERNET |
      (hop.destinationMac === undefined ? 0 : NextHopFlags.NEXT_HOP_RESOLVED) |
      (hop.bound === true ? NextHopFlags.NEXT_HOP_BOUND : 0),
  }
}

export function routeKey({ address, prefixLength }: DesiredRoute): RouteKey {
  return { prefixLength, address: ipv4Word(address) }
}

/** @param hop index into next_hops; for `via` only */
export function routeEntry(route: DesiredRoute, hop: number): Route {
  switch (route.type) {
    case 'via':
      return { nextHop: hop, flags: 0, ifindex: 0 }
    case 'on-link':
      return { nextHop: 0, flags: RouteFlags.ROUTE_ON_LINK, ifindex: 0 }
    case 'reject': {
      const { insideDevice } = route
      const inside = insideDevice === undefined ? 0 : RouteFlags.ROUTE_INSIDE
      return { nextHop: 0, flags: RouteFlags.ROUTE_REJECT | inside, ifindex: insideDevice ?? 0 }
    }
  }
}

/** Key of the next hop that an entry holds. */
export function nextHopKeyOf({ hop, address }: NextHopEntry): string {
  return nextHopKey({ ifindex: hop.ifindex, address: ipv4Address(address), mtu: hop.mtu })
}

export function hostAddressKey(address: IpAddress): HostAddressKey {
  return { address: mappedBytes(address) }
}

export function addressKey(address: IpAddress): AddressKey {
  return { address: ipv4Word(address) }
}

export function addressOfKey({ address }: AddressKey): IpAddress {
  return ipv4Address(address)
}

export function interfaceKey({ vni, address }: { vni: number; address: IpAddress }): InterfaceKey {
  return { vni, address: ipv4Word(address) }
}

export function addressEntry(desired: DesiredAddress, firstSlice: number): Address {
  return {
    firstSlice,
    firstPort: desired.firstPort,
    lastPort: desired.lastPort,
    sliceSize: desired.sliceSize,
    flags: desired.shared ? AddressFlags.ADDRESS_SHARED : 0,
  }
}

/** @param slice index into slices; undefined for an interface that is known but has no ports */
export function interfaceEntry(desired: SupportedInterface, slice: number | undefined): Interface {
  const flags = desired.ambiguous === true ? InterfaceFlags.INTERFACE_AMBIGUOUS : 0
  return { slice: slice ?? SliceConstants.NO_SLICE, ifindex: desired.owner.ifindex, flags }
}

/** What a slice keeps for as long as it has one owner. */
export type SliceIdentity = Pick<Binding, 'secret' | 'epoch'> & { firstSlots: FirstSlots; size: number }

export function sliceEntry(
  { address, vni, owner }: SupportedInterface,
  { publicAddress, firstPort }: NonNullable<DesiredInterface['slice']>,
  { secret, epoch, firstSlots, size }: SliceIdentity,
): Binding {
  return {
    secret,
    epoch,
    firstSlots,
    size,
    publicAddress: ipv4Word(publicAddress),
    firstPort,
    insideAddress: ipv4Word(address),
    vni,
    kind: BindingKind.BINDING_NAT_SLICE,
    inside: hopOf({ ...owner.nextHop, ifindex: owner.ifindex }),
  }
}

/** Lets no packet in or out any more; its slots can still be found, to flush them. */
export function disabledSlice(slice: Binding): Binding {
  return { ...slice, kind: BindingKind.BINDING_NONE }
}

/** Without owner and slots. The epoch stays: the next owner's must be another. */
export function emptySlice({ epoch }: Pick<Binding, 'epoch'>): Binding {
  return {
    secret: 0n,
    epoch,
    firstSlots: [0, 0, 0],
    size: 0,
    publicAddress: 0,
    firstPort: 0,
    insideAddress: 0,
    vni: 0,
    kind: BindingKind.BINDING_NONE,
    inside: { ifindex: 0, mtu: 0, sourceMac: NO_MAC, destinationMac: NO_MAC, flags: NextHopKind.NEXT_HOP_NONE },
  }
}

/** What settings need beyond the desired ones. */
export interface SettingsContext {
  hz: number
  routeGeneration: number
  sliceCount: number
  /** Entries of `sessions`; a power of two. */
  sessions: number
  sessionSecret: bigint
  /** Of hostFilter(). */
  hostFilter: bigint
}

/** The word that tells which addresses are surely not the host's (bpf/types.h, struct settings). */
export function hostFilter(addresses: Iterable<IpAddress>): bigint {
  let filter = 0n
  for (const address of addresses) {
    if (isIpv4(address)) {
      filter |= 1n << BigInt(Math.imul(ipv4Word(address), HOST_FILTER_FACTOR) >>> HOST_FILTER_SHIFT)
    }
  }
  return filter
}

/**
 * How long an expired mapping still holds its port. Programs that found it alive must be done with it by then; they take
 * microseconds, but a virtual CPU can lose its turn in between.
 */
export const PORT_REUSE_DELAY_SECONDS = 1

export function settingsEntry(desired: DesiredSettings, context: SettingsContext): Settings {
  const jiffies = (seconds: number) => Math.max(1, Math.round(seconds * context.hz))
  return {
    uplinkIfindex: desired.uplinkIfindex,
    uplinkMac: desired.uplinkMac,
    hz: context.hz,
    udpTimeout: jiffies(desired.timers.udp),
    tcpEstablished: jiffies(desired.timers.tcpEstablished),
    tcpTransitory: jiffies(desired.timers.tcpTransitory),
    icmpTimeout: jiffies(desired.timers.icmp),
    portReuseDelay: jiffies(PORT_REUSE_DELAY_SECONDS),
    routeGeneration: context.routeGeneration,
    sliceCount: context.sliceCount,
    sessionMask: context.sessions - 1,
    // Half: an open-addressed table finds a place in its window nearly always then.
    sessionCapacity: context.sessions / 2,
    sliceSessions: desired.perInterface.sessions,
    newFlowRate: desired.perInterface.newFlowsPerSecond,
    flags: desired.udpRefresh === 'outbound' ? SettingsFlags.SETTINGS_UDP_OUTBOUND_REFRESH : 0,
    sessionSecret: context.sessionSecret,
    hostFilter: context.hostFilter,
    enabled: desired.enabled ? 1 : 0,
  }
}
