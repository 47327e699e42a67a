import type { GroupKind, ObjectKey, Resource, ResourceOf } from '../api/index.ts'
import { groupKindOf, keyOf } from '../api/index.ts'
import { NatGwError } from '../errors/errors.ts'
import { adopt } from './adopt.ts'
import { Staging } from './staging.ts'
import type { DeletePreconditions, NewObject, ResourceStore, WatchEvent } from './store.ts'
import { created, deletionRequested, statusUpdated, updated } from './transitions.ts'
import { Watchers } from './watchers.ts'

/** Pause after a failed commit, doubled with each in a row: who retries at once must not keep a full disk busy. */
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 5_000

/**
 * Makes changes durable, all of them or none, oldest first. `resourceVersion` is that of the last one. Never called again
 * before its promise is settled; a rejection becomes that of the writes.
 */
export type CommitHook = (changes: readonly WatchEvent[], resourceVersion: number) => Promise<void>

export interface MemoryStoreOptions {
  /** What the store begins with. */
  objects?: Iterable<Resource>
  /** The last resourceVersion given out. */
  resourceVersion?: number
  commit?: CommitHook
}

/** A write that waits for its turn: what it does to the objects as they are then, and whom to tell. */
interface PendingWrite {
  apply: (staged: Staging) => Resource | undefined
  resolve: (object: Resource | undefined) => void
  reject: (error: unknown) => void
}

/**
 * A ResourceStore in memory, with a hook that makes writes durable.
 *
 * Writes are committed in groups: those that arrive while a group is being committed form the next one. Each is checked
 * against the objects as the writes before it leave them. A write becomes visible (reads, watches, its promise) only
 * once its group is durable; where the commit fails, every write of the group is rejected with the commit's error and
 * the objects stay as they were. After a failure the next group waits a moment, longer with each failure in a row, and
 * takes along all that came meanwhile. Writes that change nothing raise no resourceVersion and make no event. What is passed to a
 * write is copied when its turn comes: it is not to be changed before.
 */
export class MemoryStore implements ResourceStore {
  readonly #objects = new Map<GroupKind, Map<ObjectKey, Resource>>()
  readonly #lists = new Map<GroupKind, Map<string | undefined, readonly Resource[]>>()
  readonly #watchers = new Watchers()
  readonly #commit: CommitHook
  #resourceVersion: number
  #queue: PendingWrite[] = []
  #writing: Promise<void> | undefined
  /** Commits that failed in a row. */
  #failures = 0
  #endPause: (() => void) | undefined
  #closed = false

  constructor(options: MemoryStoreOptions = {}) {
    this.#commit = options.commit ?? (() => Promise.resolve())
    this.#resourceVersion = options.resourceVersion ?? 0
    for (const object of options.objects ?? []) {
      this.#of(groupKindOf(object)).set(keyOf(object.metadata), adopt(undefined, object))
    }
  }

  ready(): Promise<void> {
    return Promise.resolve()
  }

  get<K extends GroupKind>(kind: K, key: ObjectKey): ResourceOf<K> | undefined {
    return this.#of(kind).get(key) as ResourceOf<K> | undefined
  }

