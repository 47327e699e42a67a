import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Event } from '../../src/dataplane/generated/layouts.ts'
import { eventCodec, EventType } from '../../src/dataplane/generated/layouts.ts'
import { readSliceUse } from '../../src/kernel/readers.ts'
import { RingBuffer } from '../../src/native/load-native.ts'
import { formatIpv4, parseIpv4 } from '../../src/net/ipv4.ts'
import { frame, TCP, tcp, udp } from '../support/packet.ts'
import { PacketGateway, PUBLIC, XDP } from '../support/packet-gateway.ts'

// One machine at full abuse, and another that must not notice.
const ABUSER = '10.0.0.1'
const OTHER = '10.0.0.2'
const SERVER = '203.0.113.5'
const SESSIONS = 4096

let gateway: PacketGateway
beforeEach(() => {
  gateway = new PacketGateway({ maxSessions: SESSIONS })
  gateway.address(PUBLIC, { sliceSize: 1024 })
  gateway.slice({ index: 0, inside: ABUSER, firstPort: 1024, size: 1024 })
  gateway.slice({ index: 1, inside: OTHER, firstPort: 2048, size: 1024 })
})
afterEach(() => gateway.close())

const send = (from: string, port: number, to: string, remote: number): number =>
  gateway.fromPrivate(frame({ from, to }, udp(port, remote))).verdict
const held = (slice: number): number => gateway.plane.maps.sliceStates.get(slice)!.sessions

/** Sends from one port to so many remotes. @returns how many had a session */
function manyRemotes(from: string, port: number, count: number, remoteOf: (n: number) => [string, number]): number {
  let served = 0
  for (let n = 0; n < count; n++) if (send(from, port, ...remoteOf(n)) === XDP.REDIRECT) served++
  return served
}
const byPort = (n: number): [string, number] => [SERVER, 1 + n]
const byAddress = (n: number): [string, number] => [formatIpv4(parseIpv4('203.0.0.1') + n), 53]
const byBoth = (n: number): [string, number] => [formatIpv4(parseIpv4('203.0.0.1') + (n >> 4)), 1000 + (n & 15)]

describe('sessions beyond the first (RFC 6888 REQ-5)', () => {
  it.each([
    ['one remote’s ports', byPort],
    ['one port of many remotes', byAddress],
    ['both', byBoth],
  ])('a socket that speaks to %s has its share, and another machine’s second remotes are all served', (_, remoteOf) => {
    const served = manyRemotes(ABUSER, 40000, 3 * SESSIONS, remoteOf)
    expect(held(0)).toBeGreaterThan(0.9 * (SESSIONS / 4))
    expect(held(0)).toBeLessThanOrEqual(SESSIONS / 4)
    expect(served).toBe(held(0) + 1)
    expect(gateway.drops('DROP_SESSION_LIMIT')).toBe(3 * SESSIONS - served)
    const [abuser, other] = [...readSliceUse(gateway.plane.maps)]
    expect(abuser!.sessions).toBeGreaterThanOrEqual(abuser!.sessionsAllowed)
    expect(other!.sessions).toBeLessThan(other!.sessionsAllowed)
    for (let port = 1; port <= 100; port++)
      expect([1, 2, 3].map((remote) => send(OTHER, port, SERVER, remote))).toEqual(Array(3).fill(XDP.REDIRECT))
    expect(gateway.drops('DROP_SESSION_TABLE_FULL')).toBe(0)
  })

  it('several that take all they can get have equal shares, and leave as much to those who come later', () => {
    for (let n = 2; n < 6; n++)
      gateway.slice({ index: n, inside: `10.0.0.${n + 1}`, firstPort: 1024 * (n + 1), size: 1024 })
    // Each in its turn, again and again, as they would side by side.
    for (let n = 0; n < SESSIONS; n++)
      for (let slice = 0; slice < 5; slice++) send(`10.0.0.${slice + 1}`, 7, ...byPort(n))
    const shares = [0, 1, 2, 3, 4].map(held)
    const fair = SESSIONS / 2 / 6
    for (const share of shares) expect(Math.abs(share - fair)).toBeLessThan(0.1 * fair)
    // Half of what is left at once, the rest as the others' sessions end.
    expect(manyRemotes('10.0.0.6', 7, 1000, byPort)).toBeGreaterThan(fair / 2 - 10)
    expect(gateway.drops('DROP_SESSION_TABLE_FULL')).toBe(0)
  })

  it('the share can be smaller, down to none, and a mapping’s first remote is always served', () => {
    gateway.settings({ sliceSessions: 10 })
    expect(manyRemotes(ABUSER, 40000, 100, byPort)).toBe(11)
    gateway.settings({ sliceSessions: 0 })
    expect(manyRemotes(OTHER, 40000, 100, byPort)).toBe(1)
    expect(send(OTHER, 40001, SERVER, 53)).toBe(XDP.REDIRECT)
  })

  it('living sessions are not touched by the bound, nor is what is for the host or opens nothing refused for it', () => {
    manyRemotes(ABUSER, 40000, SESSIONS, byPort)
    gateway.settings({ sliceSessions: 0 })
    expect(send(ABUSER, 40000, ...byPort(5))).toBe(XDP.REDIRECT)
    expect(send(ABUSER, 40000, '10.0.0.254', 53)).toBe(XDP.PASS)
    gateway.fromPrivate(frame({ from: ABUSER, to: SERVER }, tcp(9, 80, TCP.SYN)))
    gateway.fromPrivate(frame({ from: ABUSER, to: SERVER }, tcp(9, 81, TCP.ACK)))
    expect(gateway.drops('DROP_TCP_NOT_SYN')).toBe(1)
  })
})

