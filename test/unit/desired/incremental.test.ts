import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Resource } from '../../../src/api/index.ts'
import { keyOf } from '../../../src/api/index.ts'
import type { DesiredInterface } from '../../../src/dataplane/desired-state.ts'
import { DesiredModel } from '../../../src/desired/desired-model.ts'
import type { HostChange, HostSnapshot } from '../../../src/host/host-network.ts'
import type { NeighbourKey } from '../../../src/host/network-objects.ts'
import { neighbourKey } from '../../../src/host/network-objects.ts'
import { compareAddresses, formatAddress, offsetAddress, parseAddress } from '../../../src/net/address.ts'
import {
  event,
  host,
  natTable,
  neighbour,
  network,
  networkId,
  networkInterface,
  ONE_DEVICE,
  PRIVATE_A,
  PRIVATE_B,
  route,
  TWO_DEVICES,
  UPLINK,
} from './world.ts'

const NAMES = ['a', 'b', 'c', 'd']
const IPS = ['10.0.0.1', '10.0.0.2', '10.0.1.1']
const MACS = [undefined, '02:00:00:00:01:01', '02:00:00:00:01:02']

/** One change of the world: of an object (absent when `gone`), a neighbour or the routes. */
type Step =
  | { object: Resource; gone: boolean }
  | { neighbour: { ifindex: number; ip: string; mac: string | undefined } }
  | { routes: number }

const name = fc.constantFrom(...NAMES)
const ip = fc.constantFrom(...IPS)
const objects = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(name, ip, fc.constantFrom('blue', 'red')).map((each) => networkInterface(...each)) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom('203.0.113.1', '203.0.113.2'), fc.array(fc.option(fc.tuple(name, ip)), { maxLength: 4 }))
      .map(([address, owners]) =>
        natTable(
          address,
          owners.map((owner) => owner ?? undefined),
        ),
      ),
  },
  { weight: 1, arbitrary: fc.constantFrom('blue', 'red').map(network) },
  { weight: 1, arbitrary: fc.constantFrom(networkId(7, 'blue'), networkId(8, 'red')) },
)
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ object: objects, gone: fc.boolean() }) },
    {
      weight: 3,
      arbitrary: fc.record({
        neighbour: fc.record({
          ifindex: fc.constantFrom(UPLINK, PRIVATE_A, PRIVATE_B),
          ip: fc.constantFrom(...IPS, '192.0.2.254'),
          mac: fc.constantFrom(...MACS),
        }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ routes: fc.nat(ROUTES().length - 1) }) },
  ),
  { maxLength: 40 },
)

function ROUTES() {
  const out = route('0.0.0.0/0', { gateway: parseAddress('192.0.2.254') })
  return [
    [out],
    [out, route('10.0.0.0/24', { ifindex: PRIVATE_A }), route('10.0.1.0/24', { ifindex: PRIVATE_B })],
    [route('10.0.0.0/8', { ifindex: PRIVATE_B, gateway: parseAddress('10.0.0.2') })],
  ]
}

/** The world as it is after some steps, told to a model one by one and, at the end, to another all at once. */
class World {
  readonly present = new Map<string, Resource>()
  snapshot: HostSnapshot = host({})

  take(step: Step, model: DesiredModel): void {
    if ('object' in step) this.#takeObject(step, model)
    else if ('routes' in step)
      this.#takeHost({ ...this.snapshot, routes: ROUTES()[step.routes]! }, { routes: true }, model)
    else {
      const { ifindex, ip: address, mac } = step.neighbour
      const key = neighbourKey(ifindex, parseAddress(address))
      const neighbours = new Map(this.snapshot.neighbours).set(key, neighbour(ifindex, address, mac))
      this.#takeHost({ ...this.snapshot, neighbours }, { neighbours: new Set([key]) }, model)
    }
  }

  #takeObject({ object, gone }: Extract<Step, { object: Resource }>, model: DesiredModel): void {
    const id = `${object.kind}/${keyOf(object.metadata)}`
    const old = this.present.get(id)
    if (gone && old === undefined) return
    if (gone) this.present.delete(id)
    else this.present.set(id, object)
    model.apply(gone ? event('deleted', old!) : event(old === undefined ? 'added' : 'modified', object))
  }

  #takeHost(snapshot: HostSnapshot, change: Partial<HostChange>, model: DesiredModel): void {
    this.snapshot = snapshot
    model.setHost(snapshot, { links: false, addresses: false, routes: false, neighbours: new Set(), ...change })
  }
}

