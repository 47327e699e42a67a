import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { SlotFlags } from '../../src/dataplane/generated/layouts.ts'
import { NextHopFlags, NextHopKind } from '../../src/dataplane/generated/layouts.ts'
import { generationOf, isLive, ownerOf, remoteOf, slotOf } from '../../src/dataplane/session-words.ts'
import { frame, udp } from '../support/packet.ts'
import { PacketGateway, PUBLIC } from '../support/packet-gateway.ts'

const UDP = 1
const ENDPOINTS = 120
const SIZE = 64

let gateway: PacketGateway
beforeEach(() => {
  gateway = new PacketGateway()
  gateway.address(PUBLIC, { sliceSize: SIZE })
  gateway.slice({ index: 0, inside: '10.0.0.1', firstPort: 1024, size: SIZE })
})
afterEach(() => gateway.close())

interface Result {
  sent: number
  refused: number
  answered: number
  expired: number
  shared: number
}

async function worker(cpu: number, milliseconds: number, remotes = 1, endpoints = ENDPOINTS): Promise<Result> {
  return (await runWorker('race-worker', cpu, milliseconds, endpoints, remotes)) as Result
}

async function runWorker(name: string, ...numbers: number[]): Promise<unknown> {
  const script = new URL(`../support/${name}.ts`, import.meta.url).pathname
  const child = spawn(process.execPath, [script, gateway.instance, ...numbers.map(String)])
  let text = ''
  let errors = ''
  child.stdout.on('data', (data: Buffer) => (text += data.toString()))
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()))
  const [code] = (await once(child, 'close')) as [number]
  expect(code, errors).toBe(0)
  return JSON.parse(text)
}

const endpointOf = (owner: bigint): number => ownerOf(owner).insidePort

/** Inside endpoints that have two mappings at the same moment: both owner words are there before and after both were seen. */
function doubleMappings(): number {
  const owners = gateway.owners(0, UDP)
  const seen = new Map<number, number>()
  let doubles = 0
  for (let offset = 0; offset < SIZE; offset++) {
    const owner = owners(offset)
    if (!isLive(Number(BigInt.asUintN(32, owner)))) continue
    const first = seen.get(endpointOf(owner))
    if (first !== undefined && endpointOf(owners(first)) === endpointOf(owner) && owners(offset) === owner) doubles++
    seen.set(endpointOf(owner), offset)
  }
  return doubles
}

it('two CPUs create, find, expire and delete the same mappings at once: no port is shared, none is lost', async () => {
  // Lives of a few milliseconds, so that every mapping is made and taken away hundreds of times.
  gateway.settings({ udpTimeout: 2, portReuseDelay: 2 })
  let running = true
  const expiring = (async () => {
    let doubles = 0
    while (running) {
      gateway.expire(4096)
      for (let look = 0; look < 50; look++) doubles += doubleMappings()
      await sleep(1)
    }
    return doubles
  })()
  const results = await Promise.all([worker(0, 6000), worker(1, 6000)])
  running = false
  expect(await expiring, 'inside endpoints with two mappings').toBe(0)

  const sum = (field: keyof Result): number => results.reduce((total, result) => total + result[field], 0)
  expect(sum('shared')).toBe(0)
  expect(sum('answered')).toBeGreaterThan(10_000)
  const created = gateway.counter('COUNTER_MAPPINGS_CREATED')
  expect(created).toBeGreaterThan(2_000)
  expect(gateway.counter('COUNTER_MAPPINGS_EXPIRED')).toBeGreaterThan(1_000)

  // With mappings that live long again: every endpoint that has one has exactly one, and the books agree.
  gateway.settings({ udpTimeout: 3600 * gateway.plane.hz })
  for (let i = 0; i < ENDPOINTS; i++)
    gateway.fromPrivate(frame({ from: '10.0.0.1', to: '203.0.113.5' }, udp(1000 + i, 53)))
  await sleep(300)
  gateway.expire()
  const slots = [...gateway.slots(0, UDP)]
  const endpoints = slots.map(([, slot]) => endpointOf(slot.owner))
  expect(new Set(endpoints).size).toBe(endpoints.length)
  expect(gateway.used(0, UDP)).toBe(slots.length)
  expect(gateway.occupied(0, UDP)).toEqual(slots.map(([offset]) => offset))
  const outside = slots.filter(([, slot]) => (slot.session.flags & SlotFlags.SLOT_OVERFLOW) !== 0)
  expect(gateway.plane.maps.sliceStates.get(0)!.overflow[UDP]).toBe(outside.length)
  expect(gateway.chained(0, UDP).sort()).toEqual(outside.map(([, slot]) => endpointOf(slot.owner)).sort())
  expect(gateway.plane.maps.sliceStates.get(0)!.lock).toBe(0)

  // And all of it comes back.
  expect(gateway.flush(0, UDP)).toBe(slots.length)
  expect(gateway.used(0, UDP)).toBe(0)
  expect(gateway.slots(0, UDP).size).toBe(0)
  expect(gateway.occupied(0, UDP)).toEqual([])
  expect(gateway.chained(0, UDP)).toEqual([])
})

