const NONE: ReadonlySet<string> = new Set()

/** Keys by the group they are in; each key in at most one. */
export class Grouping {
  readonly #groupOf = new Map<string, string>()
  readonly #members = new Map<string, Set<string>>()

  /** Moves the key to the group; out of any where `group` is undefined. */
  put(key: string, group: string | undefined): void {
    const before = this.#groupOf.get(key)
    if (before === group) return
    if (before !== undefined) this.#leave(key, before)
    if (group === undefined) return
    this.#groupOf.set(key, group)
    const members = this.#members.get(group)
    if (members === undefined) this.#members.set(group, new Set([key]))
    else members.add(key)
  }

  /** In the order in which they came. */
  members(group: string): ReadonlySet<string> {
    return this.#members.get(group) ?? NONE
  }

  #leave(key: string, group: string): void {
    this.#groupOf.delete(key)
    const members = this.#members.get(group)
    members?.delete(key)
    if (members?.size === 0) this.#members.delete(group)
  }
}
