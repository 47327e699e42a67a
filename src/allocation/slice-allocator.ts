import type { NATTableSection } from '../api/index.ts'
import type { SliceAddress } from './address-slots.ts'
import { AddressSlots } from './address-slots.ts'
import type { SliceOwner } from './slice-owner.ts'
import { WaitingList } from './slice-owner.ts'

/** Which slice an owner has. */
export interface SlicePlace {
  slots: AddressSlots
  index: number
}

/**
 * The slices of one gateway, kept so that a change costs what it changes and not a look at all owners.
 *
 * Invariant: the result equals a full `allocateSlices` over the same addresses, owners and tables, while the size of a
 * slice is the same. No slice moves then: an allocation frees the slices of released owners and gives free ones to
 * pending owners.
 */
export class SliceAllocator {
  readonly #portsPerSlice: number
  #addresses: readonly AddressSlots[]
  readonly #owners: Map<string, SliceOwner>
  /** By uid of the owner. An owner without one is pending or just added. */
  readonly #places: Map<string, SlicePlace>
  readonly #waiting = new WaitingList()
  /** By uid. Kept until the next allocation, so that an owner that comes back in time keeps its slice. */
  readonly #released = new Map<string, SliceOwner>()
  /** By uid; not yet part of an allocation. */
  readonly #added = new Map<string, SliceOwner>()
  readonly #touched: Set<string>

  /**
   * Owns the objects it is given.
   *
   * @param owners by uid
   * @param places by uid; the others wait
   */
  constructor(
    portsPerSlice: number,
    addresses: readonly AddressSlots[],
    owners: Map<string, SliceOwner>,
    places: Map<string, SlicePlace>,
  ) {
    this.#portsPerSlice = portsPerSlice
    this.#addresses = addresses
    this.#owners = owners
    this.#places = places
    this.#touched = new Set(addresses.map(({ ip }) => ip))
    this.#waiting.addAll([...owners.values()].filter(({ uid }) => !places.has(uid)))
  }

  /** All that want a slice, served or not; in no particular order. */
  get owners(): SliceOwner[] {
    return [...this.#owners.values()]
  }

  get wanted(): number {
    return this.#owners.size
  }

  /** Owners whose slice the next allocation frees, since they want none any more. */
  get released(): SliceOwner[] {
    return [...this.#released.values()]
  }

  /** Oldest first; as of the last allocation. */
  get pending(): readonly SliceOwner[] {
    return this.#waiting.owners
  }

  /** One for each address, in their order; sections sorted by port. */
  tables(): { ip: string; sections: NATTableSection[] }[] {
    return this.#addresses.map((slots) => ({ ip: slots.ip, sections: slots.sections() }))
  }

  /** Of one address; sorted by port. */
  sectionsOf(ip: string): NATTableSection[] {
    return this.#addresses.find((slots) => slots.ip === ip)?.sections() ?? []
  }

  isEmpty(ip: string): boolean {
    return (this.#addresses.find((slots) => slots.ip === ip)?.used ?? 0) === 0
  }

  /** Whether the sections of the address may differ from those it had when `settled` was called last. */
  isTouched(ip: string): boolean {
    return this.#touched.has(ip)
  }

  /** @param tables as they were written, objects shared with the store */
  settled(tables: readonly { ip: string; sections: readonly NATTableSection[] }[]): void {
    const written = new Map(tables.map(({ ip, sections }) => [ip, sections]))
    for (const slots of this.#addresses) {
      if (this.#touched.has(slots.ip)) slots.share(written.get(slots.ip) ?? [])
    }
    this.#touched.clear()
  }

  /** The owner wants a slice, newly or still; its data replace those of before. */
  want(owner: SliceOwner): void {
    const { uid } = owner
    const known = this.#owners.get(uid)
    const place = this.#places.get(uid)
    this.#owners.set(uid, owner)
    this.#released.delete(uid)
    if (place !== undefined) {
      if (place.slots.rename(place.index, owner)) this.#touched.add(place.slots.ip)
    } else if (known === undefined || !sameOwner(known, owner)) {
      if (known !== undefined) this.#waiting.remove(known)
      this.#added.set(uid, owner)
    }
  }

  /** The owner wants none any more. An unknown uid changes nothing. */
  unwant(uid: string): void {
    const known = this.#owners.get(uid)
    if (known === undefined) return
    this.#owners.delete(uid)
    if (this.#places.has(uid)) this.#released.set(uid, known)
    else if (!this.#added.delete(uid)) this.#waiting.remove(known)
  }

  /**
   * Gives free slices to pending owners, the oldest first.
   *
   * @param addresses the first that has room is used first
   * @returns false when a slice would have to move, since its address or that one's ports have changed; from then on only
   * `owners` is right
   */
  allocate(addresses: readonly SliceAddress[]): boolean {
    for (const uid of this.#released.keys()) this.#free(uid)
    this.#released.clear()
    if (!this.#use(addresses)) return false
    this.#waiting.addAll([...this.#added.values()])
    this.#added.clear()
    let room = 0
    for (const { free } of this.#addresses) room += free
    if (room === 0) return true
    let next = 0
    for (const owner of this.#waiting.takeOldest(room)) {
      while (this.#addresses[next]?.free === 0) next++
      const slots = this.#addresses[next]
      const index = slots?.lowestFree()
      if (slots === undefined || index === undefined) break
      slots.give(index, owner)
      this.#places.set(owner.uid, { slots, index })
      this.#touched.add(slots.ip)
    }
    return true
  }

  #free(uid: string): void {
    const place = this.#places.get(uid)
    if (place === undefined) return
    place.slots.take(place.index)
    this.#places.delete(uid)
    this.#touched.add(place.slots.ip)
  }

  #use(addresses: readonly SliceAddress[]): boolean {
    const known = new Map(this.#addresses.map((slots) => [slots.ip, slots]))
    const next = addresses.map((address): AddressSlots => {
      const slots = known.get(address.ip)
      if (slots?.ports.first !== address.ports.first || slots.ports.last !== address.ports.last) {
        return new AddressSlots(address, this.#portsPerSlice)
      }
      known.delete(address.ip)
      return slots
    })
    for (const { used } of known.values()) if (used > 0) return false
    for (const ip of known.keys()) this.#touched.delete(ip)
    const before = new Set(this.#addresses)
    for (const slots of next) if (!before.has(slots)) this.#touched.add(slots.ip)
    this.#addresses = next
    return true
  }
}

function sameOwner(a: SliceOwner, b: SliceOwner): boolean {
  return a.ip === b.ip && a.name === b.name && a.createdAt === b.createdAt
}
