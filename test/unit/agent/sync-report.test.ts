import { describe, expect, test } from 'vitest'
import { SyncReport } from '../../../src/agent/sync-report.ts'
import type { Binding } from '../../../src/dataplane/generated/layouts.ts'
import type { Affected } from '../../../src/dataplane/sync-failure.ts'
import { SyncFailure } from '../../../src/dataplane/sync-failure.ts'
import { DesiredModel } from '../../../src/desired/desired-model.ts'
import { RateLimitedLog } from '../../../src/log/rate-limited-log.ts'
import { parseAddress } from '../../../src/net/address.ts'
import { NO_SINK, ProblemList } from '../../../src/problems/problem-list.ts'
import {
  event,
  host,
  natTable,
  network,
  networkId,
  networkInterface,
  PRIVATE_A,
  PRIVATE_B,
  TWO_DEVICES,
} from '../desired/world.ts'

const NOTHING = { written: {}, flushedMappings: 0, addedSlotBlocks: 0 }
const SLICES = [natTable('203.0.113.1', [['a', '10.0.0.1']]), natTable('203.0.113.2', [undefined, ['b', '10.0.1.1']])]
const CONFIG = {
  ...TWO_DEVICES,
  private: TWO_DEVICES.private.map((device, n) => ({ ...device, prefixes: [`10.0.${n}.0/24`] })),
}

/** Interface a on in0, b on in1, each with a slice of another address; idle on in0 without one. */
function reporting() {
  const model = new DesiredModel(CONFIG, host({}))
  const interfaces = [
    networkInterface('a', '10.0.0.1'),
    networkInterface('b', '10.0.1.1'),
    networkInterface('idle', '10.0.0.2'),
  ]
  for (const each of [network('blue'), networkId(7, 'blue'), ...interfaces, ...SLICES])
    model.apply(event('added', each))
  model.build()
  const lines: string[] = []
  const log = { debug() {}, info() {}, warn() {}, error: (_: object, message: string) => void lines.push(message) }
  const problems = new ProblemList({ ...log, error() {} })
  const report = new SyncReport(log, problems, new RateLimitedLog(log))
  const applied = (...affected: Affected[]) =>
    report.applied(
      { ...NOTHING, failures: affected.map((each) => new SyncFailure('ERR_MAP_FULL', 'no room', each)) },
      (affects) => model.interfacesOf(affects),
    )
  return { report, lines, applied, problems }
}

test('a slice that is full is logged once a minute, however often its machine causes the event', () => {
  const lines: string[] = []
  const log = { debug() {}, info: (_: object, message: string) => void lines.push(message), warn() {}, error() {} }
  const report = new SyncReport(log, NO_SINK, new RateLimitedLog(log))
  const slice = (firstPort: number) => ({ publicAddress: 1, insideAddress: 2, firstPort, size: 64, vni: 7 }) as Binding
  for (let n = 0; n < 5_000; n++) report.sliceFull(slice(n % 2 === 0 ? 1024 : 1088), 6)
  expect(lines).toHaveLength(2)
})

describe('what was refused', () => {
  test.each<[string, Affected, string[]]>([
    ['a private device', { scope: 'device', ifindex: PRIVATE_A }, ['default/a']],
    ['another private device', { scope: 'device', ifindex: PRIVATE_B }, ['default/b']],
    ['a public address', { scope: 'public-address', address: parseAddress('203.0.113.2') }, ['default/b']],
    ['an inside address', { scope: 'inside-address', vni: 7, address: parseAddress('10.0.0.1') }, ['default/a']],
    ['an inside address without a slice', { scope: 'inside-address', vni: 7, address: parseAddress('10.0.0.2') }, []],
    ['an inside address nobody has', { scope: 'inside-address', vni: 8, address: parseAddress('10.0.0.1') }, []],
    ['the settings', { scope: 'every-interface' }, ['default/a', 'default/b']],
    ['a route', { scope: 'no-interface' }, []],
  ])('%s is the failure of the interfaces that need it, and of no others', (_, affects, keys) => {
    const { report, applied } = reporting()
    expect([...applied(affects)].sort()).toEqual(keys)
    for (const key of ['default/a', 'default/b', 'default/idle']) {
      expect(report.programmedState(key)?.reason).toBe(keys.includes(key) ? 'ProgramFailed' : undefined)
    }
  })

  test('is reported once more, as served, when it succeeds', () => {
    const { report, applied } = reporting()
    applied({ scope: 'device', ifindex: PRIVATE_A })
    expect([...applied()]).toEqual(['default/a'])
    expect(report.programmedState('default/a')).toBeUndefined()
  })

  test('for one reason is one line of the log, however many it concerns and however long it lasts', () => {
    const { lines, applied } = reporting()
    for (let pass = 0; pass < 3; pass++) {
      applied({ scope: 'interface', name: 'default/a' }, { scope: 'interface', name: 'default/b' })
    }
    expect(lines).toEqual(['no room'])
  })
})

describe('a failure that no single interface suffers from', () => {
  const refused = (count: number) =>
    Array.from({ length: count }, (_, n) => {
      return new SyncFailure('ERR_MAP_WRITE', `route ${n} is refused`, { scope: 'no-interface' }, { map: 'routes' })
    })

  test('is one problem for each map and code while it lasts, however many entries fail', () => {
    const { report, problems } = reporting()
    const apply = (failures: SyncFailure[]) => report.applied({ ...NOTHING, failures }, () => [])
    const full = new SyncFailure('ERR_MAP_FULL', 'no room', { scope: 'no-interface' }, { map: 'next_hops' })
    apply([...refused(5_000), full])
    apply([...refused(4_000), full])
    expect(problems.list()).toMatchObject([
      { object: 'map routes', reason: 'ERR_MAP_WRITE', detail: 'route 0 is refused; and 3999 more' },
      { object: 'map next_hops', reason: 'ERR_MAP_FULL', detail: 'no room' },
    ])
    apply([])
    expect(problems.list()).toEqual([])
  })

  test('is the condition of an interface alone, where there is one', () => {
    const { applied, problems } = reporting()
    applied({ scope: 'device', ifindex: PRIVATE_A })
    expect(problems.list()).toEqual([])
    applied({ scope: 'inside-address', vni: 8, address: parseAddress('10.0.0.1') })
    expect(problems.list()).toHaveLength(1)
  })

  test('is a problem when it could not be repaired, until a comparison finds all in order', () => {
    const { report, problems } = reporting()
    report.verified({ repaired: { routes: 3 }, failures: refused(2) })
    expect(problems.list()).toMatchObject([
      { object: 'map routes', reason: 'RepairFailed', detail: 'route 0 is refused; and 1 more' },
    ])
    report.verified({ repaired: {}, failures: [] })
    expect(problems.list()).toEqual([])
  })
})
