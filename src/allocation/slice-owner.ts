/** An interface that wants a slice. */
export interface SliceOwner {
  uid: string
  name: string
  /** Inside address. */
  ip: string
  /** Milliseconds; the oldest is served first, of equals the first by name. */
  createdAt: number
}

/** A total order: by age, then name, then uid. Two owners of one name never exist at once. */
export function oldestFirst(a: SliceOwner, b: SliceOwner): number {
  return a.createdAt - b.createdAt || compare(a.name, b.name) || compare(a.uid, b.uid)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Owners that wait for a slice, oldest first. One comes or goes in O(log n) comparisons. */
export class WaitingList {
  readonly #sorted: SliceOwner[] = []

  get owners(): readonly SliceOwner[] {
    return this.#sorted
  }

  /** In any order. */
  addAll(owners: readonly SliceOwner[]): void {
    // Sorted, because each that goes to the end moves no other.
    for (const owner of [...owners].sort(oldestFirst)) this.#sorted.splice(this.#position(owner), 0, owner)
  }

  /** @param owner as it was added */
  remove(owner: SliceOwner): void {
    const position = this.#position(owner)
    if (this.#sorted[position]?.uid === owner.uid) this.#sorted.splice(position, 1)
  }

  /** Takes out so many, or all there are. */
  takeOldest(count: number): SliceOwner[] {
    return this.#sorted.splice(0, count)
  }

  /** Of the first that is not older. */
  #position(owner: SliceOwner): number {
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = this.#sorted[middle]
      if (other !== undefined && oldestFirst(other, owner) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
