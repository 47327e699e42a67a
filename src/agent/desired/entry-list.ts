import type { ObjectKey } from '../../api/index.ts'
import type { DesiredInterface } from '../../dataplane/model.ts'

/**
 * The entries of all interfaces in one list. A list handed out is never changed; the next differs from it only at the
 * places of what changed, so that comparing the two is cheap.
 */
export class EntryList {
  #entries: DesiredInterface[] = []
  #handedOut = false
  /** Whose entry is at each place. */
  readonly #owners: ObjectKey[] = []
  readonly #places = new Map<ObjectKey, number[]>()

  list(): DesiredInterface[] {
    this.#handedOut = true
    return this.#entries
  }

  set(key: ObjectKey, entries: readonly DesiredInterface[]): void {
    const places = this.#places.get(key) ?? []
    if (places.length === entries.length && places.every((place, i) => this.#entries[place] === entries[i])) return
    if (this.#handedOut) this.#entries = this.#entries.slice()
    this.#handedOut = false
    while (places.length > entries.length) this.#remove(places.pop())
    for (const [i, entry] of entries.entries()) {
      const place = places[i] ?? this.#entries.length
      places[i] = place
      this.#entries[place] = entry
      this.#owners[place] = key
    }
    if (places.length > 0) this.#places.set(key, places)
    else this.#places.delete(key)
  }

  /** The last entry takes the place. */
  #remove(place: number | undefined): void {
    const last = this.#entries.pop()
    const owner = this.#owners.pop()
    if (place === undefined || last === undefined || owner === undefined || place === this.#entries.length) return
    this.#entries[place] = last
    this.#owners[place] = owner
    const moved = this.#places.get(owner)
    moved?.splice(moved.indexOf(this.#entries.length), 1, place)
  }
}
