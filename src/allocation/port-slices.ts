import type { NATTableSection } from '../api/index.ts'
import type { PortRange } from './port-range.ts'
import { checkPortsPerSlice, sliceAt, sliceCapacity, sliceIndexOf } from './port-range.ts'

/** A public address and the ports of it that may be dealt. */
export interface SliceAddress {
  ip: string
  ports: PortRange
}

/** An interface that wants a slice. */
export interface SliceOwner {
  uid: string
  name: string
  /** Inside address. */
  ip: string
  /** Milliseconds; the oldest is served first, of equals the first by name. */
  createdAt: number
}

/** What was dealt of one address before. */
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
  /** One for each address, in the order given; sections sorted by port. */
  tables: { ip: string; sections: NATTableSection[] }[]
  /** Oldest first. */
  unserved: SliceOwner[]
  /** Owners whose slice could not stay: size, ports of the address or the address itself changed. */
  displaced: SliceOwner[]
  /** Sections that should never have been: of two the first was kept. */
  damage: { ip: string; section: NATTableSection; problem: 'overlap' | 'misaligned' | 'second slice of its owner' }[]
}

/**
 * Deals slices to owners. A section that still fits (right size, on a slice boundary, its address still there, its owner
 * still wanting one) stays where it is whatever else changes. Owners that lost theirs come next, oldest first: same
 * address and index, else same address, else any. Then those that never had one. Same input, same output.
 *
 * O(n log n) in owners and sections.
 */
export function allocateSlices(request: SliceRequest): SliceAllocation {
  checkPortsPerSlice(request.portsPerSlice)
  const slots = request.addresses.map((address) => new AddressSlots(address, request.portsPerSlice))
  const owners = new Map(request.owners.map((owner) => [owner.uid, owner]))
  const { served, misfits, damage } = keepWhatFits(request, slots, owners)

  const homeless: SliceOwner[] = []
  const displaced = [...misfits.values()].sort((a, b) => oldestFirst(a.owner, b.owner))
  const deal = (owner: SliceOwner, address: AddressSlots | undefined, index: number | undefined): boolean => {
    if (address === undefined || index === undefined || !address.give(index, owner)) return false
    served.add(owner.uid)
    return true
  }
  // All indexes are restored before any is chosen, or one owner's second choice would be another's first.
  const moved = displaced.filter(({ owner, address, index }) => !deal(owner, address, index))
  for (const { owner, address } of moved) if (!deal(owner, address, address?.lowestFree())) homeless.push(owner)

  const newcomers = request.owners.filter(({ uid }) => !served.has(uid) && !misfits.has(uid)).sort(oldestFirst)
  const unserved: SliceOwner[] = []
  let next = 0
  for (const owner of [...homeless, ...newcomers]) {
    while (next < slots.length && slots[next]?.lowestFree() === undefined) next++
    if (!deal(owner, slots[next], slots[next]?.lowestFree())) unserved.push(owner)
  }
  return {
    tables: slots.map((address) => ({ ip: address.ip, sections: address.sections() })),
    unserved: unserved.sort(oldestFirst),
    displaced: displaced.map(({ owner }) => owner),
    damage,
  }
}

/** An owner whose slice is not kept, and where it was, if that address is still dealt from. */
interface Misfit {
  owner: SliceOwner
  address?: AddressSlots
  index?: number
}

function keepWhatFits(
  request: SliceRequest,
  slots: readonly AddressSlots[],
  owners: ReadonlyMap<string, SliceOwner>,
): { served: Set<string>; misfits: Map<string, Misfit>; damage: SliceAllocation['damage'] } {
  const served = new Set<string>()
  const misfits = new Map<string, Misfit>()
  const damage: SliceAllocation['damage'] = []
  const order = new Map(slots.map((address, position) => [address.ip, position]))
  const position = (table: ExistingTable): number => order.get(table.ip) ?? slots.length
  for (const table of [...request.existing].sort((a, b) => position(a) - position(b))) {
    const address = slots[position(table)]
    // Only a table dealt to the present measure can be said to be damaged; others are out of date.
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
      if (served.has(owner.uid)) {
        report('second slice of its owner')
        continue
      }
      const index = address === undefined ? undefined : sliceIndexOf(address.ports, request.portsPerSlice, section)
      if (address !== undefined && index !== undefined && address.give(index, owner, section)) {
        served.add(owner.uid)
        continue
      }
      report(index === undefined ? 'misaligned' : 'overlap')
      if (!misfits.has(owner.uid)) {
        const old = Math.floor((section.port - table.ports.first) / table.portsPerSlice)
        misfits.set(owner.uid, { owner, ...(address === undefined ? {} : { address, index: old }) })
      }
    }
  }
  for (const uid of served) misfits.delete(uid)
  return { served, misfits, damage }
}

function oldestFirst(a: SliceOwner, b: SliceOwner): number {
  return a.createdAt - b.createdAt || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
}

/** The slices of one address while they are dealt. Slices are given, never taken back. */
class AddressSlots {
  readonly ip: string
  readonly ports: PortRange
  readonly #portsPerSlice: number
  readonly #capacity: number
  readonly #given = new Map<number, NATTableSection>()
  #lowest = 0

  constructor(address: SliceAddress, portsPerSlice: number) {
    this.ip = address.ip
    this.ports = address.ports
    this.#portsPerSlice = portsPerSlice
    this.#capacity = sliceCapacity(address.ports, portsPerSlice)
  }

  /** @returns false when there is no such slice or it is given already */
  give(index: number, owner: SliceOwner, before?: NATTableSection): boolean {
    if (!Number.isInteger(index) || index < 0 || index >= this.#capacity || this.#given.has(index)) return false
    // The object itself where it says the truth, so that callers see by identity that nothing changed.
    const same = before?.ip === owner.ip && before.targetRef.name === owner.name
    this.#given.set(index, same ? before : this.#section(index, owner))
    return true
  }

  lowestFree(): number | undefined {
    while (this.#given.has(this.#lowest)) this.#lowest++
    return this.#lowest < this.#capacity ? this.#lowest : undefined
  }

  sections(): NATTableSection[] {
    return [...this.#given.values()].sort((a, b) => a.port - b.port)
  }

  #section(index: number, owner: SliceOwner): NATTableSection {
    const ports = sliceAt(this.ports, this.#portsPerSlice, index)
    return { ip: owner.ip, ...ports, targetRef: { name: owner.name, uid: owner.uid } }
  }
}
