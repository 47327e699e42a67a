import type { ObjectKey } from '../../api/index.ts'
import type { DesiredInterface } from '../../dataplane/model.ts'
import type { Neighbour } from '../netlink/model.ts'
import type { Finding } from './finding.ts'
import type { Claim } from './objects.ts'
import type { PrivateSide } from './placement.ts'
import type { RouteTable } from './route-table.ts'
import { formatIpv4 } from '../../net/ipv4.ts'
import { neighbourKey } from '../netlink/model.ts'
import { insideNextHop, placeOf } from './placement.ts'

/** All that the entries of one interface follow from. */
export interface InterfaceContext {
  vni: number
  /** Devices of its Network, at least one. */
  candidates: readonly PrivateSide[]
  /** Routes through private devices. */
  routes: RouteTable
  neighbours: ReadonlyMap<number, Neighbour>
  /** Its slices. */
  claims: readonly Claim[]
  /** Key of the interface that an address belongs to, where that is another. */
  otherHolder: (address: number) => ObjectKey | undefined
}

/** What one NetworkInterface comes to. */
export interface InterfaceResult {
  interfaces: DesiredInterface[]
  /** Absent where nothing is to be said: the interface has no slice. */
  finding?: Finding
  /** Neighbours the result depends on, by key. */
  watches: number[]
  /** Neighbours the kernel should keep resolved for it, by key. */
  wants: number[]
  /** NATTables its slices come from. */
  tables: ObjectKey[]
}

export const NOTHING: InterfaceResult = { interfaces: [], watches: [], wants: [], tables: [] }

/** @param addresses its IPv4 addresses */
export function interfaceResult(
  key: ObjectKey,
  addresses: readonly number[],
  context: InterfaceContext,
): InterfaceResult {
  const result: InterfaceResult = { interfaces: [], watches: [], wants: [], tables: [] }
  for (const address of addresses) {
    const claim = context.claims.find(({ insideAddress }) => insideAddress === address)
    const holder = context.otherHolder(address)
    const finding =
      holder === undefined ? addAddress(result, key, address, claim, context) : addressConflict(address, holder)
    // The first trouble is the one to be told; it comes before any success.
    if (claim !== undefined && finding !== undefined && result.finding?.status !== 'False') result.finding = finding
  }
  return result
}

function addAddress(
  result: InterfaceResult,
  name: string,
  address: number,
  claim: Claim | undefined,
  context: InterfaceContext,
): Finding | undefined {
  const { side, consulted } = placeOf(address, context.candidates, context.routes, context.neighbours)
  const link = side?.link
  const entry: DesiredInterface = { name, vni: context.vni, address, ifindex: link?.ifindex ?? 0 }
  result.interfaces.push(entry)
  result.watches.push(...consulted)
  if (claim === undefined) return undefined
  result.tables.push(claim.table)
  const slice: NonNullable<DesiredInterface['slice']> = {
    publicAddress: claim.publicAddress,
    firstPort: claim.firstPort,
  }
  entry.slice = slice
  if (side === undefined || link === undefined) result.wants.push(...consulted)
  if (side === undefined) return noDevice(address, context.candidates)
  if (link === undefined) return deviceMissing(side)
  const hop = insideNextHop(address, link.ifindex, context.routes)
  const hopKey = neighbourKey(link.ifindex, hop)
  result.watches.push(hopKey)
  result.wants.push(hopKey)
  const mac = context.neighbours.get(hopKey)?.mac
  if (mac !== undefined) slice.link = { destinationMac: mac, sourceMac: link.mac, mtu: link.mtu }
  if (side.failure !== undefined) return { status: 'False', reason: 'ProgramFailed', message: side.failure }
  return mac === undefined ? unresolved(address, hop, side) : programmed(address, side)
}

function programmed(address: number, side: PrivateSide): Finding {
  const message = `${formatIpv4(address)} on ${side.name} is translated on this node`
  return { status: 'True', reason: 'Programmed', message }
}

function addressConflict(address: number, holder: ObjectKey): Finding {
  const message = `${formatIpv4(address)} belongs to NetworkInterface ${holder} of the same Network; give this one another`
  return { status: 'False', reason: 'AddressConflict', message }
}

function noDevice(address: number, candidates: readonly PrivateSide[]): Finding {
  const names = candidates.map(({ name }) => name).join(', ')
  const message =
    `${formatIpv4(address)} may be on any of ${names}: no configured prefix, route or neighbour tells which; ` +
    'set `prefixes` of these devices in the configuration'
  return { status: 'False', reason: 'NoDevice', message }
}

function deviceMissing(side: PrivateSide): Finding {
  const message = `private device ${side.name} does not exist on this node; served when it is there`
  return { status: 'False', reason: 'DeviceMissing', message }
}

function unresolved(address: number, hop: number, side: PrivateSide): Finding {
  const whom = hop === address ? formatIpv4(address) : `${formatIpv4(hop)}, the router towards ${formatIpv4(address)},`
  return { status: 'False', reason: 'NeighbourUnresolved', message: `${whom} does not answer ARP on ${side.name}` }
}
