import type { DesiredNextHop, DesiredRoute } from '../../dataplane/model.ts'
import type { Link, Neighbour, Route } from '../netlink/model.ts'
import { formatCidr } from '../../net/cidr.ts'
import { neighbourKey } from '../netlink/model.ts'
import { RouteTable } from './route-table.ts'

/** The way out: what the uplink's part of the maps should say. */
export interface UplinkState {
  routes: DesiredRoute[]
  nextHops: DesiredNextHop[]
  /** Keys of the neighbours in nextHops, which must be kept fresh. */
  neighbours: number[]
  /** What a person should know about routes that cannot be used. */
  notes: string[]
}

/** Next hops the data plane can hold (MAX_NEXT_HOPS), less some for gateways that come later. */
export const MAX_ON_LINK_NEIGHBOURS = 960

/**
 * @param uplink absent while the device is
 * @param privateDevices by ifindex; what is routed through these is inside and never left by the uplink
 */
export function uplinkState(
  routes: readonly Route[],
  links: ReadonlyMap<number, Link>,
  neighbours: ReadonlyMap<number, Neighbour>,
  uplink: Link | undefined,
  privateDevices: ReadonlySet<number>,
): UplinkState {
  const table = new RouteTable(routes)
  const byPrefix = new Map<string, DesiredRoute>()
  const nextHops = new Map<number, DesiredNextHop>()
  const notes: string[] = []

  const use = (address: number, mtu: number, through: Link): void => {
    const key = neighbourKey(through.ifindex, address)
    const mac = neighbours.get(key)?.mac
    const known = nextHops.get(key)
    nextHops.set(key, {
      address,
      ifindex: through.ifindex,
      mtu: Math.min(mtu, known?.mtu ?? mtu),
      sourceMac: through.mac,
      ...(mac === undefined ? {} : { destinationMac: mac }),
    })
  }

  for (const route of table.effective()) {
    const { address, prefixLength } = route
    const put = (way: Omit<DesiredRoute, 'address' | 'prefixLength'>): void => {
      byPrefix.set(formatCidr({ address, length: prefixLength }), { address, prefixLength, ...way })
    }
    if (uplink === undefined || route.type === 'reject' || route.ifindex !== uplink.ifindex || route.gatewayIpv6) {
      put({ type: 'reject' })
      const note = refusalOf(route, links, uplink, privateDevices)
      if (note !== undefined) notes.push(note)
    } else if (route.gateway === undefined) {
      put({ type: 'on-link' })
    } else {
      use(route.gateway, route.mtu ?? uplink.mtu, uplink)
      put({ type: 'via', nextHop: route.gateway })
    }
  }
  if (uplink !== undefined) {
    const onLink = onLinkNeighbours(neighbours, uplink.ifindex, table)
    if (onLink.length > MAX_ON_LINK_NEIGHBOURS) {
      notes.push(
        `${uplink.name} has ${onLink.length} neighbours on link; traffic to all but ${MAX_ON_LINK_NEIGHBOURS} is dropped`,
      )
    }
    for (const { address, route } of onLink.slice(0, MAX_ON_LINK_NEIGHBOURS)) {
      use(address, route.mtu ?? uplink.mtu, uplink)
      const prefix = formatCidr({ address, length: 32 })
      byPrefix.set(prefix, { address, prefixLength: 32, type: 'via', nextHop: address })
    }
    if (![...byPrefix.values()].some((route) => route.type !== 'reject')) {
      notes.push(`no route leads out of ${uplink.name}: all traffic from private machines is dropped`)
    }
  }
  return { routes: [...byPrefix.values()], nextHops: [...nextHops.values()], neighbours: [...nextHops.keys()], notes }
}

function onLinkNeighbours(neighbours: ReadonlyMap<number, Neighbour>, ifindex: number, table: RouteTable) {
  const found: { address: number; route: Route }[] = []
  for (const { address, mac, ifindex: on } of neighbours.values()) {
    if (on !== ifindex || mac === undefined) continue
    const route = table.lookup(address)
    if (route?.ifindex === ifindex && route.gateway === undefined && !route.gatewayIpv6) found.push({ address, route })
  }
  return found
}

function refusalOf(
  route: Route,
  links: ReadonlyMap<number, Link>,
  uplink: Link | undefined,
  privateDevices: ReadonlySet<number>,
): string | undefined {
  if (route.type === 'reject' || uplink === undefined || privateDevices.has(route.ifindex)) return undefined
  const prefix = formatCidr({ address: route.address, length: route.prefixLength })
  if (route.gatewayIpv6) return `route ${prefix}: an IPv6 next hop for IPv4 is not supported; traffic to it is dropped`
  const device = links.get(route.ifindex)?.name ?? `device ${route.ifindex}`
  return `route ${prefix} leads through ${device}, not the uplink ${uplink.name}; traffic to it is dropped`
}
