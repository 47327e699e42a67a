import { randomUUID } from 'node:crypto'
import type { GroupKind, ObjectKey, Resource } from '../api/index.ts'
import { groupKindOf, keyOf } from '../api/index.ts'
import type { WatchEvent } from './store.ts'
import type { Stamp } from './transitions.ts'
import { isGone } from './transitions.ts'

/** The objects as the writes of a group leave them, one after the other, before any of it is durable. */
export class Staging {
  readonly changes: WatchEvent[] = []
  readonly #base: (kind: GroupKind, key: ObjectKey) => Resource | undefined
  readonly #staged = new Map<string, Resource | undefined>()
  #resourceVersion: number

  constructor(base: (kind: GroupKind, key: ObjectKey) => Resource | undefined, resourceVersion: number) {
    this.#base = base
    this.#resourceVersion = resourceVersion
  }

  /** Of the last change. */
  get resourceVersion(): number {
    return this.#resourceVersion
  }

  get(kind: GroupKind, key: ObjectKey): Resource | undefined {
    const id = `${kind} ${key}`
    return this.#staged.has(id) ? this.#staged.get(id) : this.#base(kind, key)
  }

  /** The object of that kind and name. */
  presentOf(object: Resource): Resource | undefined {
    return this.get(groupKindOf(object), keyOf(object.metadata))
  }

  /** For the next change; given out again when that write changes nothing. */
  stamp(): Stamp {
    return { resourceVersion: String(this.#resourceVersion + 1), now: new Date().toISOString(), uid: randomUUID() }
  }

  put(object: Resource): Resource {
    const kind = groupKindOf(object)
    const key = keyOf(object.metadata)
    const old = this.get(kind, key)
    if (object === old) return object
    this.#resourceVersion++
    const gone = isGone(object)
    this.#staged.set(`${kind} ${key}`, gone ? undefined : object)
    if (old === undefined) this.changes.push({ type: 'added', kind, key, object })
    else this.changes.push({ type: gone ? 'deleted' : 'modified', kind, key, object, old })
    return object
  }
}
