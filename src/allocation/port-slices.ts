import type { NATTableSection } from '../api/index.ts'
import type { PortRange } from '../net/ports.ts'
import type { SliceAddress } from './address-slots.ts'
import { AddressSlots } from './address-slots.ts'
import { checkPortsPerSlice, sliceIndexOf } from './port-range.ts'
import type { SlicePlace } from './slice-allocator.ts'
import { SliceAllocator } from './slice-allocator.ts'
import type { SliceOwner } from './slice-owner.ts'
import { oldestFirst } from './slice-owner.ts'

/** What was allocated of one address before. */
export interface ExistingTable {
  ip: string
  ports: PortRange
  portsPerSlice: number
  sections: readonly NATTableSection[]
}

export interface SliceRequest {
  /** The first that has room is used first. No address twice. */
  addresses: readonly SliceAddress[]
  portsPerSlice: number
  existing: readonly ExistingTable[]
  /** In any order; no uid twice. */
  owners: readonly SliceOwner[]
}

export interface SliceAllocation {
  /** Holds the slices; later changes are made in it. */
  allocator: SliceAllocator
  /** Owners whose slice could not stay: size, ports of the address or the address itself changed. */
  displaced: SliceOwner[]
  /** Sections that should never have been: of two the first was kept. */
  damage: { ip: string; section: NATTableSection; problem: 'overlap' | 'misaligned' | 'second slice of its owner' }[]
}

/**
 * Allocates slices to owners. A section that still fits (right size, on a slice boundary, its address still there, its owner
 * still wanting one) stays where it is whatever else changes. Owners that lost theirs come next, oldest first: same
 * address and index, else same address, else any. Then those that never had one. Same input, same output.
 *
 * O(n log n) in owners and sections.
 */
export function allocateSlices(request: SliceRequest): SliceAllocation {
  checkPortsPerSlice(request.portsPerSlice)
  const slots = request.addresses.map((address) => new AddressSlots(address, request.portsPerSlice))
  const owners = new Map(request.owners.map((owner) => [owner.uid, owner]))
  const { places, lost, damage } = keepWhatFits(request, slots, owners)

  const unplaced: SliceOwner[] = []
  const displaced = [...lost.values()].sort((a, b) => oldestFirst(a.owner, b.owner))
  const give = (owner: SliceOwner, address: AddressSlots | undefined, index: number | undefined): boolean => {
    if (address === undefined || index === undefined || !address.give(index, owner)) return false
    places.set(owner.uid, { slots: address, index })
    return true
  }
  // All indexes are restored before any is chosen, or one owner's second choice would be another's first.
  const moved = displaced.filter(({ owner, address, index }) => !give(owner, address, index))
  for (const { owner, address } of moved) if (!give(owner, address, address?.lowestFree())) unplaced.push(owner)

  const added = request.owners.filter(({ uid }) => !places.has(uid) && !lost.has(uid)).sort(oldestFirst)
  let next = 0
  for (const owner of [...unplaced, ...added]) {
    while (next < slots.length && slots[next]?.free === 0) next++
    if (!give(owner, slots[next], slots[next]?.lowestFree())) break
  }
  const allocator = new SliceAllocator(request.portsPerSlice, slots, owners, places)
  return { allocator, displaced: displaced.map(({ owner }) => owner), damage }
}

/** An owner whose slice is not kept, and where it was, if that address is still in use. */
interface Displaced {
  owner: SliceOwner
  address?: AddressSlots
  index?: number
}

function keepWhatFits(
  request: SliceRequest,
  slots: readonly AddressSlots[],
  owners: ReadonlyMap<string, SliceOwner>,
): { places: Map<string, SlicePlace>; lost: Map<string, Displaced>; damage: SliceAllocation['damage'] } {
  const places = new Map<string, SlicePlace>()
  const lost = new Map<string, Displaced>()
  const damage: SliceAllocation['damage'] = []
  const order = new Map(slots.map((address, position) => [address.ip, position]))
  const position = (table: ExistingTable): number => order.get(table.ip) ?? slots.length
  for (const table of [...request.existing].sort((a, b) => position(a) - position(b))) {
    const address = slots[position(table)]
    // Only a table of the present geometry can be damaged; others are out of date.
    const current =
      address !== undefined &&
      table.portsPerSlice === request.portsPerSlice &&
      table.ports.first === address.ports.first &&
      table.ports.last === address.ports.last
    for (const section of [...table.sections].sort((a, b) => a.port - b.port)) {
      const owner = owners.get(section.targetRef.uid)
      if (owner === undefined) continue
      const report = (problem: SliceAllocation['damage'][number]['problem']): void => {
        if (current) damage.push({ ip: table.ip, section, problem })
      }
      if (places.has(owner.uid)) {
        report('second slice of its owner')
        continue
      }
      const index = address === undefined ? undefined : sliceIndexOf(address.ports, request.portsPerSlice, section)
      if (address !== undefined && index !== undefined && address.give(index, owner, section)) {
        places.set(owner.uid, { slots: address, index })
        continue
      }
      report(index === undefined ? 'misaligned' : 'overlap')
      if (!lost.has(owner.uid)) {
        const old = Math.floor((section.port - table.ports.first) / table.portsPerSlice)
        lost.set(owner.uid, { owner, ...(address === undefined ? {} : { address, index: old }) })
      }
    }
  }
  for (const uid of places.keys()) lost.delete(uid)
  return { places, lost, damage }
}
