import type { Derivation, DesiredInterface } from '../dataplane/desired-state.ts'
import type { InterfaceRecord } from './record.ts'

/** The entries of all interfaces in one list, which is changed in place, and what changed in it from one look to the next. */
export class EntryList {
  readonly #entries: DesiredInterface[] = []
  /** The record of the entry at each place. */
  readonly #owners: InterfaceRecord[] = []
  #revision = 0
  #removed = new Set<DesiredInterface>()
  #added = new Set<DesiredInterface>()

  get present(): readonly DesiredInterface[] {
    return this.#entries
  }

  /** @returns the list, the same array each time, and how it came from what it was at the last call */
  look(): { interfaces: readonly DesiredInterface[]; derivation: Derivation } {
    const change = { removed: [...this.#removed], added: [...this.#added] }
    const from = this.#revision++
    this.#removed = new Set()
    this.#added = new Set()
    return { interfaces: this.#entries, derivation: { revision: this.#revision, from, change } }
  }

  set(record: InterfaceRecord, entries: readonly DesiredInterface[]): void {
    const places = record.places
    if (places.length === entries.length && places.every((place, i) => this.#entries[place] === entries[i])) return
    for (const place of places) this.#note(this.#entries[place], this.#added, this.#removed)
    for (const entry of entries) this.#note(entry, this.#removed, this.#added)
    while (places.length > entries.length) this.#remove(places.pop())
    record.places = entries.map((entry, i) => {
      const place = places[i] ?? this.#entries.length
      this.#entries[place] = entry
      this.#owners[place] = record
      return place
    })
  }

  /** An entry that is removed and added again between two looks has not changed. */
  #note(entry: DesiredInterface | undefined, opposite: Set<DesiredInterface>, kind: Set<DesiredInterface>): void {
    if (entry !== undefined && !opposite.delete(entry)) kind.add(entry)
  }

  /** The last entry takes the place. */
  #remove(place: number | undefined): void {
    const last = this.#entries.pop()
    const owner = this.#owners.pop()
    if (place === undefined || last === undefined || owner === undefined || place === this.#entries.length) return
    this.#entries[place] = last
    this.#owners[place] = owner
    owner.places.splice(owner.places.indexOf(this.#entries.length), 1, place)
  }
}
