import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TcpState } from '../../src/dataplane/generated/layouts.ts'
import { frame, icmpEcho, tcp, TCP, udp } from '../support/packet.ts'
import { PacketGateway, PUBLIC, XDP } from '../support/packet-gateway.ts'

const A = '10.0.0.1'
const SERVER = '203.0.113.5'
const { SYN, ACK, FIN, RST } = TCP

let gateway: PacketGateway
let hz: number
beforeEach(() => {
  gateway = new PacketGateway()
  hz = gateway.plane.hz
  gateway.address(PUBLIC, { sliceSize: 64 })
  gateway.slice({ index: 0, inside: A, firstPort: 1024, size: 64 })
})
afterEach(() => gateway.close())

const outTcp = (flags: number, port = 40000) =>
  gateway.fromPrivate(frame({ from: A, to: SERVER }, tcp(port, 80, flags)))
const inTcp = (flags: number, external: number) =>
  gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, tcp(80, external, flags)))
const theSlot = (protocol: number) => [...gateway.slots(0, protocol).values()][0]!
const jiffiesLeft = (protocol: number): number => theSlot(protocol).expires - theSlot(protocol).session.created

describe('a TCP session follows RFC 6146 §3.5.2.2', () => {
  type Step = ['out' | 'in', number, keyof typeof TcpState]
  it.each<[string, Step[]]>([
    [
      'opens with SYN and SYN-ACK',
      [
        ['out', SYN, 'TCP_OPENING'],
        ['in', SYN | ACK, 'TCP_ESTABLISHED'],
        ['out', ACK, 'TCP_ESTABLISHED'],
      ],
    ],
    [
      'opens simultaneously',
      [
        ['out', SYN, 'TCP_OPENING'],
        ['in', SYN, 'TCP_ESTABLISHED'],
        ['out', SYN | ACK, 'TCP_ESTABLISHED'],
      ],
    ],
    [
      'stays opening while the SYN is repeated',
      [
        ['out', SYN, 'TCP_OPENING'],
        ['out', SYN, 'TCP_OPENING'],
      ],
    ],
    [
      'closes from the inside',
      [
        ['out', SYN, 'TCP_OPENING'],
        ['in', SYN | ACK, 'TCP_ESTABLISHED'],
        ['out', FIN | ACK, 'TCP_FIN_OUT'],
        ['in', ACK, 'TCP_FIN_OUT'],
        ['in', FIN | ACK, 'TCP_CLOSING'],
        ['out', ACK, 'TCP_CLOSING'],
      ],
    ],
    [
      'closes from the outside',
      [
        ['out', SYN, 'TCP_OPENING'],
        ['in', SYN | ACK, 'TCP_ESTABLISHED'],
        ['in', FIN | ACK, 'TCP_FIN_IN'],
        ['out', ACK, 'TCP_FIN_IN'],
        ['out', FIN | ACK, 'TCP_CLOSING'],
      ],
    ],
    [
      'is reset, and comes back when the inside goes on',
      [
        ['out', SYN, 'TCP_OPENING'],
        ['in', SYN | ACK, 'TCP_ESTABLISHED'],
        ['in', RST, 'TCP_RESET'],
        ['out', ACK, 'TCP_ESTABLISHED'],
      ],
    ],
    [
      'is reset by the inside, and does not come back for what was still on its way',
      [
        ['out', SYN, 'TCP_OPENING'],
        ['in', SYN | ACK, 'TCP_ESTABLISHED'],
        ['out', RST, 'TCP_RESET'],
        ['in', ACK, 'TCP_RESET'],
      ],
    ],
    [
      'opens anew on the same ports after closing',
      [
        ['out', SYN, 'TCP_OPENING'],
        ['in', SYN | ACK, 'TCP_ESTABLISHED'],
        ['out', FIN, 'TCP_FIN_OUT'],
        ['in', FIN, 'TCP_CLOSING'],
        ['out', SYN, 'TCP_OPENING'],
        ['in', SYN | ACK, 'TCP_ESTABLISHED'],
      ],
    ],
  ])('%s', (_, steps) => {
    let external = 0
    for (const [direction, flags, state] of steps) {
      if (direction === 'out') {
        const { verdict, read } = outTcp(flags)
        expect(verdict).toBe(XDP.REDIRECT)
        external = read.sourcePort
      } else expect(inTcp(flags, external).verdict).toBe(XDP.REDIRECT)
      expect(theSlot(0).session.tcpState).toBe(TcpState[state])
    }
    expect(gateway.slots(0, 0).size).toBe(1)
  })
})

