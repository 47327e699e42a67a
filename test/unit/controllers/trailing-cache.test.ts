import { afterEach, describe, expect, it, vi } from 'vitest'
import { IpPool } from '../../../src/allocation/ip-pool.ts'
import type { GroupKind, NATGateway, NetworkInterface, Resource } from '../../../src/api/index.ts'
import {
  groupKindOf,
  IP_ADDRESS,
  keyOf,
  KINDS,
  NAT_GATEWAY,
  NAT_TABLE,
  NETWORK,
  NETWORK_ID,
  NETWORK_INTERFACE,
} from '../../../src/api/index.ts'
import type { Controllers } from '../../../src/controllers/manager.ts'
import { startControllers } from '../../../src/controllers/manager.ts'
import { MemoryStore } from '../../../src/store/memory.ts'
import type { NewObject } from '../../../src/store/store.ts'
import type { LagOptions } from '../../support/lagging-store.ts'
import { LaggingStore } from '../../support/lagging-store.ts'
import { natGateway, network, networkInterface, prefix, RecordingLog } from './support.ts'

const pool = new IpPool([prefix('198.51.100.0/28')])
const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function start(server: MemoryStore, options: LagOptions): Promise<{ store: LaggingStore; log: RecordingLog }> {
  const store = new LaggingStore(server, options)
  ends.push(() => store.close())
  const log = new RecordingLog()
  const controllers = await startControllers(store, pool, log)
  ends.push(() => controllers.stop())
  return { store, log }
}

async function startDirectly(server: MemoryStore): Promise<Controllers> {
  const controllers = await startControllers(server, pool, new RecordingLog())
  await controllers.idle()
  return controllers
}

function slicesOf(server: MemoryStore): Map<string, string> {
  const tables = server.list(NAT_TABLE)
  return new Map(
    tables.flatMap(({ spec }) =>
      spec.sections.map(({ targetRef, port }): [string, string] => [targetRef.name, `${spec.ip}:${port}`]),
    ),
  )
}

/** Follows every state of the tables. @returns which slices moved, and how many addresses were claimed at most */
function follow(server: MemoryStore) {
  const first = new Map<string, string>()
  const seen = { moved: [] as string[], addresses: 0 }
  const look = (): void => {
    seen.addresses = Math.max(seen.addresses, server.list(IP_ADDRESS).length)
    for (const [name, slice] of slicesOf(server)) {
      if ((first.get(name) ?? slice) !== slice) seen.moved.push(`${name}: ${first.get(name)} → ${slice}`)
      first.set(name, slice)
    }
  }
  server.watch(NAT_TABLE, look)
  server.watch(IP_ADDRESS, look)
  return seen
}

const interfaces = (count: number) =>
  Array.from({ length: count }, (_, n) => networkInterface(`i${n}`, 'n', [`10.0.0.${n + 1}`]))

const readyOf = (server: MemoryStore) =>
  server.get(NAT_GATEWAY, 'default/g')?.status?.conditions?.find(({ type }) => type === 'Ready')?.reason

/** As an agent in another process does: its writes are others' to the controllers. */
function reportLikeAnAgent(server: MemoryStore): void {
  server.watch(NETWORK_INTERFACE, ({ key }) => {
    const present = server.get(NETWORK_INTERFACE, key)
    const conditions = present?.status?.conditions ?? []
    if (present === undefined || conditions.length === 0 || conditions.some(({ type }) => type === 'Programmed')) return
    const programmed = {
      type: 'Programmed',
      status: 'True',
      reason: 'Programmed',
      message: '',
      lastTransitionTime: '',
    } as const
    const status = { ...present.status, conditions: [...conditions, programmed] }
    server.updateStatus<NetworkInterface>({ ...present, status }).catch(() => undefined)
  })
}

