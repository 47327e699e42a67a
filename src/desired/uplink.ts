import type { DesiredNextHop, DesiredRoute } from '../dataplane/desired-state.ts'
import type { Link, Neighbour, NeighbourKey, Route } from '../host/network-objects.ts'
import { neighbourKey } from '../host/network-objects.ts'
import type { Address } from '../net/address.ts'
import { unsupportedFamily } from '../net/address.ts'
import { hostPrefix } from '../net/cidr.ts'
import { formatCidr } from '../net/cidr.ts'
import { RouteTable } from './route-table.ts'

/** Routes and next hops of the uplink. */
export interface UplinkState {
  routes: DesiredRoute[]
  nextHops: DesiredNextHop[]
  /** Keys of the neighbours in nextHops, which must be kept fresh. */
  neighbours: NeighbourKey[]
  /** The routes packets can take; what each came to is in `routes`. */
  effective: readonly Route[]
  /** Neighbours on the uplink's own link for which there is no room. */
  neighboursLeftOut: number
}

/** Bytes an IPv4 packet can have; devices may have a larger MTU. */
const LARGEST_PACKET = 65_535
/** Next hops the data plane can hold (MAX_NEXT_HOPS), less some for gateways that come later. */
export const MAX_ON_LINK_NEIGHBOURS = 960

/**
 * @param uplink absent while the device is
 * @param privateDevices by ifindex: what is routed through these is inside
 */
export function uplinkState(
  routes: readonly Route[],
  neighbours: ReadonlyMap<NeighbourKey, Neighbour>,
  uplink: Link | undefined,
  privateDevices: ReadonlySet<number>,
): UplinkState {
  const table = new RouteTable(routes)
  const effective = table.effective()
  const byPrefix = new Map<string, DesiredRoute>()
  const nextHops = new Map<string, DesiredNextHop>()

  const put = (
    prefix: Pick<Route, 'address' | 'prefixLength'>,
    way: Omit<DesiredRoute, 'address' | 'prefixLength'>,
  ) => {
    const { address, prefixLength } = prefix
    byPrefix.set(formatCidr({ address, length: prefixLength }), { address, prefixLength, ...way })
  }
  const insideOf = ({ type, ifindex }: Route): Pick<DesiredRoute, 'insideDevice'> =>
    type === 'unicast' && privateDevices.has(ifindex) ? { insideDevice: ifindex } : {}
  // The MTU is the route's: a router that is the way to two destinations with two MTUs is two next hops.
  const via = (neighbour: Address, route: Route, through: Link): Pick<DesiredRoute, 'type' | 'nextHop' | 'mtu'> => {
    const mtu = Math.min(route.mtu ?? through.mtu, through.mtu, LARGEST_PACKET)
    const mac = neighbours.get(neighbourKey(through.ifindex, neighbour))?.mac
    nextHops.set(`${neighbour} ${mtu}`, {
      address: neighbour,
      ifindex: through.ifindex,
      mtu,
      sourceMac: through.mac,
      ...(mac === undefined ? {} : { destinationMac: mac }),
    })
    return { type: 'via', nextHop: neighbour, mtu }
  }

  for (const route of effective) {
    if (uplink === undefined || !leadsOut(route, uplink)) put(route, { type: 'reject', ...insideOf(route) })
    else if (route.gateway === undefined) put(route, { type: 'on-link' })
    else put(route, via(route.gateway, route, uplink))
  }
  const onLink = uplink === undefined ? [] : onLinkNeighbours(neighbours, uplink.ifindex, table)
  for (const { address, route } of onLink.slice(0, MAX_ON_LINK_NEIGHBOURS)) {
    if (uplink !== undefined) put({ address, prefixLength: hostPrefix(address).length }, via(address, route, uplink))
  }
  return {
    routes: [...byPrefix.values()],
    nextHops: [...nextHops.values()],
    neighbours: [...new Set([...nextHops.values()].map(({ ifindex, address }) => neighbourKey(ifindex, address)))],
    effective,
    neighboursLeftOut: Math.max(0, onLink.length - MAX_ON_LINK_NEIGHBOURS),
  }
}

/** Whether packets can follow a route. */
export function leadsOut({ type, ifindex, gateway }: Route, uplink: Link): boolean {
  if (type !== 'unicast' || ifindex !== uplink.ifindex) return false
  return gateway === undefined || unsupportedFamily(gateway) === undefined
}

function onLinkNeighbours(neighbours: ReadonlyMap<NeighbourKey, Neighbour>, ifindex: number, table: RouteTable) {
  const found: { address: Address; route: Route }[] = []
  for (const { address, mac, ifindex: on } of neighbours.values()) {
    if (on !== ifindex || mac === undefined || unsupportedFamily(address) !== undefined) continue
    const route = table.lookup(address)
    if (route?.ifindex === ifindex && route.gateway === undefined) found.push({ address, route })
  }
  return found
}
