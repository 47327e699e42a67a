import type { Link, Neighbour, NeighbourKey } from '../host/network-objects.ts'
import { neighbourKey } from '../host/network-objects.ts'
import type { Address } from '../net/address.ts'
import { unsupportedFamily } from '../net/address.ts'
import type { Prefix } from '../net/cidr.ts'
import { containsAddress } from '../net/cidr.ts'
import { sameMac } from '../net/mac.ts'
import type { RouteTable } from './route-table.ts'

/** A configured private device and its link on the host. */
export interface PrivateSide {
  name: string
  /** Key of its Network. */
  network: string
  prefixes: readonly Prefix[]
  /** Addresses that it shares with other hosts. */
  macs: readonly Uint8Array[]
  /** Absent while the device is. */
  link?: Pick<Link, 'ifindex' | 'mtu' | 'mac'>
  /** Why the program is not attached to it. */
  failure?: string
}

export interface DeviceChoice {
  side?: PrivateSide
  /** Neighbours that took part in the choice, by key. */
  consulted: NeighbourKey[]
}

/**
 * Which of its Network's devices an inside address is on: the only one; else the one configured with the longest prefix
 * that holds it; else where the kernel routes it; else where it is a neighbour.
 * @param bound the only station that counts as this neighbour
 */
export function chooseDevice(
  address: Address,
  candidates: readonly PrivateSide[],
  routes: RouteTable,
  neighbours: ReadonlyMap<NeighbourKey, Neighbour>,
  bound?: Uint8Array,
): DeviceChoice {
  if (candidates.length < 2) return { ...(candidates[0] ? { side: candidates[0] } : {}), consulted: [] }
  const configured = byConfiguration(address, candidates)
  if (configured !== undefined) return { side: configured, consulted: [] }
  const present = candidates.flatMap((side) => (side.link === undefined ? [] : [{ side, ifindex: side.link.ifindex }]))
  const route = routes.lookup(address, (device) => present.some(({ ifindex }) => ifindex === device))
  const routed = present.find(({ ifindex }) => ifindex === route?.ifindex)
  if (routed !== undefined) return { side: routed.side, consulted: [] }
  const consulted = present.map(({ ifindex }) => neighbourKey(ifindex, address))
  const heard = present.find(({ ifindex }) => {
    const mac = neighbours.get(neighbourKey(ifindex, address))?.mac
    return mac !== undefined && (bound === undefined || sameMac(mac, bound))
  })
  return { ...(heard ? { side: heard.side } : {}), consulted }
}

function byConfiguration(address: Address, candidates: readonly PrivateSide[]): PrivateSide | undefined {
  let best: { side: PrivateSide; length: number } | undefined
  for (const side of candidates) {
    for (const prefix of side.prefixes) {
      if (containsAddress(prefix, address) && prefix.length > (best?.length ?? -1))
        best = { side, length: prefix.length }
    }
  }
  return best?.side
}

/** The neighbour to whom packets for an inside address are handed: a router inside, or the address itself. */
export function insideNextHop(address: Address, ifindex: number, routes: RouteTable): Address {
  const gateway = routes.lookup(address, (device) => device === ifindex)?.gateway
  return gateway === undefined || unsupportedFamily(gateway) !== undefined ? address : gateway
}
