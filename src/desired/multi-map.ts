/** Values (no Sets themselves) by key where most keys have one: 100,000 of them cost no 100,000 sets. */
export class MultiMap<K, V extends string | number | object> {
  readonly #entries = new Map<K, V | Set<V>>()

  add(key: K, value: V): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) this.#entries.set(key, value)
    else if (entry instanceof Set) entry.add(value)
    else if (entry !== value) this.#entries.set(key, new Set([entry, value]))
  }

  delete(key: K, value: V): void {
    const entry = this.#entries.get(key)
    if (entry instanceof Set) entry.delete(value)
    if (entry instanceof Set ? entry.size === 0 : entry === value) this.#entries.delete(key)
  }

  get(key: K): readonly V[] {
    const entry = this.#entries.get(key)
    if (entry === undefined) return []
    return entry instanceof Set ? [...entry] : [entry]
  }
}
