import type { NATTableSection } from '../api/index.ts'
import type { PortRange } from '../net/ports.ts'
import { sliceAt, sliceCapacity } from './port-range.ts'
import type { SliceOwner } from './slice-owner.ts'

/** A public address and the ports of it that may be allocated. */
export interface SliceAddress {
  ip: string
  ports: PortRange
}

/** The slices of one address, and the owner of each. */
export class AddressSlots {
  readonly ip: string
  readonly ports: PortRange
  readonly #portsPerSlice: number
  readonly #capacity: number
  /** By index of the slice; free ones are holes. */
  readonly #given: (NATTableSection | undefined)[] = []
  #used = 0
  /** No slice below is free. */
  #lowest = 0

  constructor(address: SliceAddress, portsPerSlice: number) {
    this.ip = address.ip
    this.ports = address.ports
    this.#portsPerSlice = portsPerSlice
    this.#capacity = sliceCapacity(address.ports, portsPerSlice)
  }

  get used(): number {
    return this.#used
  }

  get free(): number {
    return this.#capacity - this.#used
  }

  /** @returns false when there is no such slice or it is given already */
  give(index: number, owner: SliceOwner, before?: NATTableSection): boolean {
    if (!Number.isInteger(index) || index < 0 || index >= this.#capacity || this.#given[index] !== undefined)
      return false
    // An unchanged section stays the same object: callers compare by identity.
    const same = before?.ip === owner.ip && before.targetRef.name === owner.name
    this.#given[index] = same ? before : this.#section(index, owner)
    this.#used++
    return true
  }

  /** Frees a slice that is given. */
  take(index: number): void {
    this.#given[index] = undefined
    this.#used--
    this.#lowest = Math.min(this.#lowest, index)
  }

  /** Writes the owner's present name and address into its section. @returns whether the section changed */
  rename(index: number, owner: SliceOwner): boolean {
    const section = this.#section(index, owner)
    if (sameSection(section, this.#given[index])) return false
    this.#given[index] = section
    return true
  }

  lowestFree(): number | undefined {
    while (this.#given[this.#lowest] !== undefined) this.#lowest++
    return this.#lowest < this.#capacity ? this.#lowest : undefined
  }

  /** Replaces its sections by equal objects of the store, so that identity shows which do not change. */
  share(sections: readonly NATTableSection[]): void {
    for (const section of sections) {
      const index = (section.port - this.ports.first) / this.#portsPerSlice
      const own = this.#given[index]
      if (own !== undefined && sameSection(own, section)) this.#given[index] = section
    }
  }

  /** Sorted by port. */
  sections(): NATTableSection[] {
    return this.#given.filter((section) => section !== undefined)
  }

  #section(index: number, owner: SliceOwner): NATTableSection {
    const ports = sliceAt(this.ports, this.#portsPerSlice, index)
    return { ip: owner.ip, ...ports, targetRef: { name: owner.name, uid: owner.uid } }
  }
}

export function sameSection(a: NATTableSection, b: NATTableSection | undefined): boolean {
  if (a === b) return true
  return (
    a.ip === b?.ip &&
    a.port === b.port &&
    a.endPort === b.endPort &&
    a.targetRef.uid === b.targetRef.uid &&
    a.targetRef.name === b.targetRef.name
  )
}
