import { beforeEach, describe, expect, it } from 'vitest'
import type { NATGateway, NATTable, Network } from '../../../src/api/index.ts'
import { CORE_API, NAT_TABLE, NETWORK, NETWORK_INTERFACE } from '../../../src/api/index.ts'
import { GatewayBooks } from '../../../src/controllers/nat-gateway/gateway-books.ts'
import { Cluster } from '../../../src/controllers/view/cluster.ts'
import { MemoryStore } from '../../../src/store/memory.ts'
import { natGateway, network, networkInterface } from './support.ts'

const ports = { first: 1024, last: 65535 }
const addresses = [{ ip: '198.51.100.1', ports }]
const quiet = (): void => undefined
let store: MemoryStore
let books: GatewayBooks
let gateway: NATGateway

/** A store without controllers: whatever is in the book is there because the book was kept right. */
beforeEach(async () => {
  store = new MemoryStore()
  const triggers = { network: quiet, networkInterface: quiet, natGateway: quiet, claimer: quiet, freedAddress: quiet }
  const cluster = new Cluster(store, triggers)
  cluster.follow()
  books = new GatewayBooks(cluster)
  await store.create(network('n', { providerID: 'ironcore-net://default/n/200/uid' }))
  gateway = await store.create(natGateway('g', 'n', 64))
  await store.create(networkInterface('i', 'n', ['10.0.0.1']))
  await told()
})

/** Until the cluster has been told of every change. */
async function told(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}

function table(name: string, ownerUid: string, gatewayUid: string): Parameters<typeof store.create<NATTable>>[0] {
  const section = { ip: '10.0.0.1', port: 1024, endPort: 1087, targetRef: { name: 'i', uid: ownerUid } }
  const gatewayRef = { name: 'other', uid: gatewayUid }
  const spec = { gatewayRef, ip: '198.51.100.9', ports, shared: false, portsPerSlice: 64, sections: [section] }
  return { apiVersion: CORE_API, kind: 'NATTable', metadata: { namespace: 'default', name }, spec }
}

/** Deals as the book says and closes it. @returns how many wanted a slice */
function deal(tables: NATTable[] = []): number {
  const book = books.open(gateway)
  book.deal(64, addresses, tables)
  books.close(gateway, book, tables)
  return book.wanted
}

describe('the cache of a gateway', () => {
  it('counts interfaces that came and went since', async () => {
    expect(deal()).toBe(1)
    await store.create(networkInterface('j', 'n', ['10.0.0.2']))
    await told()
    expect(deal()).toBe(2)
    await store.delete(NETWORK_INTERFACE, 'default/i')
    await told()
    expect(deal()).toBe(1)
  })

  it('counts no interface while the Network has no ID, and all once it has one', async () => {
    const found = store.get(NETWORK, 'default/n')!
    const without = await store.update<Network>({ ...found, spec: {} })
    expect(deal()).toBe(0)
    await store.update<Network>({ ...without, spec: found.spec })
    expect(deal()).toBe(1)
  })

  it('leaves an interface out as long as another gateway has given it a slice', async () => {
    const { uid } = store.get(NETWORK_INTERFACE, 'default/i')!.metadata
    expect(deal()).toBe(1)
    await store.create(table('t', uid, 'uid-of-other'))
    await told()
    expect(deal()).toBe(0)
    await store.delete(NAT_TABLE, 'default/t')
    await told()
    expect(deal()).toBe(1)
  })

  it('leaves out an interface that is being deleted from when it has no slice', async () => {
    const held = networkInterface('held', 'n', ['10.0.0.3'])
    await store.create({ ...held, metadata: { ...held.metadata, finalizers: ['test/hold'] } })
    const { uid } = store.get(NETWORK_INTERFACE, 'default/held')!.metadata
    await store.create(table('t', uid, gateway.metadata.uid))
    await store.delete(NETWORK_INTERFACE, 'default/held')
    await told()
    expect(deal()).toBe(2)
    await store.delete(NAT_TABLE, 'default/t')
    await told()
    expect(deal()).toBe(1)
  })

  it('that was removed is computed again', async () => {
    expect(deal()).toBe(1)
    books.open(gateway)
    await store.create(networkInterface('j', 'n', ['10.0.0.2']))
    await told()
    expect(deal()).toBe(2)
  })
})