describe('timers by protocol and state', () => {
  it('UDP, ICMP echo and TCP opening, established and closing', () => {
    gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(1, 53)))
    gateway.fromPrivate(frame({ from: A, to: SERVER }, icmpEcho('request', 1)))
    expect(Math.round(jiffiesLeft(1) / hz)).toBe(300)
    expect(Math.round(jiffiesLeft(2) / hz)).toBe(60)
    const external = outTcp(SYN).read.sourcePort
    expect(Math.round(jiffiesLeft(0) / hz)).toBe(240)
    inTcp(SYN | ACK, external)
    expect(Math.round(jiffiesLeft(0) / hz)).toBe(7440)
    outTcp(FIN)
    expect(Math.round(jiffiesLeft(0) / hz)).toBe(7440)
    inTcp(FIN, external)
    expect(Math.round(jiffiesLeft(0) / hz)).toBe(240)
  })

  it('a mapping with other live sessions does not end with one of them', () => {
    const external = outTcp(SYN).read.sourcePort
    inTcp(SYN | ACK, external)
    const other = (flags: number) => gateway.fromPrivate(frame({ from: A, to: SERVER }, tcp(40000, 81, flags)))
    other(SYN)
    gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, tcp(81, external, SYN | ACK)))
    outTcp(RST)
    expect(theSlot(0).session.tcpState).toBe(TcpState.TCP_RESET)
    expect(Math.round(jiffiesLeft(0) / hz)).toBe(7440)
  })
})

describe('expiry', () => {
  const open = () => gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(40000, 53)))
  const answer = (external: number) => gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, udp(53, external)))

  it('a mapping is gone the moment it expires, swept or not', async () => {
    gateway.settings({ udpTimeout: Math.ceil(hz / 10), grace: 3600 * hz })
    const external = open().read.sourcePort
    expect(answer(external).verdict).toBe(XDP.REDIRECT)
    await sleep(200)
    expect(answer(external).verdict).toBe(XDP.DROP)
    expect(gateway.drops('DROP_NO_MAPPING')).toBe(1)
    expect(gateway.used(0, 1)).toBe(1)
  })

  it('an expired mapping that is asked for again keeps its port and begins a new life', async () => {
    gateway.settings({ udpTimeout: Math.ceil(hz / 10), grace: 3600 * hz })
    const external = open().read.sourcePort
    const generation = theSlot(1).generation
    await sleep(200)
    expect(gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(40000, 54))).read.sourcePort).toBe(external)
    expect(theSlot(1).generation).toBe(generation + 1)
    expect(answer(external).verdict).toBe(XDP.DROP)
    expect(gateway.used(0, 1)).toBe(1)
  })

  it('outbound and accepted inbound packets refresh, refused ones do not (RFC 4787 REQ-6, RFC 7857 §7)', async () => {
    const external = open().read.sourcePort
    const expires = (): number => theSlot(1).expires
    let before = expires()
    await sleep(50)
    gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, udp(99, external)))
    expect(expires()).toBe(before)
    answer(external)
    expect(expires()).toBeGreaterThan(before)
    before = expires()
    await sleep(50)
    open()
    expect(expires()).toBeGreaterThan(before)
  })

  it('the sweep gives ports, bitmap, overflow entries and spilled sessions back', async () => {
    gateway.settings({ udpTimeout: 1, grace: 1 })
    for (let port = 1; port <= 64; port++) gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(port, 53)))
    gateway.settings({ udpTimeout: 2 * hz })
    gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(1, 53)))
    for (let remote = 1; remote <= 20; remote++) gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(1, remote)))
    gateway.settings({ udpTimeout: 1 })
    await sleep(2300)
    gateway.sweep()
    expect(gateway.used(0, 1)).toBe(0)
    expect(gateway.slots(0, 1).size).toBe(0)
    expect(gateway.occupied(0, 1)).toEqual([])
    expect(gateway.chained(0, 1)).toEqual([])
    expect(gateway.plane.maps.sliceStates.get(0)!.overflow).toEqual([0, 0, 0])
    expect(gateway.spilled()).toEqual([])
    const created = gateway.counter('COUNTER_MAPPINGS_CREATED')
    expect(gateway.counter('COUNTER_MAPPINGS_EXPIRED')).toBeGreaterThanOrEqual(64)
    expect(created).toBeGreaterThanOrEqual(64)
  })

  it('the sweep does not look at what lives in every pass, but at once when timers get shorter', async () => {
    for (let port = 1; port <= 63; port++) gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(port, 53)))
    gateway.sweep()
    const others = gateway.plane.maps.sessions.limit + gateway.plane.maps.settings.get(0)!.sliceCount
    expect(gateway.sweep().visited).toBeLessThan(others + 10)
    gateway.settings({ udpTimeout: 1, grace: 1 })
    gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(64, 53)))
    await sleep(50)
    gateway.sweep()
    expect(gateway.used(0, 1)).toBe(63)
  })

  it('the kernel sweeps by itself, with nobody asking', async () => {
    gateway.settings({ udpTimeout: 1, grace: 1 })
    open()
    expect(gateway.used(0, 1)).toBe(1)
    await sleep(1000)
    expect(gateway.used(0, 1)).toBe(0)
    expect(gateway.slots(0, 1).size).toBe(0)
  })

  it('a full slice serves again as soon as one of its mappings expired', async () => {
    for (let port = 1; port <= 63; port++) gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(port, 53)))
    gateway.settings({ udpTimeout: 1, grace: 1 })
    gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(64, 53)))
    gateway.settings({ udpTimeout: 300 * hz })
    await sleep(1000)
    expect(gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(65, 53))).verdict).toBe(XDP.REDIRECT)
    expect(gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(66, 53))).verdict).toBe(XDP.DROP)
  })
})
