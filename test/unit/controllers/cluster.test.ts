// Which reconcilers each change concerns. A key that is missing here would leave an object as it is until something else
// happens to it.
import { afterEach, describe, expect, it } from 'vitest'
import type { IPAddress, NATTable, NATTableSection, NetworkID, Resource } from '../../../src/api/index.ts'
import {
  CORE_API,
  IP_ADDRESS,
  keyOf,
  NAT_GATEWAY,
  NAT_TABLE,
  NETWORK,
  NETWORK_ID,
  NETWORK_INTERFACE,
} from '../../../src/api/index.ts'
import { claimRefTo } from '../../../src/controllers/view/claims.ts'
import { Cluster } from '../../../src/controllers/view/cluster.ts'
import type { Queues } from '../../../src/controllers/view/kind-views.ts'
import { MemoryStore } from '../../../src/store/memory.ts'
import type { NewObject } from '../../../src/store/store.ts'
import { natGateway, network, networkInterface } from './support.ts'

let lab: World
afterEach(() => lab.close())

/** Network blue with gateways g and rival, interfaces i and j; Network red with gateway other. Nothing is allocated. */
class World {
  readonly store = new MemoryStore()
  readonly #told = new Set<string>()
  readonly cluster: Cluster
  #end: () => void = () => undefined

  constructor() {
    const tell = (queue: keyof Queues) => (key: string) => void this.#told.add(`${queue} ${key}`)
    this.cluster = new Cluster(this.store, {
      network: tell('network'),
      networkInterface: tell('networkInterface'),
      natGateway: tell('natGateway'),
      claimer: tell('claimer'),
      freedAddress: tell('freedAddress'),
    })
  }

  static async open(): Promise<World> {
    lab = new World()
    for (const name of ['blue', 'red']) await lab.store.create(network(name))
    for (const [name, of] of [
      ['g', 'blue'],
      ['rival', 'blue'],
      ['other', 'red'],
    ] as const) {
      await lab.store.create(natGateway(name, of))
    }
    await lab.store.create(networkInterface('i', 'blue', ['10.0.0.1']))
    await lab.store.create(networkInterface('j', 'blue', ['10.0.0.2']))
    lab.#end = lab.cluster.follow()
    await lab.told()
    return lab
  }

  close(): void {
    this.#end()
  }