  /** In no particular order. The array is a snapshot, shared between callers until an object of the kind changes. */
  list<K extends GroupKind>(kind: K, namespace?: string): readonly ResourceOf<K>[] {
    let lists = this.#lists.get(kind)
    if (lists === undefined) this.#lists.set(kind, (lists = new Map<string | undefined, readonly Resource[]>()))
    let list = lists.get(namespace)
    if (list === undefined) {
      const all = [...this.#of(kind).values()]
      list = Object.freeze(
        namespace === undefined ? all : all.filter((object) => object.metadata.namespace === namespace),
      )
      lists.set(namespace, list)
    }
    return list as readonly ResourceOf<K>[]
  }

  /** The objects in memory are the truth itself. */
  getLive<K extends GroupKind>(kind: K, key: ObjectKey): Promise<ResourceOf<K> | undefined> {
    return Promise.resolve(this.get(kind, key))
  }

  listLive<K extends GroupKind>(kind: K, namespace?: string): Promise<readonly ResourceOf<K>[]> {
    return Promise.resolve(this.list(kind, namespace))
  }

  create<R extends Resource>(object: NewObject<R>): Promise<R> {
    const input = object as unknown as NewObject<Resource>
    return this.#write((staged) => {
      const present = staged.get(groupKindOf(input), keyOf(input.metadata))
      return staged.put(created(present, input, staged.stamp()))
    }) as Promise<R>
  }

  update<R extends Resource>(object: R): Promise<R> {
    return this.#write((staged) => staged.put(updated(staged.presentOf(object), object, staged.stamp()))) as Promise<R>
  }

  updateStatus<R extends Resource>(object: R): Promise<R> {
    return this.#write((staged) =>
      staged.put(statusUpdated(staged.presentOf(object), object, staged.stamp())),
    ) as Promise<R>
  }

  async delete(kind: GroupKind, key: ObjectKey, preconditions: DeletePreconditions = {}): Promise<void> {
    await this.#write((staged) => {
      const present = staged.get(kind, key)
      return present && staged.put(deletionRequested(present, preconditions, staged.stamp()))
    })
  }

  watch<K extends GroupKind>(kind: K, handler: (event: WatchEvent<K>) => void): () => void {
    const present = this.list(kind).map((object): WatchEvent => {
      return { type: 'added', kind, key: keyOf(object.metadata), object }
    })
    return this.#watchers.add(kind, present, handler as unknown as (event: WatchEvent) => void)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#endPause?.()
    while (this.#writing !== undefined) await this.#writing
    this.#watchers.clear()
  }

  #of(kind: GroupKind): Map<ObjectKey, Resource> {
    let objects = this.#objects.get(kind)
    if (objects === undefined) this.#objects.set(kind, (objects = new Map<ObjectKey, Resource>()))
    return objects
  }

  #write(apply: PendingWrite['apply']): Promise<Resource | undefined> {
    if (this.#closed) return Promise.reject(new NatGwError('ERR_STATE_WRITE', 'the store is closed'))
    return new Promise((resolve, reject) => {
      this.#queue.push({ apply, resolve, reject })
      // Beginning in a microtask lets all writes of one turn share the first group.
      this.#writing ??= Promise.resolve().then(() => this.#writeGroups())
    })
  }

  async #writeGroups(): Promise<void> {
    while (this.#queue.length > 0) {
      if (this.#failures > 0) await this.#pause()
      const group = this.#queue
      this.#queue = []
      await this.#writeGroup(group)
    }
    this.#writing = undefined
  }

  async #pause(): Promise<void> {
    if (this.#closed) return
    const milliseconds = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures - 1, 10))
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      this.#endPause = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#endPause = undefined
  }

  async #writeGroup(group: PendingWrite[]): Promise<void> {
    const staging = new Staging((kind, key) => this.get(kind, key), this.#resourceVersion)
    const settle = group.map(({ apply, resolve, reject }) => {
      try {
        const object = apply(staging)
        return () => resolve(object)
      } catch (error) {
        return () => reject(error)
      }
    })
    const { changes, resourceVersion } = staging
    try {
      if (changes.length > 0) {
        await this.#commit(changes, resourceVersion)
        this.#failures = 0
      }
    } catch (error) {
      this.#failures++
      // Writes refused on their own account are told of the failed commit as well: what they collided with never was.
      for (const { reject } of group) reject(error)
      return
    }
    this.#publish(changes, resourceVersion)
    for (const tell of settle) tell()
  }

  #publish(changes: readonly WatchEvent[], resourceVersion: number): void {
    this.#resourceVersion = resourceVersion
    for (const { type, kind, key, object } of changes) {
      if (type === 'deleted') this.#of(kind).delete(key)
      else this.#of(kind).set(key, object)
      this.#lists.delete(kind)
    }
    this.#watchers.publish(changes)
  }
}
