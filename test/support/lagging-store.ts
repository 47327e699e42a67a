import type { GroupKind, ObjectKey, Resource, ResourceOf } from '../../src/api/index.ts'
import { GROUP_KINDS, groupKindOf, keyOf, KINDS } from '../../src/api/index.ts'
import type { MemoryStore } from '../../src/store/memory.ts'
import type { DeletePreconditions, NewObject, ResourceStore, WatchEvent } from '../../src/store/store.ts'
import { Watchers } from '../../src/store/watchers.ts'

export interface LagOptions {
  /** Milliseconds until the cache of a kind shows what was written. */
  lagMs: (kind: GroupKind) => number
  /** `at once` breaks the contract: a write resolves before the cache shows it. */
  acknowledge: 'when shown' | 'at once'
  /** `at once` breaks the contract: the caches are still filling when `ready` resolves. */
  ready?: 'when shown' | 'at once'
}

/** A client of a server, as a Kubernetes one is: it writes to the server and reads from caches that trail, a kind each. */
export class LaggingStore implements ResourceStore {
  readonly server: MemoryStore
  readonly #options: LagOptions
  readonly #caches = new Map<GroupKind, Map<ObjectKey, Resource>>(
    GROUP_KINDS.map((kind) => [kind, new Map<ObjectKey, Resource>()]),
  )
  readonly #arrivals = new Map<GroupKind, Promise<void>>()
  readonly #watchers = new Watchers()
  readonly #unfollow: (() => void)[]
  /** Looked at after every event. */
  readonly #waiting = new Set<() => void>()
  /** Requests to the server: `create IPAddress`, and with the code of those that failed `update NATTable ERR_CONFLICT`. */
  readonly requests = new Map<string, number>()
  #closed = false

  constructor(server: MemoryStore, options: LagOptions) {
    this.server = server
    this.#options = options
    this.#unfollow = GROUP_KINDS.map((kind) => server.watch(kind, (event) => this.#arrive(event)))
  }

  async ready(): Promise<void> {
    if (this.#options.ready === 'at once') return
    const present = GROUP_KINDS.flatMap((kind) => [...this.server.list(kind)])
    for (const object of present) await this.#until(() => this.#shows(object))
  }

  get<K extends GroupKind>(kind: K, key: ObjectKey): ResourceOf<K> | undefined {
    return this.#cache(kind).get(key) as ResourceOf<K> | undefined
  }

  list<K extends GroupKind>(kind: K, namespace?: string): readonly ResourceOf<K>[] {
    const all = [...this.#cache(kind).values()] as ResourceOf<K>[]
    return Object.freeze(namespace === undefined ? all : all.filter(({ metadata }) => metadata.namespace === namespace))
  }

  getLive<K extends GroupKind>(kind: K, key: ObjectKey): Promise<ResourceOf<K> | undefined> {
    return this.#request('getLive', kind, () => this.server.getLive(kind, key))
  }

  listLive<K extends GroupKind>(kind: K, namespace?: string): Promise<readonly ResourceOf<K>[]> {
    return this.#request('listLive', kind, () => this.server.listLive(kind, namespace))
  }

  create<R extends Resource>(object: NewObject<R>): Promise<R> {
    const kind = groupKindOf(object as unknown as Resource)
    return this.#written(this.#request('create', kind, () => this.server.create<R>(object)))
  }

  update<R extends Resource>(object: R): Promise<R> {
    return this.#written(this.#request('update', groupKindOf<Resource>(object), () => this.server.update(object)))
  }

  updateStatus<R extends Resource>(object: R): Promise<R> {
    const kind = groupKindOf<Resource>(object)
    return this.#written(this.#request('updateStatus', kind, () => this.server.updateStatus(object)))
  }

  async delete(kind: GroupKind, key: ObjectKey, preconditions?: DeletePreconditions): Promise<void> {
    const uid = this.server.get(kind, key)?.metadata.uid
    await this.#request('delete', kind, () => this.server.delete(kind, key, preconditions))
    if (this.#options.acknowledge === 'at once' || uid === undefined) return
    await this.#until(() => {
      const shown = this.get(kind, key)?.metadata
      if (shown === undefined) return this.server.get(kind, key)?.metadata.uid !== uid
      return shown.uid !== uid || shown.deletionTimestamp !== undefined
    })
  }

  watch<K extends GroupKind>(kind: K, handler: (event: WatchEvent<K>) => void): () => void {
    const present = this.list(kind).map((object): WatchEvent => {
      return { type: 'added', kind, key: keyOf(object.metadata), object }
    })
    return this.#watchers.add(kind, present, handler as unknown as (event: WatchEvent) => void)
  }

  /** The server goes on. */
  close(): Promise<void> {
    this.#closed = true
    for (const end of this.#unfollow) end()
    this.#watchers.clear()
    for (const look of this.#waiting) look()
    return Promise.resolve()
  }

  /** Resolves when the cache shows all that is written by now. */
  async caughtUp(): Promise<void> {
    let seen: Promise<void>[]
    do {
      seen = [...this.#arrivals.values()]
      await Promise.all(seen)
      // The server delivers its events on turns of their own.
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
    } while ([...this.#arrivals.values()].some((arrival) => !seen.includes(arrival)))
  }

  /** How many requests there were whose name begins so. */
  count(name: string): number {
    return [...this.requests].reduce((sum, [each, count]) => sum + (each.startsWith(name) ? count : 0), 0)
  }

  #cache(kind: GroupKind): Map<ObjectKey, Resource> {
    return this.#caches.get(kind)!
  }

  /** Events of a kind arrive in their order, each after its lag. */
  #arrive(event: WatchEvent): void {
    const at = performance.now() + this.#options.lagMs(event.kind)
    const before = this.#arrivals.get(event.kind) ?? Promise.resolve()
    const arrival = before.then(async () => {
      const left = at - performance.now()
      if (left > 0) await new Promise((resolve) => setTimeout(resolve, left))
      if (!this.#closed) this.#apply(event)
    })
    this.#arrivals.set(event.kind, arrival)
  }

  #apply({ type, kind, key, object }: WatchEvent): void {
    const cache = this.#cache(kind)
    const old = cache.get(key)
    if (type === 'deleted') cache.delete(key)
    else cache.set(key, object)
    const told = type === 'deleted' ? type : old === undefined ? 'added' : 'modified'
    this.#watchers.publish([{ type: told, kind, key, object, ...(old === undefined ? {} : { old }) }])
    for (const look of this.#waiting) look()
  }

  async #request<T>(verb: string, kind: GroupKind, send: () => Promise<T>): Promise<T> {
    const name = `${verb} ${KINDS[kind].kind}`
    this.requests.set(name, (this.requests.get(name) ?? 0) + 1)
    if (this.#closed) throw new Error('the store is closed')
    await new Promise((resolve) => setImmediate(resolve))
    try {
      return await send()
    } catch (error) {
      const failure = `${name} ${(error as { code?: string }).code}`
      this.requests.set(failure, (this.requests.get(failure) ?? 0) + 1)
      throw error
    }
  }

  async #written<T extends Resource>(write: Promise<T>): Promise<T> {
    const object = await write
    if (this.#options.acknowledge === 'when shown') await this.#until(() => this.#shows(object))
    return object
  }

  /** Whether the cache has the object in this state or what followed it. */
  #shows(object: Resource): boolean {
    const { metadata } = object
    const kind = groupKindOf(object)
    const shown = this.get(kind, keyOf(metadata))?.metadata
    if (shown !== undefined) return Number(shown.resourceVersion) >= Number(metadata.resourceVersion)
    return this.server.get(kind, keyOf(metadata))?.metadata.uid !== metadata.uid
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition() && !this.#closed) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }
}
