import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { IpPool } from '../../../src/allocation/ip-pool.ts'
import type { NATGateway, NetworkInterface } from '../../../src/api/index.ts'
import {
  IP_ADDRESS,
  keyOf,
  NAT_GATEWAY,
  NAT_TABLE,
  NETWORK,
  NETWORK_ID,
  NETWORK_INTERFACE,
} from '../../../src/api/index.ts'
import { MemoryStore } from '../../../src/store/memory.ts'
import { LaggingStore } from '../../support/lagging-store.ts'
import { Lab, natGateway, network, networkInterface, prefix } from '../../unit/controllers/support.ts'
import type { Place } from './invariants.ts'
import {
  expectAddressesRight,
  expectGatewaysRight,
  expectNoLeak,
  expectNoOverlap,
  placesOf,
  wants,
} from './invariants.ts'

const KINDS = [NETWORK, NETWORK_INTERFACE, NAT_GATEWAY, NETWORK_ID, IP_ADDRESS, NAT_TABLE] as const
const NETWORKS = ['n0', 'n1', 'n2']
const SIZES = [64512, 32768, 32768, 21504, 10000, 64, 1]
/** Each pool has what the one before has, and more. */
const POOLS = [
  [],
  [prefix('198.51.100.0/31')],
  [prefix('198.51.100.0/31'), prefix('192.0.2.1/32', { first: 20000, last: 29999 }, true)],
  [prefix('198.51.100.0/31'), prefix('192.0.2.1/32', { first: 20000, last: 29999 }, true), prefix('203.0.113.0/30')],
]

const networkName = fc.constantFrom(...NETWORKS)
const size = fc.constantFrom(...SIZES)

interface Step {
  run(world: World): Promise<void>
  [fc.toStringMethod](): string
}

/** A step of that weight, which a counterexample shows as a call. */
function step<T extends unknown[]>(
  weight: number,
  name: string,
  args: { [K in keyof T]: fc.Arbitrary<T[K]> },
  run: (world: World, ...args: T) => Promise<void>,
): fc.WeightedArbitrary<Step> {
  const arbitrary = fc.tuple<T>(...args).map((values): Step => ({
    run: (world) => run(world, ...values),
    [fc.toStringMethod]: () => `${name}(${values.join(', ')})`,
  }))
  return { weight, arbitrary }
}

const interfaceName = fc.nat(13).map((id) => `i${id}`)
const gatewayName = fc.nat(4).map((id) => `g${id}`)
const insideAddress = fc.nat(9).map((host) => `10.0.0.${host + 1}`)

const steps = fc.array(
  fc.oneof(
    step(6, 'create interface', [interfaceName, networkName, insideAddress], (world, ...args) =>
      world.createInterface(...args),
    ),
    step(4, 'delete interface', [interfaceName], (world, name) => world.deleteInterface(name)),
    step(1, 'toggle public address', [interfaceName], (world, name) => world.togglePublicAddress(name)),
    step(4, 'create gateway', [gatewayName, networkName, size], (world, ...args) => world.createGateway(...args)),
    step(2, 'delete gateway', [gatewayName], (world, name) => world.deleteGateway(name)),
    step(1, 'lose gateway', [gatewayName], (world, name) => world.loseGateway(name)),
    step(1, 'resize slices', [gatewayName, size], (world, ...args) => world.resizeSlices(...args)),
    step(2, 'restart', [fc.nat(POOLS.length - 1)], (world, pool) => world.restart(pool)),
    step(2, 'crash', [fc.nat(6)], (world, writes) => world.crash(writes)),
    step(2, 'a second later', [], () => Promise.resolve(void vi.setSystemTime(Date.now() + 1000))),
    step(1, 'clock set', [fc.constantFrom(-3600, 3600)], (_world, seconds) =>
      Promise.resolve(void vi.setSystemTime(Date.now() + seconds * 1000)),
    ),
    step(4, 'check', [], (world) => world.check()),
  ),
  { minLength: 5, maxLength: 60, size: 'max' },
)

/** Milliseconds by which the caches of the controllers' store trail, one event after the other. */
const lags = fc.array(fc.nat(4), { minLength: 1, maxLength: 20 })