describe('controllers on a store whose cache trails 150 ms behind others', () => {
  const options: LagOptions = { lagMs: () => 150, acknowledge: 'when shown' }

  it('move no slice, take no address too many, and have hardly any conflicts', { timeout: 60_000 }, async () => {
    const server = new MemoryStore()
    const seen = follow(server)
    reportLikeAnAgent(server)
    const { store, log } = await start(server, options)
    await server.create(network('n'))
    await server.create(natGateway('g', 'n', 1024))
    for (const each of interfaces(100)) await server.create(each)
    const done = (): void => {
      expect(slicesOf(server).size).toBe(100)
      expect(readyOf(server)).toBe('Ready')
      for (const { status } of server.list(NETWORK_INTERFACE)) {
        expect(status?.conditions?.find(({ type }) => type === 'NATReady')?.status).toBe('True')
      }
    }
    await vi.waitFor(done, { timeout: 30_000, interval: 50 })
    expect(seen.moved).toEqual([])
    expect(seen.addresses).toBe(2)
    expect(store.count('create NetworkID')).toBe(1)
    // An agent wrote each status once in between: a second try each, and not a storm.
    const conflicts = [...store.requests].filter(([name]) => name.endsWith('ERR_CONFLICT'))
    expect(
      conflicts.reduce((sum, [, count]) => sum + count, 0),
      JSON.stringify(conflicts),
    ).toBeLessThanOrEqual(200)
    expect(log.lines).toEqual([])
  })

  it('move no slice when they are started again, and when interfaces come and go', { timeout: 60_000 }, async () => {
    const server = new MemoryStore()
    const first = await startDirectly(server)
    await server.create(network('n'))
    await server.create(natGateway('g', 'n', 1024))
    for (const each of interfaces(70)) await server.create(each)
    await first.idle()
    await first.stop()
    const before = slicesOf(server)
    const seen = follow(server)
    const { log } = await start(server, options)
    for (let n = 0; n < 10; n++) await server.delete(NETWORK_INTERFACE, `default/i${n}`)
    await vi.waitFor(() => expect(slicesOf(server).size).toBe(60), { timeout: 10_000 })
    for (const [name, slice] of slicesOf(server)) expect(slice).toBe(before.get(name))
    expect(seen).toEqual({ moved: [], addresses: 2 })
    expect(log.lines).toEqual([])
  })
})

/** What a gateway with ten interfaces has, as left by controllers that ended. */
async function served(): Promise<MemoryStore> {
  const server = new MemoryStore()
  const controllers = await startDirectly(server)
  await server.create(network('n'))
  await server.create(natGateway('g', 'n', 1024))
  for (const each of interfaces(10)) await server.create(each)
  await controllers.idle()
  await controllers.stop()
  return server
}

/** Spec of all that is allocated. */
function allocated(server: MemoryStore): unknown {
  const kinds = [NAT_TABLE, IP_ADDRESS, NETWORK_ID] as const
  return kinds.flatMap((kind) => server.list(kind).map(({ metadata, spec }) => [metadata.uid, spec]))
}

/** Until so many live reads have told the controllers that their cache trails, or all is shown. */
async function whileTrailing(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 450))
}

vi.setConfig({ testTimeout: 30_000 })

describe('nothing is deleted because a cache lacks', () => {
  it.each<GroupKind>([NAT_GATEWAY, NETWORK, NETWORK_INTERFACE, NAT_TABLE, IP_ADDRESS, NETWORK_ID])(
    '%s',
    async (trailing) => {
      const server = await served()
      const before = allocated(server)
      // Another store, as of a new leader, one of whose caches is filled later than the others.
      const lagMs = (kind: GroupKind): number => (kind === trailing ? 300 : 0)
      const { store, log } = await start(server, { lagMs, acknowledge: 'when shown', ready: 'at once' })
      await whileTrailing()
      await vi.waitFor(() => expect(store.list(trailing)).toHaveLength(server.list(trailing).length), {
        timeout: 10_000,
      })
      expect(allocated(server)).toEqual(before)
      expect(store.count('delete') + store.count('update NATTable') + store.count('update IPAddress')).toBe(0)
      expect(server.get(NETWORK, 'default/n')?.status?.state).toBe('Available')
      expect(store.requests.get('updateStatus Network')).toBeUndefined()
      expect(log.lines).toEqual([])
      await server.create(networkInterface('late', 'n', ['10.0.1.1']))
      await vi.waitFor(() => expect(slicesOf(server).has('late')).toBe(true), { timeout: 10_000 })
    },
  )
})