describe('new flows (RFC 6888 REQ-4)', () => {
  const open = (from: string, count: number, firstPort: number): number =>
    Array.from({ length: count }, (_, n) => send(from, firstPort + n, SERVER, 53)).filter((v) => v === XDP.REDIRECT)
      .length

  it('beyond one second’s worth are refused before anything is looked up; another machine’s are not', () => {
    gateway.settings({ newFlowRate: 100 })
    const opened = open(ABUSER, 900, 10_000)
    expect(opened).toBeGreaterThanOrEqual(100)
    expect(opened).toBeLessThan(400)
    expect(gateway.drops('DROP_FLOW_RATE')).toBe(900 - opened)
    expect(open(OTHER, 100, 10_000)).toBe(100)
  })

  it('are refilled at the configured rate, also one that hz does not divide', async () => {
    const { hz } = gateway.plane
    gateway.settings({ newFlowRate: 30 })
    open(ABUSER, 200, 10_000)
    const before = gateway.now()
    const bucket = () => gateway.plane.maps.sliceStates.get(0)!.flowBucket
    const left = Number(BigInt.asUintN(32, bucket()))
    // Refused packets take nothing out and lose nothing.
    while (gateway.now() - before < hz / 5) send(ABUSER, 50_000, SERVER, 53)
    const passed = gateway.now() - before
    const again = open(ABUSER, 30, 20_000)
    expect(again).toBeLessThanOrEqual(Math.ceil((left + (passed + 2) * 30) / hz))
    expect(again + 1).toBeGreaterThanOrEqual(Math.floor((left + passed * 30) / hz))
  })

  it('do not count packets of living flows, packets for the host, and packets that open no flow', () => {
    gateway.settings({ newFlowRate: 1 })
    open(ABUSER, 3, 10_000)
    for (let n = 0; n < 50; n++) {
      expect(send(ABUSER, 10_000, SERVER, 53)).toBe(XDP.REDIRECT)
      expect(send(ABUSER, 60_000, '10.0.0.254', 53)).toBe(XDP.PASS)
      gateway.fromPrivate(frame({ from: ABUSER, to: SERVER }, tcp(9, 81, TCP.ACK)))
    }
    expect(gateway.drops('DROP_TCP_NOT_SYN')).toBe(50)
  })
})

describe('events to the agent', () => {
  const collect = async (act: () => void): Promise<Event[]> => {
    const events: Event[] = []
    const ring = new RingBuffer(gateway.plane.maps.events, eventCodec.size, (records, count) => {
      const view = new DataView(records.buffer, records.byteOffset, records.byteLength)
      for (let i = 0; i < count; i++) events.push(eventCodec.decode(view, i * eventCodec.size))
    })
    act()
    await new Promise((resolve) => setTimeout(resolve, 100))
    ring.close()
    return events
  }

  it('a machine that scans absent neighbours does not hide another machine’s events', async () => {
    gateway.plane.maps.routes.set(
      { prefixLength: 16, address: parseIpv4('203.1.0.0') },
      { nextHop: 0, flags: 1, ifindex: 0 },
    )
    const started = gateway.now()
    const events = await collect(() => {
      for (let n = 0; n < 5000; n++) send(ABUSER, 40000, formatIpv4(parseIpv4('203.1.0.1') + n), 53)
      send(OTHER, 40000, '203.1.200.200', 53)
    })
    const seconds = (gateway.now() - started) / gateway.plane.hz
    const of = (slice: number) => events.filter((event) => event.slice === slice)
    expect(of(0).length).toBeGreaterThan(0)
    expect(of(0).length).toBeLessThanOrEqual(20 * seconds + 1)
    expect(of(1).map(({ address }) => formatIpv4(address))).toEqual(['203.1.200.200'])
  })

  it('a full slice hides neither missing neighbours nor another full slice', async () => {
    gateway.slice({ index: 2, inside: '10.0.0.3', firstPort: 3072, size: 4 })
    gateway.slice({ index: 3, inside: '10.0.0.4', firstPort: 3076, size: 4 })
    const events = await collect(() => {
      for (let port = 1; port <= 500; port++) send('10.0.0.3', port, SERVER, 53)
      for (let port = 1; port <= 5; port++) send('10.0.0.4', port, SERVER, 53)
    })
    const full = events.filter(({ type }) => type === EventType.EVENT_SLICE_FULL).map(({ slice }) => slice)
    expect(new Set(full)).toEqual(new Set([2, 3]))
    expect(full.length).toBeLessThan(20)
  })
})
