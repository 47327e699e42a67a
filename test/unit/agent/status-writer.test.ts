import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { StatusWriter } from '../../../src/agent/status-writer.ts'
import type { Condition, NetworkInterface } from '../../../src/api/index.ts'
import { NETWORK_INTERFACE } from '../../../src/api/index.ts'
import type { ProgrammedState } from '../../../src/desired/record.ts'
import { NatGwError } from '../../../src/errors/errors.ts'
import { ProblemList } from '../../../src/problems/problem-list.ts'
import { MemoryStore } from '../../../src/store/memory.ts'
import { systemClock } from '../../../src/time/clock.ts'
import { networkInterface } from '../desired/world.ts'

const GOOD: ProgrammedState = { status: 'True', reason: 'Programmed', message: 'translated' }
const BAD: ProgrammedState = { status: 'False', reason: 'NeighbourUnresolved', message: 'silent' }
const OTHERS: Condition = {
  type: 'NATReady',
  status: 'True',
  reason: 'SliceAssigned',
  message: 'has ports',
  lastTransitionTime: '2026-01-01T00:00:00Z',
}

let store: MemoryStore
let states: Map<string, ProgrammedState | 'notLocal'>
let warnings: string[]
let problems: ProblemList
let writer: StatusWriter

function start(objects: NetworkInterface[], commit?: () => Promise<void>): void {
  store = new MemoryStore({ objects, ...(commit ? { commit } : {}) })
  writer = new StatusWriter({
    store,
    programmedState: (key) => states.get(key),
    problems,
    clock: systemClock,
    log: { debug() {}, info() {}, error() {}, warn: (_fields, message) => warnings.push(message) },
  })
}

const conditions = (name = 'vm') => store.get(NETWORK_INTERFACE, `default/${name}`)?.status?.conditions
const programmed = (name?: string) => conditions(name)?.find(({ type }) => type === 'Programmed')

async function settle(state?: ProgrammedState | 'notLocal', name = 'vm'): Promise<void> {
  if (state === undefined) states.delete(`default/${name}`)
  else states.set(`default/${name}`, state)
  writer.enqueue([`default/${name}`])
  await vi.advanceTimersByTimeAsync(1000)
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: Date.UTC(2026, 5, 1) })
  states = new Map()
  warnings = []
  problems = new ProblemList({ debug() {}, info() {}, warn() {}, error() {} })
})

afterEach(async () => {
  await writer.close()
  vi.useRealTimers()
})

