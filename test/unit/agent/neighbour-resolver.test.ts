import { beforeEach, describe, expect, test } from 'vitest'
import { NeighbourResolver } from '../../../src/agent/neighbour-resolver.ts'
import { NatGwError } from '../../../src/errors/errors.ts'
import { NEIGHBOUR_PROTOCOL } from '../../../src/host/neighbours.ts'
import type { Neighbour, NeighbourKey } from '../../../src/host/network-objects.ts'
import { neighbourKey } from '../../../src/host/network-objects.ts'
import { formatAddress, offsetAddress, parseAddress } from '../../../src/net/address.ts'
import { neighbour, PRIVATE_A, UPLINK } from '../desired/world.ts'

const VM = neighbourKey(PRIVATE_A, parseAddress('10.0.0.1'))
const GATEWAY = neighbourKey(UPLINK, parseAddress('192.0.2.254'))
const MAC = '02:00:00:00:01:01'

let now: number
let requests: string[]
let table: Map<NeighbourKey, Neighbour>
let warnings: string[]
let refusal: string | undefined
let resolver: NeighbourResolver

beforeEach(() => {
  now = 0
  requests = []
  warnings = []
  refusal = undefined
  table = new Map()
  resolver = new NeighbourResolver({
    resolve: (_ifindex, address, keep) => {
      requests.push(`${keep ? 'keep' : 'resolve'} ${formatAddress(address)}`)
      if (refusal !== undefined) throw new NatGwError('ERR_NETLINK', 'refused', { errno: refusal })
    },
    neighbours: () => table,
    now: () => now,
    log: { debug() {}, info() {}, error() {}, warn: (_fields, message) => warnings.push(message) },
  })
})

/** Lets time pass, a tick each second. @returns what was asked for meanwhile */
function pass(seconds: number): string[] {
  requests.splice(0)
  for (let i = 0; i < seconds; i++) {
    resolver.tick()
    now += 1000
  }
  return [...requests]
}

function answers(ip: string, ifindex: number, more: Partial<Neighbour> = {}): void {
  const key = neighbourKey(ifindex, parseAddress(ip))
  table.set(key, { ...neighbour(ifindex, ip, MAC), ...more })
  resolver.changed([key])
}

describe('a wanted neighbour', () => {
  test('is resolved at once, then after 1, 2, 4 … 30 seconds while it does not answer', () => {
    resolver.setInside([VM], [])
    expect(pass(1)).toEqual(['resolve 10.0.0.1'])
    expect(pass(14)).toHaveLength(3)
    expect(pass(300)).toHaveLength(11)
  })

  test('on the uplink is resolved every 5 seconds: all traffic waits for it', () => {
    resolver.setUplink([GATEWAY])
    pass(60)
    expect(pass(60)).toHaveLength(12)
  })

  test('that answers is kept by the kernel, and not resolved again', () => {
    resolver.setInside([VM], [])
    pass(1)
    answers('10.0.0.1', PRIVATE_A)
    expect(pass(1)).toEqual(['keep 10.0.0.1'])
    answers('10.0.0.1', PRIVATE_A, { managed: true, protocol: NEIGHBOUR_PROTOCOL })
    expect(pass(300)).toEqual([])
  })

  test('is probed every 15 seconds where the kernel cannot keep it', () => {
    answers('10.0.0.1', PRIVATE_A)
    resolver.setInside([VM], [])
    expect(pass(60)).toEqual(Array(4).fill('keep 10.0.0.1'))
  })

  test('that falls silent is resolved at once, no longer kept by the kernel, then ever more rarely', () => {
    resolver.setInside([VM], [])
    answers('10.0.0.1', PRIVATE_A, { managed: true, protocol: NEIGHBOUR_PROTOCOL })
    pass(60)
    table.set(VM, neighbour(PRIVATE_A, '10.0.0.1', undefined))
    resolver.changed([VM])
    expect(pass(1)).toEqual(['resolve 10.0.0.1'])
    resolver.changed([VM])
    expect(pass(60).length).toBeLessThan(7)
  })

  test('that is not wanted any more is released, unless it was pinned by others', () => {
    resolver.setInside([VM], [])
    resolver.setUplink([GATEWAY])
    answers('10.0.0.1', PRIVATE_A, { managed: true, protocol: NEIGHBOUR_PROTOCOL })
    answers('192.0.2.254', UPLINK, { fixed: true })
    pass(1)
    resolver.setInside([], [VM])
    resolver.setUplink([])
    expect(requests).toEqual(['resolve 10.0.0.1'])
    expect(pass(60)).toEqual([])
  })

  test('is kept while anyone wants it', () => {
    resolver.setInside([GATEWAY], [])
    resolver.setUplink([GATEWAY])
    answers('192.0.2.254', UPLINK, { managed: true, protocol: NEIGHBOUR_PROTOCOL })
    resolver.setInside([], [GATEWAY])
    expect(requests).toEqual([])
  })
})

