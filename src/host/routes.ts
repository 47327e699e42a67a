import { addressOfBytes, ipv4Address } from '../net/address.ts'
import { attributesOf, NLM_F_DUMP, readU16, readU32, request } from './message.ts'
import type { Route } from './network-objects.ts'

export const RTM_NEWROUTE = 24
export const RTM_DELROUTE = 25
const RTM_GETROUTE = 26

export const TABLE_MAIN = 254
export const TABLE_DEFAULT = 253

/** struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags. */
const RTMSG_BYTES = 12
/** struct rtnexthop: length u16, flags u8, hops u8, ifindex i32; attributes follow. */
const RTNEXTHOP_BYTES = 8
const AF_INET = 2
const RTA_DST = 1
const RTA_OIF = 4
const RTA_GATEWAY = 5
const RTA_PRIORITY = 6
const RTA_METRICS = 8
const RTA_MULTIPATH = 9
const RTA_TABLE = 15
const RTA_VIA = 18
const RTAX_MTU = 2
const RTNH_F_DEAD = 1
const RTNH_F_LINKDOWN = 16
/** The route was made by a look-up (PMTU, redirect) and is none of the administrator's. */
const RTM_F_CLONED = 0x200

/**
 * RTN_UNICAST; blackhole, unreachable, prohibit and throw. A throw in main leads to the table default, where few hosts have
 * routes: it counts as the end of the look-up.
 */
const TYPES: Readonly<Record<number, Route['type']>> = {
  1: 'unicast',
  6: 'reject',
  7: 'reject',
  8: 'reject',
  9: 'reject',
}

type NextHop = Pick<Route, 'ifindex' | 'gateway'> & { flags: number }

export function dumpRoutes(): Uint8Array {
  const fixed = new Uint8Array(RTMSG_BYTES)
  fixed[0] = AF_INET
  return request(RTM_GETROUTE, NLM_F_DUMP, fixed)
}

/**
 * @returns undefined for what is not an IPv4 route of main or default for all traffic: other tables, local and multicast
 * routes, routes by source or TOS, and unicast routes none of whose next hops is alive
 */
export function readRoute(body: Uint8Array): Route | undefined {
  if (body.length < RTMSG_BYTES || body[0] !== AF_INET || body[2] !== 0 || body[3] !== 0) return undefined
  const type = TYPES[body[7] ?? 0]
  const flags = readU32(body, 8)
  if (type === undefined || (flags & RTM_F_CLONED) !== 0) return undefined
  const attributes = attributesOf(body, RTMSG_BYTES)
  const tableAttribute = attributes.get(RTA_TABLE)
  const table = tableAttribute === undefined ? (body[4] ?? 0) : readU32(tableAttribute)
  if (table !== TABLE_MAIN && table !== TABLE_DEFAULT) return undefined
  const destination = attributes.get(RTA_DST)
  const priority = attributes.get(RTA_PRIORITY)
  const common = {
    address: (destination && addressOfBytes(destination)) ?? ipv4Address(0),
    prefixLength: body[1] ?? 0,
    type,
    table,
    metric: priority === undefined ? 0 : readU32(priority),
  }
  if (type !== 'unicast') return { ...common, ifindex: 0 }
  const hop = firstLive(nextHops(attributes, flags))
  if (hop === undefined) return undefined
  const mtu = mtuOf(attributes.get(RTA_METRICS))
  return {
    ...common,
    ifindex: hop.ifindex,
    ...(hop.gateway === undefined ? {} : { gateway: hop.gateway }),
    ...(mtu === undefined ? {} : { mtu }),
  }
}

function nextHops(attributes: Map<number, Uint8Array>, flags: number): NextHop[] {
  const several = attributes.get(RTA_MULTIPATH)
  if (several === undefined) {
    const device = attributes.get(RTA_OIF)
    return device === undefined ? [] : [{ ifindex: readU32(device), flags, ...gatewayOf(attributes) }]
  }
  const hops: NextHop[] = []
  let offset = 0
  while (offset + RTNEXTHOP_BYTES <= several.length) {
    const length = readU16(several, offset)
    if (length < RTNEXTHOP_BYTES || offset + length > several.length) break
    const gateway = gatewayOf(attributesOf(several.subarray(offset, offset + length), RTNEXTHOP_BYTES))
    hops.push({ ifindex: readU32(several, offset + 4), flags: several[offset + 2] ?? 0, ...gateway })
    offset += (length + 3) & ~3
  }
  return hops
}

function gatewayOf(attributes: Map<number, Uint8Array>): Pick<Route, 'gateway'> {
  // struct rtvia: family u16, address.
  const bytes = attributes.get(RTA_GATEWAY) ?? attributes.get(RTA_VIA)?.subarray(2)
  const gateway = bytes && addressOfBytes(bytes)
  return gateway === undefined ? {} : { gateway }
}

/** Without carrier the kernel still sends there when nothing better is left. */
function firstLive(hops: NextHop[]): NextHop | undefined {
  const alive = hops.filter((hop) => (hop.flags & RTNH_F_DEAD) === 0)
  return alive.find((hop) => (hop.flags & RTNH_F_LINKDOWN) === 0) ?? alive[0]
}

function mtuOf(metrics: Uint8Array | undefined): number | undefined {
  const mtu = metrics && attributesOf(metrics, 0).get(RTAX_MTU)
  return mtu === undefined ? undefined : readU32(mtu)
}