describe('the condition Programmed', () => {
  test('is written beside those of others', async () => {
    const object = networkInterface('vm', '10.0.0.1')
    object.status = { ips: ['10.0.0.1'], conditions: [OTHERS] }
    start([object])
    await settle(GOOD)
    expect(conditions()).toEqual([
      OTHERS,
      { type: 'Programmed', ...GOOD, lastTransitionTime: '2026-06-01T00:00:00.000Z', observedGeneration: 1 },
    ])
    expect(store.get(NETWORK_INTERFACE, 'default/vm')?.status?.ips).toEqual(['10.0.0.1'])
  })

  test('is not written again while nothing differs', async () => {
    start([networkInterface('vm', '10.0.0.1')])
    await settle(GOOD)
    await settle({ ...GOOD })
    expect(writer.writes).toBe(1)
  })

  test('keeps the time of its last transition while its status stays', async () => {
    start([networkInterface('vm', '10.0.0.1')])
    await settle(BAD)
    const first = programmed()?.lastTransitionTime
    await settle({ ...BAD, reason: 'DeviceMissing' })
    expect(programmed()).toMatchObject({ reason: 'DeviceMissing', lastTransitionTime: first })
    await settle(GOOD)
    expect(programmed()?.lastTransitionTime).not.toBe(first)
  })

  test('is removed when there is nothing to say any more', async () => {
    start([networkInterface('vm', '10.0.0.1')])
    await settle(GOOD)
    await settle(undefined)
    expect(conditions()).toEqual([])
  })

  test('of an interface on another node is left alone', async () => {
    const object = networkInterface('vm', '10.0.0.1')
    object.status = { conditions: [{ ...OTHERS, type: 'Programmed' }] }
    start([object])
    await settle('notLocal')
    expect(programmed()?.reason).toBe('SliceAssigned')
  })

  test('is written when somebody else wrote the object in the same moment', async () => {
    start([networkInterface('vm', '10.0.0.1')])
    const rival = store.get(NETWORK_INTERFACE, 'default/vm')!
    const written = store.updateStatus({ ...rival, status: { conditions: [OTHERS] } })
    await settle(GOOD)
    await written
    expect(conditions()?.map(({ type }) => type)).toEqual(['NATReady', 'Programmed'])
    expect(warnings).toEqual([])
  })

  test('is written once the store takes writes again; is a problem while it does not', async () => {
    let full = true
    start([networkInterface('vm', '10.0.0.1')], async () => {
      if (full) throw new NatGwError('ERR_STATE_WRITE', 'no space left')
    })
    await settle(GOOD)
    expect(programmed()).toBeUndefined()
    expect(warnings).toHaveLength(1)
    expect(problems.list()).toMatchObject([
      { reason: 'StatusNotWritten', detail: 'default/vm; newest failure, default/vm: no space left' },
    ])
    full = false
    await vi.advanceTimersByTimeAsync(6000)
    expect(programmed()).toMatchObject(GOOD)
    expect(problems.list()).toEqual([])
  })

  test('of one interface that the store refuses does not keep those of others waiting', async () => {
    start([networkInterface('vm', '10.0.0.1'), networkInterface('other', '10.0.0.2')])
    const refusing = vi.spyOn(store, 'updateStatus').mockImplementationOnce(async () => {
      throw new NatGwError('ERR_INVALID_FIELD', 'status of vm is refused')
    })
    await settle(GOOD)
    await settle(GOOD, 'other')
    expect(programmed()).toBeUndefined()
    expect(programmed('other')).toMatchObject(GOOD)
    await vi.advanceTimersByTimeAsync(6000)
    expect(programmed()).toMatchObject(GOOD)
    refusing.mockRestore()
  })

  test('of many interfaces is a stream of writes, not a storm', async () => {
    const names = Array.from({ length: 1000 }, (_, i) => `vm${i}`)
    start(names.map((name, i) => networkInterface(name, `10.0.${i >> 8}.${i & 255}`)))
    for (const name of names) states.set(`default/${name}`, GOOD)
    writer.enqueue(names.map((name) => `default/${name}`))
    await vi.advanceTimersByTimeAsync(1)
    expect(writer.writes).toBeLessThanOrEqual(100)
    await vi.advanceTimersByTimeAsync(5000)
    expect(writer.writes).toBe(1000)
  })
})

test('after a conflict the store itself is read: a cache that trails costs one more write, not one every 250 ms', async () => {
  const server = new MemoryStore({ objects: [networkInterface('vm', '10.0.0.1')] })
  const made = server.get(NETWORK_INTERFACE, 'default/vm')
  if (made === undefined) throw new Error('no interface')
  const old = await server.updateStatus({ ...made, status: { ips: ['10.0.0.1'] } })
  const { resourceVersion } = (await server.updateStatus({ ...old, status: { conditions: [OTHERS] } })).metadata
  expect(resourceVersion).not.toBe(old.metadata.resourceVersion)
  let attempts = 0
  writer = new StatusWriter({
    store: {
      get: ((kind, key) => (kind === NETWORK_INTERFACE ? old : server.get(kind, key))) as MemoryStore['get'],
      getLive: server.getLive.bind(server),
      updateStatus: (object) => {
        attempts++
        return server.updateStatus(object)
      },
    },
    programmedState: () => GOOD,
    problems,
    clock: systemClock,
    log: { debug() {}, info() {}, warn() {}, error() {} },
  })
  writer.enqueue(['default/vm'])
  for (let n = 0; n < 40; n++) {
    // The store writes on turns of its own.
    await new Promise((resolve) => setImmediate(resolve))
    await vi.advanceTimersByTimeAsync(50)
  }
  expect(attempts).toBe(2)
  const types = server.get(NETWORK_INTERFACE, 'default/vm')?.status?.conditions?.map(({ type }) => type)
  expect(types).toEqual(['NATReady', 'Programmed'])
})