/**
 * Controllers on a store that can be cut off from its disk, and what is remembered of their last rest. Where lags are
 * given, they see it through caches that trail behind what is done here.
 */
class World {
  /** Writes that still reach the disk. */
  #writesLeft = Infinity
  readonly #store = new MemoryStore({
    // A turn for every commit, so that what is between two writes can be seen.
    commit: async () => {
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#writesLeft-- <= 0) throw new Error('disk gone')
    },
  })
  readonly #lags: readonly number[]
  #client: LaggingStore | undefined
  #lab = new Lab(this.#store)
  #pool = 1
  #before = new Map<string, Place>()
  /** Interfaces and gateways, by uid, that were changed so that slices may move. */
  readonly #disturbed = new Set<string>()
  readonly #pools = new Set<number>()
  /** Uids of who had an address of a Network. */
  #holders = new Map<string, string>()

  /** What was wrong at some moment between rests. */
  readonly #wrong: unknown[] = []

  constructor(lags: readonly number[] = []) {
    this.#lags = lags
  }

  async begin(): Promise<void> {
    const look = (): void => {
      try {
        expectNoOverlap(this.#store)
      } catch (error) {
        this.#wrong.push(error)
      }
    }
    this.#store.watch(NAT_TABLE, look)
    this.#store.watch(IP_ADDRESS, look)
    for (const name of NETWORKS) await this.#store.create(network(name))
    await this.restart(this.#pool)
  }

  async createInterface(name: string, net: string, address: string): Promise<void> {
    if (this.#store.get(NETWORK_INTERFACE, `default/${name}`) !== undefined) return
    await this.#store.create(networkInterface(name, net, [address]))
  }

  async deleteInterface(name: string): Promise<void> {
    await this.#store.delete(NETWORK_INTERFACE, `default/${name}`)
  }

  async togglePublicAddress(name: string): Promise<void> {
    const found = this.#store.get(NETWORK_INTERFACE, `default/${name}`)
    if (found === undefined) return
    this.#disturbed.add(found.metadata.uid)
    const { virtualIP, ...spec } = found.spec
    const next = virtualIP === undefined ? { ...spec, virtualIP: { virtualIPRef: { name: 'vip' } } } : spec
    await this.#retry(() => {
      const present = this.#store.get(NETWORK_INTERFACE, `default/${name}`)!
      return this.#store.update<NetworkInterface>({ ...present, spec: next })
    })
  }

  async createGateway(name: string, net: string, size: number): Promise<void> {
    if (this.#store.get(NAT_GATEWAY, `default/${name}`) !== undefined) return
    await this.#store.create(natGateway(name, net, size))
  }

  async deleteGateway(name: string): Promise<void> {
    await this.#store.delete(NAT_GATEWAY, `default/${name}`)
  }

  /** Somebody takes the finalizer away: the controllers get no chance to clean up before it is gone. */
  async loseGateway(name: string): Promise<void> {
    await this.deleteGateway(name)
    await this.#retry(() => {
      const present = this.#store.get(NAT_GATEWAY, `default/${name}`)
      if (present === undefined) return Promise.resolve()
      return this.#store.update<NATGateway>({ ...present, metadata: { ...present.metadata, finalizers: [] } })
    })
  }

  async resizeSlices(name: string, size: number): Promise<void> {
    const found = this.#store.get(NAT_GATEWAY, `default/${name}`)
    if (found === undefined) return
    this.#disturbed.add(found.metadata.uid)
    await this.#retry(() => {
      const present = this.#store.get(NAT_GATEWAY, `default/${name}`)
      if (present === undefined) return Promise.resolve()
      return this.#store.update<NATGateway>({ ...present, spec: { ...present.spec, portsPerNetworkInterface: size } })
    })
  }

  async restart(pool: number): Promise<void> {
    this.#pool = pool
    this.#pools.add(pool)
    if (this.#lags.length > 0) await this.#connect()
    await this.#lab.restart(POOLS[pool]!)
  }

  /** A new client, whose caches have to be filled. */
  async #connect(): Promise<void> {
    await this.stop()
    let events = 0
    const lagMs = (): number => this.#lags[events++ % this.#lags.length]!
    this.#client = new LaggingStore(this.#store, { lagMs, acknowledge: 'when shown' })
    this.#lab = new Lab(this.#client)
  }

  /** Resolves when nothing changes any more. */
  async #settle(): Promise<void> {
    let before: unknown[]
    const lists = () => KINDS.map((kind) => this.#store.list(kind))
    do {
      before = lists()
      await this.#client?.caughtUp()
      await this.#lab.settle()
    } while (lists().some((list, index) => list !== before[index]))
  }

  /** Lets the controllers make a few more writes, then no more; and starts anew from what is on the disk. */
  async crash(writes: number): Promise<void> {
    this.#writesLeft = writes
    await new Promise((resolve) => setTimeout(resolve, 5))
    await this.#lab.stop()
    this.#writesLeft = Infinity
    await this.restart(this.#pool)
  }

  async check(): Promise<void> {
    await this.#settle()
    expect(this.#wrong).toEqual([])
    expectNoLeak(this.#store)
    this.#holders = expectAddressesRight(this.#store, this.#holders)
    expectGatewaysRight(this.#store, POOLS[this.#pool]!)
    this.#expectNoMove()
    this.#before = placesOf(this.#store)
    this.#disturbed.clear()
    this.#pools.clear()
    this.#pools.add(this.#pool)
  }

  async end(): Promise<void> {
    await this.check()
    const kinds = [NETWORK_INTERFACE, NAT_GATEWAY, NETWORK] as const
    for (const kind of kinds)
      for (const { metadata } of this.#store.list(kind)) await this.#store.delete(kind, keyOf(metadata))
    await this.#settle()
    for (const kind of [...kinds, IP_ADDRESS, NAT_TABLE, NETWORK_ID] as const)
      expect(this.#store.list(kind)).toEqual([])
    await this.stop()
  }

  async stop(): Promise<void> {
    await this.#lab.stop()
    await this.#client?.close()
  }

  #expectNoMove(): void {
    const now = placesOf(this.#store)
    // Pools only lack what a smaller one lacks: the smallest since the last rest says which addresses could stay.
    const smallest = new IpPool(POOLS[Math.min(...this.#pools)]!)
    for (const each of this.#store.list(NETWORK_INTERFACE)) {
      const { uid, name } = each.metadata
      const before = this.#before.get(uid)
      if (before === undefined || this.#disturbed.has(uid) || !wants(each)) continue
      const gateway = this.#store.list(NAT_GATEWAY).find(({ metadata }) => metadata.uid === before.gatewayUid)
      if (gateway === undefined || this.#disturbed.has(before.gatewayUid)) continue
      if (smallest.find(before.ip) === undefined) continue
      expect(now.get(uid), name).toEqual(before)
    }
  }

  /** As a user would who finds that the object has changed meanwhile. */
  async #retry(write: () => Promise<unknown>): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await write()
        return
      } catch (error) {
        if (attempt === 20) throw error
      }
    }
  }
}

// Creation times in whole seconds, as in Kubernetes: most objects are as old as each other.
beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'], now: 1_700_000_000_000 }))
afterAll(() => void vi.useRealTimers())

async function play(world: World, steps: readonly Step[]): Promise<void> {
  try {
    await world.begin()
    for (const each of steps) await each.run(world)
    await world.end()
  } finally {
    await world.stop()
  }
}

const RUNS = Number(process.env.PROPERTY_RUNS ?? 60)

describe('whatever sequence of changes, restarts, crashes and steps of the clock', () => {
  it('no slices overlap, none moves without need, nothing leaks, all counts are right, nobody waits beside a free slice', async () => {
    const property = fc.asyncProperty(steps, (steps) => play(new World(), steps))
    await fc.assert(property, { numRuns: RUNS, interruptAfterTimeLimit: 600_000 })
  }, 600_000)

  it('all of that holds on a store whose cache trails behind others', async () => {
    const property = fc.asyncProperty(steps, lags, (steps, lags) => play(new World(lags), steps))
    await fc.assert(property, { numRuns: Math.ceil(RUNS / 3), interruptAfterTimeLimit: 600_000 })
  }, 600_000)
})
