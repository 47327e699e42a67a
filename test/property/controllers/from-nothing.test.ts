import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type {
  GroupKind,
  NATGateway,
  NATTable,
  NATTableSection,
  Network,
  NetworkInterface,
  Resource,
} from '../../../src/api/index.ts'
import {
  IP_ADDRESS,
  isOfKind,
  NAT_GATEWAY,
  NAT_TABLE,
  NETWORK,
  NETWORK_ID,
  NETWORK_INTERFACE,
} from '../../../src/api/index.ts'
import { MemoryStore } from '../../../src/store/memory.ts'
import { Lab, natGateway, network, networkInterface, prefix } from '../../unit/controllers/support.ts'

const NETWORKS = ['n0', 'n1']
const KINDS = [NETWORK, NETWORK_INTERFACE, NAT_GATEWAY, NETWORK_ID, IP_ADDRESS, NAT_TABLE] as const
/** Room for few: mostly somebody waits. */
const POOL = [prefix('198.51.100.0/31'), prefix('192.0.2.1/32', { first: 20000, last: 29999 }, true)]
const SIZES = [64512, 32256, 21504, 10000, 64]

const name = fc.nat(9).map((id) => `i${id}`)
const inside = fc.nat(6).map((host) => `10.0.0.${host + 1}`)
const interfaceChange = fc.oneof(
  fc.record({ do: fc.constant('create' as const), name, inside, held: fc.boolean() }),
  fc.record({
    do: fc.constantFrom('delete' as const, 'release' as const, 'publish' as const, 'unpublish' as const),
    name,
  }),
  fc.record({ do: fc.constant('readdress' as const), name, inside }),
)
const networkIndex = fc.nat(NETWORKS.length - 1)
const size = fc.constantFrom(...SIZES)
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      on: fc.constant('interfaces' as const),
      network: networkIndex,
      changes: fc.array(interfaceChange, { minLength: 1, maxLength: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ on: fc.constant('gateway' as const), network: networkIndex, size }) },
  { weight: 1, arbitrary: fc.record({ on: fc.constantFrom('no gateway', 'network ID'), network: networkIndex }) },
  {
    weight: 2,
    arbitrary: fc.record({
      on: fc.constantFrom('lost section', 'double section', 'foreign section', 'lost address', 'lost table'),
      which: fc.nat(10),
    }),
  },
  { weight: 1, arbitrary: fc.record({ on: fc.constant('restart' as const) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
type InterfaceChange = typeof interfaceChange extends fc.Arbitrary<infer T> ? T : never

/** Controllers that keep what they know from change to change, and others that begin with nothing on copies. */
class World {
  readonly #lab = new Lab()
  readonly #store = this.#lab.store

  async begin(): Promise<void> {
    await this.#lab.restart(POOL)
    await this.#lab.create(...NETWORKS.map((each) => network(each)))
    await this.#lab.create(...NETWORKS.map((each) => natGateway(`g-${each}`, each, 10000)))
  }

  stop(): Promise<void> {
    return this.#lab.stop()
  }

  async run(step: Step): Promise<void> {
    // Apart in age, or who goes first would hang on who had a slice when the controllers began.
    vi.setSystemTime(Date.now() + 1000)
    await this.#change(step)
    // Before the controllers have their turn.
    const changed = this.#objects(...KINDS)
    await this.#lab.settle()
    if (['interfaces', 'gateway', 'lost section', 'double section'].includes(step.on)) {
      const fresh = await settled(changed)
      expect(outcome(this.#objects(NAT_TABLE, IP_ADDRESS, NAT_GATEWAY))).toEqual(outcome(fresh))
    }
    const now = this.#objects(...KINDS)
    expect(versions(await settled(now))).toEqual(versions(now))
  }

  async #change(step: Step): Promise<void> {
    const store = this.#store
    switch (step.on) {
      case 'interfaces':
        // All are there before the controllers have their turn; no two of one age.
        for (const change of step.changes) {
          vi.setSystemTime(Date.now() + 1)
          await this.#changeInterface(NETWORKS[step.network]!, change)
        }
        return
      case 'gateway': {
        const key = `default/g-${NETWORKS[step.network]}`
        const found = store.get(NAT_GATEWAY, key)
        if (found === undefined) {
          await store.create(natGateway(`g-${NETWORKS[step.network]}`, NETWORKS[step.network]!, step.size))
        } else {
          const spec = { ...found.spec, portsPerNetworkInterface: step.size }
          await store.update<NATGateway>({ ...found, spec })
        }
        return
      }
      case 'no gateway':
        return store.delete(NAT_GATEWAY, `default/g-${NETWORKS[step.network]}`)
      case 'network ID': {
        const found = store.get(NETWORK, `default/${NETWORKS[step.network]}`)!
        return void (await store.update<Network>({ ...found, spec: {} }))
      }
      case 'restart':
        return this.#lab.restart(POOL)
      default:
        return this.#damage(step.on, step.which)
    }
  }

  async #changeInterface(networkName: string, change: InterfaceChange): Promise<void> {
    const objectName = `${networkName}-${change.name}`
    const found = this.#store.get(NETWORK_INTERFACE, `default/${objectName}`)
    if (change.do === 'create') {
      const fresh = networkInterface(objectName, networkName, [change.inside])
      const metadata = { ...fresh.metadata, ...(change.held === true ? { finalizers: ['test/hold'] } : {}) }
      await this.#store.create<NetworkInterface>({ ...fresh, metadata }).catch(() => undefined)
      return
    }
    if (found === undefined) return
    if (change.do === 'delete') return this.#store.delete(NETWORK_INTERFACE, `default/${objectName}`)
    const { virtualIP, ...spec } = found.spec
    const kept = virtualIP === undefined ? {} : { virtualIP }
    const next: Record<string, () => NetworkInterface> = {
      release: () => ({ ...found, metadata: { ...found.metadata, finalizers: [] } }),
      publish: () => ({ ...found, spec: { ...spec, virtualIP: { virtualIPRef: { name: 'vip' } } } }),
      unpublish: () => ({ ...found, spec }),
      readdress: () => ({
        ...found,
        spec: { ...spec, ...kept, ips: [{ value: 'inside' in change ? change.inside : '' }] },
      }),
    }
    await this.#store.update<NetworkInterface>(next[change.do]!())
  }

  async #damage(what: string, which: number): Promise<void> {
    const tables = this.#store.list(NAT_TABLE)
    const table = tables[which % Math.max(1, tables.length)]
    if (table === undefined) return
    const { name: tableName, namespace } = table.metadata
    if (what === 'lost address') return this.#store.delete(IP_ADDRESS, table.spec.ip)
    if (what === 'lost table') return this.#store.delete(NAT_TABLE, `${namespace}/${tableName}`)
    const { sections } = table.spec
    const interfaces = this.#store.list(NETWORK_INTERFACE)
    const other = interfaces[which % Math.max(1, interfaces.length)]?.metadata
    const altered: Record<string, NATTableSection[]> = {
      'lost section': sections.slice(1),
      'double section': [...sections, ...sections.slice(0, 1).map((each) => ({ ...each }))],
      'foreign section': sections.map((each, index) =>
        index === 0 && other !== undefined ? { ...each, targetRef: { name: 'x', uid: other.uid } } : each,
      ),
    }
    const spec = { ...table.spec, sections: altered[what]! }
    await this.#store.update<NATTable>({ ...table, spec })
  }

  #objects(...kinds: GroupKind[]): Resource[] {
    return kinds.flatMap((kind): readonly Resource[] => this.#store.list(kind))
  }
}

/** What controllers that begin with nothing make of the objects. */
async function settled(objects: Resource[]): Promise<Resource[]> {
  const lab = new Lab(new MemoryStore({ objects, resourceVersion: 1_000_000 }))
  try {
    await lab.restart(POOL)
    return KINDS.flatMap((kind): readonly Resource[] => lab.store.list(kind))
  } finally {
    await lab.stop()
  }
}

/** Everything that is dealt and what gateways say of it. */
function outcome(objects: Resource[]): Record<string, unknown> {
  const told = objects.flatMap((object): [string, unknown][] => {
    if (isOfKind(object, NAT_GATEWAY)) return [[`gateway ${object.metadata.name}`, object.status]]
    if (!isOfKind(object, NAT_TABLE) && !isOfKind(object, IP_ADDRESS)) return []
    return [[`${object.kind} ${object.metadata.name}`, object.spec]]
  })
  return Object.fromEntries(told)
}

function versions(objects: Resource[]): string[] {
  return objects.map(({ kind, metadata }) => `${kind} ${metadata.name} ${metadata.resourceVersion}`).sort()
}

beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'], now: 1_700_000_000_000 }))
afterAll(() => void vi.useRealTimers())

describe('controllers that keep what they know', () => {
  it('allocate after every change the same as controllers that begin with nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25, size: 'max' }), async (steps) => {
        const world = new World()
        try {
          await world.begin()
          for (const each of steps) await world.run(each)
        } finally {
          await world.stop()
        }
      }),
      { numRuns: Number(process.env.PROPERTY_RUNS ?? 40), interruptAfterTimeLimit: 600_000 },
    )
  }, 600_000)
})
