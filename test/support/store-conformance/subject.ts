import { vi } from 'vitest'
import type { Network, NetworkID, Resource } from '../../../src/api/index.ts'
import { CORE_API, keyOf, NETWORK, NETWORKING_API } from '../../../src/api/index.ts'
import type { NewObject, ResourceStore, WatchEvent } from '../../../src/store/store.ts'

/** Where objects are kept, apart from the stores through which they are seen. */
export interface StoreBackend {
  /** Another store on the same objects; the one before is closed by then. `ready` has not been called. */
  connect(): Promise<ResourceStore>
  /** Ends everything; the objects may go. */
  close(): Promise<void>
}

export type OpenBackend = () => Promise<StoreBackend>

export interface ConformanceTest {
  /** Reads on from "a store keeps the contract:". */
  title: string
  run(subject: Subject): Promise<void>
}

/** What the Kubernetes API takes for a finalizer. */
export const FINALIZER = 'natgw.dev/conformance'

/** Names of one run differ from those of another on the same server. */
const RUN = Math.floor(Math.random() * 2 ** 20)
let names = 0

/** A store under test, and objects whose names nobody else uses. */
export class Subject {
  store: ResourceStore
  readonly #backend: StoreBackend
  readonly #made = new Set<string>()

  private constructor(backend: StoreBackend, store: ResourceStore) {
    this.#backend = backend
    this.store = store
  }

  static async on(backend: StoreBackend): Promise<Subject> {
    const store = await backend.connect()
    await store.ready()
    return new Subject(backend, store)
  }

  network(more: Partial<Network['metadata']> = {}): NewObject<Network> {
    const name = `conformance-${RUN}-${++names}`
    const object: NewObject<Network> = {
      apiVersion: NETWORKING_API,
      kind: 'Network',
      metadata: { namespace: 'default', name, ...more },
      spec: {},
    }
    this.#made.add(keyOf(object.metadata))
    return object
  }

  /** Cluster-scoped. */
  networkId(): NewObject<NetworkID> {
    const claimRef = {
      group: 'networking.ironcore.dev',
      resource: 'networks',
      namespace: 'default',
      name: 'n',
      uid: 'u',
    }
    return {
      apiVersion: CORE_API,
      kind: 'NetworkID',
      metadata: { name: String(1000 + ((RUN * 97 + ++names) % 16_000_000)) },
      spec: { claimRef },
    }
  }

  /** Creates a Network. */
  async created(more: Partial<Network['metadata']> = {}): Promise<Network> {
    return this.store.create<Network>(this.network(more))
  }

  get({ metadata }: { metadata: { name: string; namespace?: string } }): Network | undefined {
    return this.store.get(NETWORK, keyOf(metadata))
  }

  /** Names of this subject's Networks as the store lists them. */
  listed(namespace?: string): string[] {
    const keys = this.store.list(NETWORK, namespace).map(({ metadata }) => keyOf(metadata))
    return keys.filter((key) => this.#made.has(key)).sort()
  }

  /** Follows this subject's Networks. */
  record(): { events: WatchEvent<typeof NETWORK>[]; stop: () => void } {
    const events: WatchEvent<typeof NETWORK>[] = []
    const stop = this.store.watch(NETWORK, (event) => {
      if (this.#made.has(event.key)) events.push(event)
    })
    return { events, stop }
  }

  /** The same objects through another store. */
  async reconnect(): Promise<void> {
    await this.store.close()
    this.store = await this.#backend.connect()
    await this.store.ready()
  }

  async end(): Promise<void> {
    await this.store.close()
    await this.#backend.close()
  }
}

export function labelled<T extends Resource>(object: T, label: string): T {
  return { ...object, metadata: { ...object.metadata, labels: { label } } }
}

export function withFinalizers<T extends Resource>(object: T, finalizers: string[]): T {
  return { ...object, metadata: { ...object.metadata, finalizers } }
}

export function peered(object: Network, name: string): Network {
  return { ...object, spec: { ...object.spec, peerings: [{ name, networkRef: { name } }] } }
}

/** Waits for what a store may take its time with. */
export function eventually(check: () => void | Promise<void>): Promise<void> {
  return vi.waitFor(check, { timeout: 10_000, interval: 5 })
}

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
