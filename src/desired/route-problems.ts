// Problems of the host's routes: why private machines, or some of their packets, do not get out.
import type { Link, Route } from '../host/network-objects.ts'
import type { Address } from '../net/address.ts'
import { formatAddress } from '../net/address.ts'
import { formatCidr } from '../net/cidr.ts'
import type { Problem } from '../problems/problem.ts'
import type { UplinkState } from './uplink.ts'
import { leadsOut } from './uplink.ts'

export interface RouteFacts {
  state: Pick<UplinkState, 'effective' | 'neighboursLeftOut'>
  links: ReadonlyMap<number, Link>
  /** Absent while the device is: then that is the problem. */
  uplink: Link | undefined
  /** By ifindex; what is routed through these is inside, and rightly not reached by the uplink. */
  privateDevices: ReadonlySet<number>
  /** Routers that were asked for and have not answered for a while. */
  silentRouters: readonly Address[]
}

/** A host can have a million routes through another device: so many of them are listed. */
const MAX_LISTED = 20

export function routeProblems(facts: RouteFacts): Problem[] {
  const { uplink, state, silentRouters } = facts
  if (uplink === undefined) return []
  return [
    ...wayOut(facts, uplink),
    ...state.effective
      .filter(({ prefixLength }) => prefixLength > 0)
      .flatMap((route) => unusable(route, facts, uplink) ?? [])
      .slice(0, MAX_LISTED),
    ...silentRouters.map((router) => silent(router, uplink, isOnlyWayOut(router, state.effective))),
    ...(state.neighboursLeftOut > 0 ? [crowded(uplink)] : []),
  ]
}

/** Where the default route leads, if not out. */
function wayOut(facts: RouteFacts, uplink: Link): Problem[] {
  const { effective } = facts.state
  const standard = effective.find(({ prefixLength }) => prefixLength === 0)
  if (standard === undefined) {
    const some = effective.some((route) => leadsOut(route, uplink) && route.gateway !== undefined)
    return [noDefault(uplink, some)]
  }
  const found = unusable(standard, facts, uplink)
  return found === undefined ? [] : [{ ...found, severity: 'error', stopsEverything: true }]
}

function noDefault({ name }: Link, some: boolean): Problem {
  return {
    reason: 'NoDefaultRoute',
    severity: some ? 'warning' : 'error',
    ...(some ? {} : { stopsEverything: true }),
    object: `device ${name}`,
    message: some
      ? 'there is no default route: what no other route of the uplink leads to is dropped'
      : 'there is no default route: nobody gets out',
    remedy: `ip route add default via ROUTER dev ${name}`,
  }
}

/** @returns undefined for a route that packets can take, and for one that is meant to lead nowhere outside */
function unusable(route: Route, { links, privateDevices }: RouteFacts, uplink: Link): Problem | undefined {
  const { address, prefixLength, type, ifindex, gateway } = route
  if (leadsOut(route, uplink) || privateDevices.has(ifindex)) return undefined
  const isDefault = prefixLength === 0
  const prefix = isDefault ? 'default' : formatCidr({ address, length: prefixLength })
  const consequence = isDefault ? 'nobody gets out' : 'what is sent there is dropped'
  const common = { severity: 'warning', object: `route ${prefix}` } as const
  if (type === 'reject') {
    if (!isDefault) return undefined
    const message = `it is unreachable, prohibited or a blackhole: ${consequence}`
    return {
      ...common,
      reason: 'RouteRejects',
      message,
      remedy: `ip route replace default via ROUTER dev ${uplink.name}`,
    }
  }
  if (ifindex === uplink.ifindex && gateway !== undefined) {
    const message = `its next hop is an IPv6 address, which is not followed: ${consequence}`
    const remedy = `give it an IPv4 next hop: ip route replace ${prefix} via ROUTER dev ${uplink.name}`
    return { ...common, reason: 'RouteNotFollowed', message, remedy }
  }
  // The subnet of another device of the host is none of NAT's.
  if (gateway === undefined && !isDefault) return undefined
  const device = links.get(ifindex)?.name ?? `device ${ifindex}`
  const message = `it leads through ${device}, not the uplink ${uplink.name}: ${consequence}`
  const remedy = isDefault
    ? `give the uplink a default route of a smaller metric, and ${device} a table of its own`
    : `route it by ${uplink.name}, if private machines are to get there`
  return { ...common, reason: 'RouteElsewhere', message, remedy }
}

/** By a router other than the default route's some still get somewhere. */
function isOnlyWayOut(router: Address, effective: readonly Route[]): boolean {
  return effective.some(({ prefixLength, gateway }) => prefixLength === 0 && gateway === router)
}

function silent(router: Address, { name }: Link, stops: boolean): Problem {
  return {
    reason: 'RouterSilent',
    severity: 'error',
    ...(stops ? { stopsEverything: true } : {}),
    object: `router ${formatAddress(router)}`,
    message: `it does not answer ARP on ${name}: what is routed by it is dropped`,
    remedy: `ip neigh show dev ${name}; check the router, the cable, and the addresses of ${name}`,
  }
}

function crowded({ name }: Link): Problem {
  return {
    reason: 'NeighboursLeftOut',
    severity: 'error',
    object: `device ${name}`,
    message: 'it has more neighbours on its own link than there is room for: traffic to the others is dropped',
    remedy: 'reach them by a router',
  }
}