/** Every session that is there, as mapping and remote: `40000:53`. */
function sessions(): { all: string[]; duplicates: string[]; perMapping: Map<number, number> } {
  const first = gateway.plane.maps.slices.get(0)!.firstSlots[UDP]
  const slots = gateway.slots(0, UDP)
  const perMapping = new Map<number, number>()
  const all = [...slots].map(([offset, { session }]) => `${offset}:${remoteOf(session.remote).port}`)
  for (const { mapping, session } of gateway.furtherSessions()) {
    const offset = slotOf(mapping) - first
    const slot = slots.get(offset)
    if (slot === undefined || generationOf(mapping) !== generationOf(slot.owner)) continue
    perMapping.set(offset, (perMapping.get(offset) ?? 0) + 1)
    all.push(`${offset}:${remoteOf(session.remote).port}`)
  }
  return { all, duplicates: all.filter((each, i) => all.indexOf(each) !== i), perMapping }
}

it('two CPUs that meet on the first packet of a flow make one session of it, not two', async () => {
  const REMOTES = 6
  await Promise.all([worker(0, 5000, REMOTES, SIZE), worker(1, 5000, REMOTES, SIZE)])
  const { all, duplicates } = sessions()
  expect(duplicates).toEqual([])
  expect(all).toHaveLength(SIZE * REMOTES)
  expect(gateway.counter('COUNTER_SESSIONS_CREATED')).toBeGreaterThanOrEqual(SIZE * REMOTES)
})

it('sessions that CPUs create, renew and remove at once are counted right, and none exists twice', async () => {
  gateway.settings({ udpTimeout: 2, portReuseDelay: 2 })
  let running = true
  const expiring = (async () => {
    while (running) {
      gateway.expire(2048)
      await sleep(0)
    }
  })()
  const results = await Promise.all([worker(0, 5000, 4, 40), worker(1, 5000, 4, 40)])
  running = false
  await expiring
  expect(results.reduce((total, { shared }) => total + shared, 0)).toBe(0)
  expect(gateway.counter('COUNTER_SESSIONS_EXPIRED')).toBeGreaterThan(500)

  gateway.settings({ udpTimeout: 3600 * gateway.plane.hz })
  for (let i = 0; i < 40; i++) {
    for (let remote = 0; remote < 4; remote++)
      gateway.fromPrivate(frame({ from: '10.0.0.1', to: '203.0.113.5' }, udp(1000 + i, 53 + remote)))
  }
  await sleep(300)
  gateway.expire()
  const { duplicates, perMapping } = sessions()
  expect(duplicates).toEqual([])
  for (const [offset, { further }] of gateway.slots(0, UDP)) expect(further).toBe(perMapping.get(offset) ?? 0)
  const further = gateway.furtherSessions().length
  expect(further).toBeGreaterThan(0)
  expect(gateway.plane.maps.sliceStates.get(0)).toMatchObject({ sessions: further, lock: 0 })
  expect(gateway.plane.maps.sessionUse.get(0)).toBe(further)

  // What a flush leaves behind is counted until it is taken back, and then all of it comes back.
  gateway.settings({ portReuseDelay: 1 })
  gateway.flush(0, UDP)
  gateway.expire()
  await sleep(100)
  gateway.expire()
  expect(gateway.furtherSessions()).toEqual([])
  expect(gateway.plane.maps.sliceStates.get(0)!.sessions).toBe(0)
  expect(gateway.plane.maps.sessionUse.get(0)).toBe(0)
})

it('frames to a neighbour that changes its MAC have the whole old or the whole new entry', async () => {
  const OLD = '0e:00:00:00:00:01'
  const NEW = '16:f1:f2:f3:f4:f5'
  const bytes = (mac: string) => Uint8Array.from(mac.split(':'), (pair) => parseInt(pair, 16))
  const { nextHops, slices } = gateway.plane.maps
  const entry = nextHops.get(0)!
  const slice = slices.get(0)!
  const external = gateway.fromPrivate(frame({ from: '10.0.0.1', to: '203.0.113.5' }, udp(40000, 53))).read.sourcePort
  let running = true
  const changing = (async () => {
    for (let turn = 0; running; turn++) {
      for (let n = 0; n < 200; n++) {
        // Old, gone, new, gone: a frame with no MAC would show that its flags were read apart from it.
        const mac = bytes([OLD, '00:00:00:00:00:00', NEW, '00:00:00:00:00:00'][n & 3]!)
        const flags = NextHopKind.NEXT_HOP_ETHERNET | (n & 1 ? 0 : NextHopFlags.NEXT_HOP_RESOLVED)
        nextHops.set(0, { ...entry, hop: { ...entry.hop, destinationMac: mac, flags } })
        slices.set(0, { ...slice, inside: { ...slice.inside, destinationMac: mac, flags } })
      }
      await sleep(0)
    }
  })()
  const seen = (await runWorker('mac-worker', 1, 4000, external)) as { out: string[]; in: string[]; sent: number }
  running = false
  await changing
  expect(seen.out).toEqual([OLD, NEW])
  expect(seen.in).toEqual([OLD, NEW])
})