  /** What reconcilers were told since the last call. Names stand for uids. */
  async told(): Promise<string[]> {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
    const told = [...this.#told].map((each) => each.replace(/ [0-9a-f-]{36}$/, '').replaceAll('default/', ''))
    this.#told.clear()
    return told.sort()
  }

  async address(ip: string, gateway = 'g'): Promise<IPAddress> {
    const claimRef = claimRefTo(this.store.get(NAT_GATEWAY, `default/${gateway}`)!)
    const ports = { first: 1024, last: 65535 }
    const spec = { ip, claimRef, entryName: 'ip1', ports, shared: false }
    return this.store.create<IPAddress>({ apiVersion: CORE_API, kind: 'IPAddress', metadata: { name: ip }, spec })
  }

  async table(gateway: string, owners: string[]): Promise<NATTable> {
    const { uid } = this.store.get(NAT_GATEWAY, `default/${gateway}`)!.metadata
    const object: NewObject<NATTable> = {
      apiVersion: CORE_API,
      kind: 'NATTable',
      metadata: { namespace: 'default', name: `table-${gateway}` },
      spec: {
        gatewayRef: { name: gateway, uid },
        ip: '203.0.113.1',
        ports: { first: 1024, last: 65535 },
        shared: false,
        portsPerSlice: 2048,
        sections: owners.map((name, n) => this.#section(name, n)),
      },
    }
    return this.store.create<NATTable>(object)
  }

  #section(name: string, n: number): NATTableSection {
    const { metadata, spec } = this.store.get(NETWORK_INTERFACE, `default/${name}`)!
    const port = 1024 + n * 2048
    return { ip: spec.ips[0]!.value, port, endPort: port + 2047, targetRef: { name, uid: metadata.uid } }
  }

  async status<R extends Resource>(object: R, status: unknown): Promise<void> {
    await this.store.updateStatus({ ...object, status })
  }
}

describe('a Network', () => {
  it('that got its ID concerns its interfaces and gateways', async () => {
    const { store: objects } = await World.open()
    const blue = objects.get(NETWORK, 'default/blue')!
    await objects.update({ ...blue, spec: { providerID: 'ironcore-net://a/b/1/c' } })
    expect(await lab.told()).toEqual([
      'natGateway g',
      'natGateway rival',
      'network blue',
      'networkInterface i',
      'networkInterface j',
    ])
  })

  it('of which only the status changed concerns itself alone', async () => {
    const { store: objects } = await World.open()
    await lab.status(objects.get(NETWORK, 'default/blue')!, { state: 'Available' })
    expect(await lab.told()).toEqual(['network blue'])
  })

  it('that is gone concerns what it claimed', async () => {
    const { store: objects } = await World.open()
    await objects.delete(NETWORK, 'default/red')
    expect(await lab.told()).toEqual(['claimer Network.networking.ironcore.dev red', 'natGateway other', 'network red'])
  })
})

describe('a NetworkInterface', () => {
  it('that comes concerns the gateways of its Network, and has to be evaluated there', async () => {
    const { store: objects, cluster } = await World.open()
    cluster.changes.follow('default/g', 'default/blue')
    const { metadata } = await objects.create(networkInterface('k', 'blue', ['10.0.0.3']))
    expect(await lab.told()).toEqual(['natGateway g', 'natGateway rival', 'networkInterface k'])
    expect([...cluster.changes.take('default/g')]).toEqual([metadata.uid])
  })

  it('of which only the status changed concerns itself alone', async () => {
    const { store: objects } = await World.open()
    await lab.status(objects.get(NETWORK_INTERFACE, 'default/i')!, { state: 'Available' })
    expect(await lab.told()).toEqual(['networkInterface i'])
  })

  it('that goes concerns the one that has its address from then on', async () => {
    const { store: objects, cluster } = await World.open()
    const twin = await objects.create(networkInterface('twin', 'blue', ['10.0.0.1']))
    await lab.told()
    cluster.changes.follow('default/g', 'default/blue')
    await objects.delete(NETWORK_INTERFACE, 'default/i')
    expect(await lab.told()).toEqual([
      'natGateway g',
      'natGateway rival',
      'networkInterface i',
      'networkInterface twin',
    ])
    expect([...cluster.changes.take('default/g')]).toContain(twin.metadata.uid)
  })

  it('that changes its Network concerns both, and a Network that waits for it', async () => {
    const { store: objects, cluster } = await World.open()
    const blue = objects.get(NETWORK, 'default/blue')!
    await objects.update({ ...blue, metadata: { ...blue.metadata, finalizers: ['test/keep'] } })
    await objects.delete(NETWORK, 'default/blue')
    await lab.told()
    cluster.changes.follow('default/g', 'default/blue')
    cluster.changes.follow('default/other', 'default/red')
    const i = objects.get(NETWORK_INTERFACE, 'default/i')!
    await objects.update({ ...i, spec: { ...i.spec, networkRef: { name: 'red' } } })
    expect(await lab.told()).toEqual([
      'natGateway g',
      'natGateway other',
      'natGateway rival',
      'network blue',
      'networkInterface i',
    ])
    const marked = ['default/g', 'default/other'].map((each) => [...cluster.changes.take(each)])
    expect(marked).toEqual([[i.metadata.uid], [i.metadata.uid]])
  })
})

describe('a NATGateway', () => {
  it('that changes concerns its rivals and the interfaces without a slice', async () => {
    const { store: objects } = await World.open()
    await lab.table('rival', ['j'])
    await lab.told()
    const g = objects.get(NAT_GATEWAY, 'default/g')!
    await objects.update({ ...g, spec: { ...g.spec, portsPerNetworkInterface: 64 } })
    expect(await lab.told()).toEqual(['natGateway g', 'natGateway rival', 'networkInterface i'])
  })

  it('whose reason for not serving changes concerns the interfaces without a slice', async () => {
    const { store: objects } = await World.open()
    await lab.status(objects.get(NAT_GATEWAY, 'default/g')!, { slices: { total: 1, used: 1, free: 0, waiting: 2 } })
    expect(await lab.told()).toEqual(['natGateway g', 'networkInterface i', 'networkInterface j'])
  })

  it('that is gone concerns what it claimed, and a Network that waits for it', async () => {
    const { store: objects } = await World.open()
    const red = objects.get(NETWORK, 'default/red')!
    await objects.update({ ...red, metadata: { ...red.metadata, finalizers: ['test/keep'] } })
    await objects.delete(NETWORK, 'default/red')
    await lab.told()
    await objects.delete(NAT_GATEWAY, 'default/other')
    expect(await lab.told()).toEqual([
      'claimer NATGateway.networking.ironcore.dev other',
      'natGateway other',
      'network red',
    ])
  })
})

describe('an IPAddress', () => {
  it('concerns its gateway, the rivals and the claimer', async () => {
    await World.open()
    await lab.address('203.0.113.1')
    const claimed = ['claimer NATGateway.networking.ironcore.dev g', 'natGateway g', 'natGateway rival']
    expect(await lab.told()).toEqual(claimed)
  })

  it('that goes concerns gateways that wait for one', async () => {
    await World.open()
    await lab.address('203.0.113.1')
    await lab.told()
    await lab.store.delete(IP_ADDRESS, '203.0.113.1')
    expect(await lab.told()).toEqual(['freedAddress 203.0.113.1', 'natGateway g', 'natGateway rival'])
  })
})

describe('a NetworkID', () => {
  it('concerns its Network, whether it comes or goes', async () => {
    const { store: objects } = await World.open()
    const claimRef = claimRefTo(objects.get(NETWORK, 'default/blue')!)
    const id = { apiVersion: CORE_API, kind: 'NetworkID', metadata: { name: '7' }, spec: { claimRef } } as const
    await objects.create<NetworkID>(id)
    expect(await lab.told()).toEqual(['claimer Network.networking.ironcore.dev blue', 'network blue'])
    await objects.delete(NETWORK_ID, '7')
    expect(await lab.told()).toEqual(['network blue'])
  })
})

describe('a NATTable', () => {
  it('concerns its gateway, the owners of its slices and the rivals of the gateway', async () => {
    const { cluster } = await World.open()
    cluster.changes.follow('default/rival', 'default/blue')
    await lab.table('g', ['i'])
    expect(await lab.told()).toEqual([
      'claimer NATGateway.networking.ironcore.dev g',
      'natGateway g',
      'natGateway rival',
      'networkInterface i',
    ])
    const { uid } = lab.store.get(NETWORK_INTERFACE, 'default/i')!.metadata
    expect([...cluster.changes.take('default/rival')]).toEqual([uid])
  })

  it('that goes concerns its gateway and those who lose their slice', async () => {
    await World.open()
    const table = await lab.table('g', ['i', 'j'])
    await lab.told()
    await lab.store.delete(NAT_TABLE, keyOf(table.metadata))
    expect(await lab.told()).toEqual(['natGateway g', 'natGateway rival', 'networkInterface i', 'networkInterface j'])
  })

  it('that a gateway wrote itself does not wake that gateway', async () => {
    const { cluster } = await World.open()
    cluster.changes.follow('default/g', 'default/blue')
    const table = await lab.table('g', ['i'])
    cluster.wrote('default/g', NAT_TABLE, keyOf(table.metadata), table)
    expect(await lab.told()).not.toContain('natGateway g')
    expect([...cluster.changes.take('default/g')]).toEqual([])
  })

  it('by which a deleted interface loses its slice wakes even the gateway that wrote it', async () => {
    const { store: objects, cluster } = await World.open()
    const table = await lab.table('g', ['i'])
    const i = objects.get(NETWORK_INTERFACE, 'default/i')!
    await objects.update({ ...i, metadata: { ...i.metadata, finalizers: ['test/keep'] } })
    await objects.delete(NETWORK_INTERFACE, 'default/i')
    await lab.told()
    cluster.changes.follow('default/g', 'default/blue')
    const emptied = await objects.update({ ...table, spec: { ...table.spec, sections: [] } })
    cluster.wrote('default/g', NAT_TABLE, keyOf(table.metadata), emptied)
    expect(await lab.told()).toContain('natGateway g')
    expect([...cluster.changes.take('default/g')]).toEqual([i.metadata.uid])
  })
})