describe('a destination that traffic needs and is not resolved', () => {
  const ASKER = 3
  const OTHER = 4
  const reportUnresolved = (ip: string, slice = ASKER) => resolver.reportUnresolved(UPLINK, parseAddress(ip), slice)
  const scan = (slice: number, count = 1000) => {
    let taken = 0
    for (let i = 0; i < count; i++)
      if (reportUnresolved(formatAddress(offsetAddress(parseAddress('192.1.0.0'), slice * 4096 + i)), slice)) taken++
    return taken
  }

  test('is resolved, and dropped a minute after the last packet to it', () => {
    reportUnresolved('192.0.2.7')
    expect(pass(30).length).toBeGreaterThan(3)
    reportUnresolved('192.0.2.7')
    pass(90)
    expect(pass(300)).toEqual([])
  })

  test('is kept as a next hop only, once it answers', () => {
    reportUnresolved('192.0.2.7')
    pass(1)
    answers('192.0.2.7', UPLINK)
    resolver.setUplink([neighbourKey(UPLINK, parseAddress('192.0.2.7'))])
    expect(pass(1)).toEqual(['keep 192.0.2.7'])
  })

  test('is one of 256 at most, so that scans do not fill the kernel’s table', () => {
    for (let slice = 0; slice < 300; slice++) scan(slice, 200)
    const asked = new Set(pass(20))
    expect(asked.size).toBeGreaterThan(200)
    expect(asked.size).toBeLessThanOrEqual(256)
    pass(100)
    expect(reportUnresolved('192.0.2.7')).toBe(true)
    expect(pass(1)).toEqual(['resolve 192.0.2.7'])
  })

  test('of a machine that scans leaves as many places to others, whose destinations are resolved at once', () => {
    expect(scan(ASKER)).toBe(128)
    expect(scan(ASKER)).toBe(0)
    for (let i = 1; i <= 50; i++) expect(reportUnresolved(`192.0.2.${i}`, OTHER)).toBe(true)
    expect(pass(1).filter((each) => each.startsWith('resolve 192.0.2.'))).toHaveLength(50)
  })

  test('takes one place, however many machines need it', () => {
    expect(reportUnresolved('192.0.2.7')).toBe(true)
    expect([reportUnresolved('192.0.2.7'), reportUnresolved('192.0.2.7', OTHER)]).toEqual([false, false])
    expect(scan(ASKER)).toBe(127)
  })

  test('and answers takes a place among next hops, of which a machine has no more than it leaves to others', () => {
    const keys: NeighbourKey[] = []
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 100; i++) {
        const ip = formatAddress(offsetAddress(parseAddress('192.1.0.0'), round * 100 + i))
        if (!reportUnresolved(ip)) continue
        answers(ip, UPLINK)
        keys.push(neighbourKey(UPLINK, parseAddress(ip)))
      }
      pass(1)
      resolver.setUplink([...keys])
    }
    expect(keys).toHaveLength(480)
    expect(reportUnresolved('192.0.2.7', OTHER)).toBe(true)
    // Those that are next hops no longer give their places back.
    resolver.setUplink([])
    pass(1)
    expect(reportUnresolved('192.0.2.9')).toBe(true)
  })
})

describe('a next hop on the uplink', () => {
  test('is silent when it has not answered for five seconds, and until it does', () => {
    resolver.setUplink([GATEWAY])
    pass(4)
    expect(resolver.silent()).toEqual([])
    pass(3)
    expect(resolver.silent()).toEqual([GATEWAY])
    answers('192.0.2.254', UPLINK)
    expect(resolver.silent()).toEqual([])
    pass(1)
    table.clear()
    resolver.changed([GATEWAY])
    pass(2)
    expect(resolver.silent()).toEqual([])
    pass(6)
    expect(resolver.silent()).toEqual([GATEWAY])
  })
})

describe('the kernel', () => {
  test('is not asked for ten seconds when its neighbour table is full', () => {
    resolver.setInside([VM, GATEWAY], [])
    refusal = 'ENOBUFS'
    expect(pass(9)).toHaveLength(1)
    expect(resolver.isTableFull).toBe(true)
    refusal = undefined
    expect(pass(2)).toHaveLength(2)
    expect(resolver.isTableFull).toBe(false)
  })

  test('is not reported as full for neighbours that are not wanted any more', () => {
    resolver.setInside([VM], [])
    refusal = 'ENOBUFS'
    pass(12)
    expect(resolver.isTableFull).toBe(true)
    resolver.setInside([], [VM])
    expect(resolver.isTableFull).toBe(false)
  })

  test('that refuses one neighbour is asked for the others all the same', () => {
    resolver.setInside([VM, GATEWAY], [])
    refusal = 'EINVAL'
    expect(new Set(pass(2)).size).toBe(2)
    expect(warnings).toHaveLength(2)
  })

  test('without the device any more is not reported', () => {
    resolver.setInside([VM], [])
    refusal = 'ENODEV'
    pass(3)
    expect(warnings).toEqual([])
  })

  test('releases what an earlier run left behind, and nothing else', () => {
    resolver.setInside([VM], [])
    const kept = { managed: true, protocol: NEIGHBOUR_PROTOCOL }
    answers('10.0.0.1', PRIVATE_A, kept)
    answers('10.0.0.2', PRIVATE_A, kept)
    answers('10.0.0.3', PRIVATE_A, { managed: true })
    resolver.releaseLeftovers()
    expect(requests).toEqual(['resolve 10.0.0.2'])
  })
})