const sorted = (model: DesiredModel) => {
  const { state: built, uplinkNeighbours } = model.build()
  // How one got there is what differs.
  const { derivation: _, ...state } = built
  return {
    ...state,
    interfaces: state.interfaces.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    addresses: state.addresses.toSorted((a, b) => compareAddresses(a.address, b.address)),
    states: NAMES.map((each) => model.programmedState(`default/${each}`)),
    uplinkNeighbours,
    problems: model.routeProblems([]),
  }
}

describe('the desired state of changes one by one', () => {
  test('equals a computation from nothing, whatever happened before and whenever it was built', () => {
    fc.assert(
      fc.property(steps, fc.func(fc.boolean()), fc.constantFrom(ONE_DEVICE, TWO_DEVICES), (sequence, looks, config) => {
        const world = new World()
        const incremental = new DesiredModel(config, world.snapshot)
        const wanted = new Set<NeighbourKey>()
        const told = new Set<DesiredInterface>()
        let revision = 0
        const look = () => {
          const { state, insideNeighbours } = incremental.build()
          const { derivation, interfaces } = state
          expect(derivation!.from).toBe(revision)
          for (const entry of derivation!.change.removed) expect(told.delete(entry)).toBe(true)
          for (const entry of derivation!.change.added) told.add(entry)
          expect(told).toEqual(new Set(interfaces))
          revision = derivation!.revision
          const { added, removed } = insideNeighbours
          for (const key of removed) expect(wanted.delete(key)).toBe(true)
          for (const key of added) wanted.add(key)
        }
        for (const [i, step] of sequence.entries()) {
          world.take(step, incremental)
          if (looks(i)) look()
        }
        look()
        const fresh = new DesiredModel(config, world.snapshot)
        for (const object of world.present.values()) fresh.apply(event('added', object))
        const all = new Set(fresh.build().insideNeighbours.added)
        expect(wanted).toEqual(all)
        expect(sorted(incremental)).toEqual(sorted(fresh))
      }),
      { numRuns: 500 },
    )
  })
})

describe('with 100,000 interfaces', () => {
  const COUNT = 100_000
  const PER_TABLE = 1000
  const ipOf = (i: number) => formatAddress(offsetAddress(parseAddress('10.0.0.0'), i))
  const tableOf = (t: number, skip = -1) =>
    natTable(
      formatAddress(offsetAddress(parseAddress('203.0.0.0'), t)),
      Array.from({ length: PER_TABLE }, (_, n) =>
        n === skip ? undefined : ([`vm${t * PER_TABLE + n}`, ipOf(t * PER_TABLE + n)] as const),
      ),
    )

  test('a change costs a few milliseconds and leaves the entries of all others the same objects', () => {
    const snapshot = host({ routes: [route('10.0.0.0/8', { ifindex: PRIVATE_A })] })
    const model = new DesiredModel(ONE_DEVICE, snapshot)
    for (const object of [network('blue'), networkId(7, 'blue')]) model.apply(event('added', object))
    for (let i = 0; i < COUNT; i++) model.apply(event('added', networkInterface(`vm${i}`, ipOf(i))))
    for (let t = 0; t < COUNT / PER_TABLE; t++) model.apply(event('added', tableOf(t)))
    // The list is changed in place.
    const before = [...model.build().state.interfaces]
    expect(before).toHaveLength(COUNT)

    const heard = neighbour(PRIVATE_A, ipOf(77), '02:00:00:00:01:01')
    const key = neighbourKey(PRIVATE_A, heard.address)
    const changes = [
      () =>
        model.setHost(
          { ...snapshot, neighbours: new Map([[key, heard]]) },
          { links: false, addresses: false, routes: false, neighbours: new Set([key]) },
        ),
      () => model.apply(event('modified', tableOf(3, 5))),
      () => model.apply(event('modified', tableOf(3))),
      () => model.apply(event('modified', tableOf(3, 7))),
    ]
    const times = changes.map((change) => {
      const begin = performance.now()
      change()
      model.build()
      return performance.now() - begin
    })
    const after = model.build().state.interfaces
    expect(after.filter((entry, i) => entry !== before[i])).toHaveLength(2 + 1)
    expect(Math.min(...times)).toBeLessThan(20)
  }, 60_000)
})
