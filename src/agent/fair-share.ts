/**
 * A number of places that several share. Each may take one more while it has fewer than are left: n that take all they can
 * get have an (n + 1)th each, and others always find room. `session_allowed` in bpf/limits.h shares sessions the same way.
 */
export class FairShare<K> {
  readonly #capacity: number
  readonly #holders = new Map<K, number>()
  readonly #held = new Map<number, number>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  has(place: K): boolean {
    return this.#holders.has(place)
  }

  places(): IterableIterator<K> {
    return this.#holders.keys()
  }

  /** @param holder stays it, where the place was taken before. @returns whether the place is taken now */
  take(place: K, holder: number): boolean {
    if (this.#holders.has(place)) return true
    const held = this.#held.get(holder) ?? 0
    if (held >= this.#capacity - this.#holders.size) return false
    this.#holders.set(place, holder)
    this.#held.set(holder, held + 1)
    return true
  }

  release(place: K): void {
    const holder = this.#holders.get(place)
    if (holder === undefined) return
    this.#holders.delete(place)
    const held = this.#held.get(holder) ?? 0
    if (held > 1) this.#held.set(holder, held - 1)
    else this.#held.delete(holder)
  }
}
