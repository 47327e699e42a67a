import type { ObjectKey } from '../api/index.ts'
import type { DesiredInterface, LocalOwner } from '../dataplane/desired-state.ts'
import type { Neighbour, NeighbourKey } from '../host/network-objects.ts'
import { neighbourKey } from '../host/network-objects.ts'
import type { Address } from '../net/address.ts'
import { formatAddress } from '../net/address.ts'
import type { PrivateSide } from './device-choice.ts'
import { chooseDevice, insideNextHop } from './device-choice.ts'
import type { ProgrammedState } from './record.ts'
import type { InterfaceResult, SliceAssignment } from './record.ts'
import { NOTHING } from './record.ts'
import type { RouteTable } from './route-table.ts'

/** All that the entries of one interface follow from. */
export interface InterfaceContext {
  vni: number
  /** Devices of its Network, at least one. */
  candidates: readonly PrivateSide[]
  /** Routes through private devices. */
  routes: RouteTable
  neighbours: ReadonlyMap<NeighbourKey, Neighbour>
  /** Its slices. */
  assignments: readonly SliceAssignment[]
  /** The only station that may send from its addresses; undefined where any may. */
  mac: Uint8Array | undefined
  /** Key of the interface that an address belongs to, where that is another. */
  otherHolder: (address: Address) => ObjectKey | undefined
  /** Whether another Network here has the address too. */
  isAmbiguous: (address: Address) => boolean
}

/** @param addresses those of its addresses that are supported */
export function interfaceResult(
  key: ObjectKey,
  addresses: readonly Address[],
  context: InterfaceContext,
): InterfaceResult {
  const results = addresses.map((address) => addressResult(key, address, context))
  const [first = NOTHING] = results
  if (results.length < 2) return first
  // The condition reports the first problem; a success only where there is no problem.
  const reported =
    results.find(({ programmed }) => programmed?.status === 'False') ?? results.findLast(({ programmed }) => programmed)
  return {
    interfaces: results.flatMap(({ interfaces }) => interfaces),
    programmed: reported?.programmed,
    watches: results.flatMap(({ watches }) => watches),
    wants: results.flatMap(({ wants }) => wants),
    tables: results.flatMap(({ tables }) => tables),
  }
}

function addressResult(name: string, address: Address, context: InterfaceContext): InterfaceResult {
  const { vni, candidates, routes, neighbours, mac: bound } = context
  const assignment = assignmentOf(address, context.assignments)
  const holder = context.otherHolder(address)
  if (holder !== undefined) {
    return assignment === undefined ? NOTHING : { ...NOTHING, programmed: addressConflict(address, holder) }
  }
  const { side, consulted } = chooseDevice(address, candidates, routes, neighbours, bound)
  const link = side?.link
  const ifindex = link?.ifindex ?? 0
  const owner: LocalOwner = { kind: 'local', ifindex }
  const ambiguous = context.isAmbiguous(address)
  const entry: DesiredInterface = { name, vni, address, owner, ...(ambiguous ? { ambiguous } : {}) }
  if (assignment === undefined) return { ...NOTHING, interfaces: [entry], watches: consulted }
  const { table, section } = assignment
  const slice = { publicAddress: table.address.address, firstPort: section.port }
  if (side === undefined || link === undefined) {
    const programmed = side === undefined ? noDevice(address, candidates) : deviceMissing(side)
    return { interfaces: [{ ...entry, slice }], programmed, watches: consulted, wants: consulted, tables: table.keys }
  }
  const hop = insideNextHop(address, ifindex, routes)
  // A bound interface does not depend on ARP.
  const neighbour = neighbourKey(ifindex, hop)
  const wants = bound === undefined ? [neighbour] : []
  const mac = bound ?? neighbours.get(neighbour)?.mac
  const isBound = bound === undefined ? {} : { bound: true as const }
  if (mac !== undefined) owner.nextHop = { destinationMac: mac, sourceMac: link.mac, mtu: link.mtu, ...isBound }
  return {
    interfaces: [{ ...entry, slice }],
    programmed: programmedState(entry, hop, side, mac !== undefined),
    watches: consulted.length === 0 ? wants : [...consulted, ...wants],
    wants,
    tables: table.keys,
  }
}

/** Of several slices for one address always the same, whatever the order of the events. */
function assignmentOf(address: Address, assignments: readonly SliceAssignment[]): SliceAssignment | undefined {
  let chosen: SliceAssignment | undefined
  for (const assignment of assignments) {
    if (assignment.insideAddress === address && (chosen === undefined || isBefore(assignment, chosen)))
      chosen = assignment
  }
  return chosen
}

function isBefore(a: SliceAssignment, b: SliceAssignment): boolean {
  return a.table.key === b.table.key ? a.section.port < b.section.port : a.table.key < b.table.key
}

function programmedState(
  entry: DesiredInterface,
  hop: Address,
  side: PrivateSide,
  isResolved: boolean,
): ProgrammedState {
  if (side.failure !== undefined) return { status: 'False', reason: 'ProgramFailed', message: side.failure }
  return isResolved ? translated(entry, side) : unresolved(entry.address, hop, side)
}

function translated({ address, ambiguous }: DesiredInterface, side: PrivateSide): ProgrammedState {
  const limit = ambiguous ? '; this node itself does not answer it, since another Network here has the address too' : ''
  const message = `${formatAddress(address)} on ${side.name} is translated on this node${limit}`
  return { status: 'True', reason: 'Programmed', message }
}

function addressConflict(address: Address, holder: ObjectKey): ProgrammedState {
  const message = `${formatAddress(address)} belongs to NetworkInterface ${holder} of the same Network; give this one another`
  return { status: 'False', reason: 'AddressConflict', message }
}

function noDevice(address: Address, candidates: readonly PrivateSide[]): ProgrammedState {
  const names = candidates.map(({ name }) => name).join(', ')
  const message =
    `${formatAddress(address)} may be on any of ${names}: no configured prefix, route or neighbour tells which; ` +
    'set `prefixes` of these devices in the configuration'
  return { status: 'False', reason: 'NoDevice', message }
}

function deviceMissing(side: PrivateSide): ProgrammedState {
  const message = `private device ${side.name} does not exist on this node; served when it is there`
  return { status: 'False', reason: 'DeviceMissing', message }
}

function unresolved(address: Address, hop: Address, side: PrivateSide): ProgrammedState {
  const whom =
    hop === address ? formatAddress(address) : `${formatAddress(hop)}, the router towards ${formatAddress(address)},`
  return { status: 'False', reason: 'NeighbourUnresolved', message: `${whom} does not answer ARP on ${side.name}` }
}
