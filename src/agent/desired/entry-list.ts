import type { DesiredInterface } from '../../dataplane/model.ts'
import type { InterfaceRecord } from './record.ts'

/**
 * The entries of all interfaces in one list. A list handed out is never changed; the next differs from it only at the
 * places of what changed, so that comparing the two is cheap.
 */
export class EntryList {
  #entries: DesiredInterface[] = []
  #handedOut = false
  /** Whose entry is at each place. */
  readonly #owners: InterfaceRecord[] = []

  list(): DesiredInterface[] {
    this.#handedOut = true
    return this.#entries
  }

  set(record: InterfaceRecord, entries: readonly DesiredInterface[]): void {
    const places = record.places
    if (places.length === entries.length && places.every((place, i) => this.#entries[place] === entries[i])) return
    if (this.#handedOut) this.#entries = this.#entries.slice()
    this.#handedOut = false
    while (places.length > entries.length) this.#remove(places.pop())
    record.places = entries.map((entry, i) => {
      const place = places[i] ?? this.#entries.length
      this.#entries[place] = entry
      this.#owners[place] = record
      return place
    })
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