describe('a deletion is carried out', () => {
  it('of a Network only once no interface refers to it, also none that the cache lacks yet', async () => {
    const server = new MemoryStore()
    const lagMs = (kind: GroupKind): number => (kind === NETWORK_INTERFACE ? 300 : 0)
    const { store } = await start(server, { lagMs, acknowledge: 'when shown' })
    await server.create(network('n'))
    await vi.waitFor(() => expect(server.get(NETWORK, 'default/n')?.spec.providerID).toBeDefined(), {
      timeout: 10_000,
    })
    await server.create(networkInterface('i', 'n', ['10.0.0.1']))
    await server.delete(NETWORK, 'default/n')
    await whileTrailing()
    await vi.waitFor(() => expect(store.list(NETWORK_INTERFACE)).toHaveLength(1), { timeout: 10_000 })
    expect(server.get(NETWORK, 'default/n')).toBeDefined()
    expect(server.list(NETWORK_ID)).toHaveLength(1)
    await server.delete(NETWORK_INTERFACE, 'default/i')
    await vi.waitFor(() => expect(server.get(NETWORK, 'default/n')).toBeUndefined(), { timeout: 10_000 })
    expect(server.list(NETWORK_ID)).toEqual([])
  })

  it('of what a gateway left behind that was lost without cleaning up', async () => {
    const server = await served()
    const gateway = server.get(NAT_GATEWAY, 'default/g')!
    await server.delete(NAT_GATEWAY, 'default/g')
    const dying = server.get(NAT_GATEWAY, 'default/g')!
    await server.update<NATGateway>({
      ...dying,
      metadata: { ...gateway.metadata, ...dying.metadata, finalizers: [] },
    })
    await start(server, { lagMs: () => 50, acknowledge: 'when shown' })
    await vi.waitFor(() => expect([server.list(NAT_TABLE), server.list(IP_ADDRESS)]).toEqual([[], []]), {
      timeout: 10_000,
    })
  })
})

/** A server that loses the answers to creations of a kind: they are done, and the client is told of a failure. */
class AnswerLosingServer extends MemoryStore {
  lost: GroupKind[] = []

  override async create<R extends Resource>(object: NewObject<R>): Promise<R> {
    const created = await super.create<R>(object)
    const index = this.lost.indexOf(groupKindOf<Resource>(created))
    if (index < 0) return created
    this.lost.splice(index, 1)
    throw new Error('connection reset')
  }
}

it.each([IP_ADDRESS, NETWORK_ID] as const)(
  'a %s that exists already is taken for success when it is ours',
  async (kind) => {
    const server = new AnswerLosingServer()
    server.lost = [kind]
    const { store } = await start(server, { lagMs: () => 100, acknowledge: 'when shown' })
    await server.create(network('n'))
    await server.create(natGateway('g', 'n', 1024))
    await server.create(networkInterface('i', 'n', ['10.0.0.1']))
    await vi.waitFor(() => expect(readyOf(server)).toBe('Ready'), { timeout: 10_000 })
    await vi.waitFor(() => expect(slicesOf(server).size).toBe(1), { timeout: 10_000 })
    expect(server.lost).toEqual([])
    expect(server.list(kind).map(({ metadata }) => keyOf(metadata))).toHaveLength(1)
    expect(store.count(`create ${KINDS[kind].kind} ERR_ALREADY_EXISTS`)).toBe(1)
    const gateway: NATGateway = server.get(NAT_GATEWAY, 'default/g')!
    expect(gateway.status?.ips).toEqual([{ name: 'ip1', ip: '198.51.100.0' }])
  },
)
