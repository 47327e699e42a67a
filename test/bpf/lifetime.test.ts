import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SettingsFlags, TcpState } from '../../src/dataplane/generated/layouts.ts'
import { generationOf, remoteOf } from '../../src/dataplane/session-words.ts'
import { frame, icmpEcho, TCP, tcp, udp } from '../support/packet.ts'
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

/** The server's numbers begin at 2000, which the inside acknowledges in all segments of these tests. */
const SEQUENCE = { sequence: 2000, acknowledgement: 1001 }
const outTcp = (flags: number, remote = 80) =>
  gateway.fromPrivate(frame({ from: A, to: SERVER }, tcp(40000, remote, flags)))
const inTcp = (flags: number, external: number, remote = 80) =>
  gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, tcp(remote, external, flags, '', SEQUENCE)))
const theSlot = (protocol: number) => [...gateway.slots(0, protocol).values()][0]!
const theSlotPort = (): number => 1024 + [...gateway.slots(0, 0).keys()][0]!
const secondsLeft = (protocol: number): number => Math.round(gateway.secondsLeft(theSlot(protocol).session))

/** Opens the connection to a port of the server and closes it from both sides. */
function openAndClose(remote: number): void {
  const external = outTcp(SYN, remote).read.sourcePort
  inTcp(SYN | ACK, external, remote)
  outTcp(ACK, remote)
  outTcp(FIN | ACK, remote)
  inTcp(FIN | ACK, external, remote)
}

describe('timers by protocol and state', () => {
  it('UDP, ICMP echo and TCP opening, established and closing', () => {
    gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(1, 53)))
    gateway.fromPrivate(frame({ from: A, to: SERVER }, icmpEcho('request', 1)))
    expect(secondsLeft(1)).toBe(300)
    expect(secondsLeft(2)).toBe(60)
    const external = outTcp(SYN).read.sourcePort
    expect(secondsLeft(0)).toBe(240)
    inTcp(SYN | ACK, external)
    expect(secondsLeft(0)).toBe(240)
    outTcp(ACK)
    expect(secondsLeft(0)).toBe(7440)
    outTcp(FIN | ACK)
    expect(secondsLeft(0)).toBe(7440)
    inTcp(FIN | ACK, external)
    expect(secondsLeft(0)).toBe(240)
  })

  it('a client that never takes the answers to its SYNs costs its slice the transitory time, not hours', () => {
    for (let port = 1; port <= 64; port++) {
      const syn = frame({ from: A, to: SERVER }, tcp(port, 80, SYN))
      const external = gateway.fromPrivate(syn).read.sourcePort
      inTcp(SYN | ACK, external)
      inTcp(SYN | ACK, external)
    }
    const left = [...gateway.slots(0, 0).values()].map(({ session }) => gateway.secondsLeft(session))
    expect(left).toHaveLength(64)
    expect(Math.max(...left)).toBeLessThanOrEqual(240)
  })
})

describe('a mapping lives as long as the longest living of its sessions', () => {
  it('does not end with one of them', async () => {
    gateway.settings({ tcpTransitory: Math.ceil(hz / 10), portReuseDelay: 1 })
    const external = outTcp(SYN).read.sourcePort
    inTcp(SYN | ACK, external)
    outTcp(ACK)
    outTcp(SYN, 81)
    inTcp(SYN | ACK, external, 81)
    outTcp(ACK, 81)
    outTcp(RST)
    await sleep(300)
    gateway.expire()
    expect(inTcp(ACK, external).verdict).toBe(XDP.DROP)
    expect(inTcp(ACK, external, 81).verdict).toBe(XDP.REDIRECT)
    // A third remote, and the first one again, still see the same port.
    expect(outTcp(SYN, 82).read.sourcePort).toBe(external)
    expect(outTcp(SYN).read.sourcePort).toBe(external)
    expect(gateway.used(0, 0)).toBe(1)
  })

  it('lives no longer: a full slice whose connections all closed serves again after the transitory time', async () => {
    gateway.settings({ tcpTransitory: Math.ceil(hz / 5), portReuseDelay: 1 })
    const connection = (port: number, remote: number) => {
      const out = (flags: number) => gateway.fromPrivate(frame({ from: A, to: SERVER }, tcp(port, remote, flags)))
      const external = out(SYN).read.sourcePort
      inTcp(SYN | ACK, external, remote)
      out(ACK)
      return () => {
        out(FIN | ACK)
        inTcp(FIN | ACK, external, remote)
      }
    }
    const ends: (() => void)[] = []
    for (let port = 1; port <= 64; port++) ends.push(connection(port, 80), connection(port, 443))
    expect(gateway.furtherSessions()).toHaveLength(64)
    for (const end of ends) end()
    const another = frame({ from: A, to: SERVER }, tcp(65, 80, SYN))
    expect(gateway.fromPrivate(another).verdict).toBe(XDP.DROP)
    await sleep(500)
    gateway.expire() // takes the further sessions, which come after the slots in a pass
    await sleep(300)
    gateway.expire()
    expect(gateway.used(0, 0)).toBe(0)
    expect(gateway.furtherSessions()).toEqual([])
    expect(gateway.plane.maps.sliceStates.get(0)!.sessions).toBe(0)
    expect(gateway.plane.maps.sessionUse.get(0)).toBe(0)
    expect(gateway.fromPrivate(another).verdict).toBe(XDP.REDIRECT)
  })

  it('a remote whose session ended gets one again, not a second one beside it', async () => {
    gateway.settings({ tcpTransitory: Math.ceil(hz / 10), portReuseDelay: 3600 * hz })
    openAndClose(80)
    outTcp(SYN, 81)
    inTcp(SYN | ACK, theSlotPort(), 81)
    outTcp(ACK, 81)
    openAndClose(82)
    await sleep(200)
    for (const remote of [80, 82, 80, 82]) outTcp(SYN, remote)
    const remotes = [theSlot(0), ...gateway.furtherSessions()].map(({ session }) => remoteOf(session.remote).port)
    expect(remotes.sort()).toEqual([80, 81, 82])
    expect(theSlot(0).further).toBe(2)
  })

  it('a session that two CPUs left reset with the time of an established one ends after the transitory time', async () => {
    gateway.settings({ icmpTimeout: 1 }) // so that the expiry looks at everything in every pass
    const external = outTcp(SYN).read.sourcePort
    inTcp(SYN | ACK, external)
    outTcp(ACK)
    outTcp(SYN, 81)
    inTcp(SYN | ACK, external, 81)
    outTcp(ACK, 81)
    gateway.expire()
    expect(gateway.secondsLeft(theSlot(0).session)).toBeGreaterThan(7400)
    const slot = theSlot(0)
    gateway.setSlot(0, 0, external - 1024, { ...slot, session: { ...slot.session, tcp: TcpState.TCP_RESET } })
    await sleep(50)
    gateway.expire()
    expect(secondsLeft(0)).toBe(240)
    const [further] = gateway.furtherSessions()
    expect(gateway.secondsLeft(further!.session)).toBeGreaterThan(7400)
  })

  it('a session that died in the slot of a living mapping stays dead when jiffies wrap', async () => {
    gateway.settings({ portReuseDelay: 1 })
    const external = gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(40000, 53))).read.sourcePort
    gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(40000, 54)))
    const answer = () => gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, udp(53, external)))
    // It ended almost 2³¹ jiffies ago: soon that time will look like one in the future.
    const slot = theSlot(1)
    const session = { ...slot.session, expires: (gateway.now() - 2 ** 31 + hz / 5) >>> 0 }
    gateway.setSlot(0, 1, external - 1024, { ...slot, session })
    expect(answer().verdict).toBe(XDP.DROP)
    gateway.expire()
    await sleep(400)
    expect(answer().verdict).toBe(XDP.DROP)
    expect(gateway.used(0, 1)).toBe(1)
  })
})

describe('expiry', () => {
  const open = () => gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(40000, 53)))
  const answer = (external: number) => gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, udp(53, external)))

  it('a mapping is gone the moment it expires, freed or not', async () => {
    gateway.settings({ udpTimeout: Math.ceil(hz / 10), portReuseDelay: 3600 * hz })
    const external = open().read.sourcePort
    expect(answer(external).verdict).toBe(XDP.REDIRECT)
    await sleep(200)
    expect(answer(external).verdict).toBe(XDP.DROP)
    expect(gateway.drops('DROP_NO_MAPPING')).toBe(1)
    expect(gateway.used(0, 1)).toBe(1)
  })

  it('an expired mapping that is used again keeps its port and begins a new life', async () => {
    gateway.settings({ udpTimeout: Math.ceil(hz / 10), portReuseDelay: 3600 * hz })
    const external = open().read.sourcePort
    const generation = generationOf(theSlot(1).owner)
    await sleep(200)
    expect(gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(40000, 54))).read.sourcePort).toBe(external)
    expect(generationOf(theSlot(1).owner)).toBe(generation + 1)
    expect(answer(external).verdict).toBe(XDP.DROP)
    expect(gateway.used(0, 1)).toBe(1)
  })

  it('outbound and accepted inbound packets refresh, refused ones do not (RFC 4787 REQ-6, RFC 7857 §7)', async () => {
    const external = open().read.sourcePort
    const expires = (): number => theSlot(1).session.expires
    let before = expires()
    const isLater = (): boolean => ((expires() - before) | 0) > 0
    await sleep(50)
    gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, udp(99, external)))
    expect(expires()).toBe(before)
    answer(external)
    expect(isLater()).toBe(true)
    before = expires()
    await sleep(50)
    open()
    expect(isLater()).toBe(true)
  })

  it('only outbound UDP refreshes where that is set', async () => {
    gateway.settings({ flags: SettingsFlags.SETTINGS_UDP_OUTBOUND_REFRESH })
    const external = open().read.sourcePort
    const before = theSlot(1).session.expires
    await sleep(50)
    expect(answer(external).verdict).toBe(XDP.REDIRECT)
    expect(theSlot(1).session.expires).toBe(before)
    open()
    expect(theSlot(1).session.expires).not.toBe(before)
  })

  it('the expiry gives ports, bitmap, chains and further sessions back', async () => {
    gateway.settings({ udpTimeout: 1, portReuseDelay: 1 })
    for (let port = 1; port <= 64; port++) gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(port, 53)))
    gateway.settings({ udpTimeout: 2 * hz })
    gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(1, 53)))
    for (let remote = 1; remote <= 20; remote++) gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(1, remote)))
    gateway.settings({ udpTimeout: 1 })
    await sleep(2300)
    gateway.expire()
    expect(gateway.used(0, 1)).toBe(0)
    expect(gateway.slots(0, 1).size).toBe(0)
    expect(gateway.occupied(0, 1)).toEqual([])
    expect(gateway.chained(0, 1)).toEqual([])
    expect(gateway.plane.maps.sliceStates.get(0)!.overflow).toEqual([0, 0, 0])
    expect(gateway.furtherSessions()).toEqual([])
    const created = gateway.counter('COUNTER_MAPPINGS_CREATED')
    expect(gateway.counter('COUNTER_MAPPINGS_EXPIRED')).toBeGreaterThanOrEqual(64)
    expect(created).toBeGreaterThanOrEqual(64)
  })

  it('the expiry does not look at what lives in every pass, but at once when timers get shorter', async () => {
    for (let port = 1; port <= 63; port++) gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(port, 53)))
    gateway.expire()
    const others = gateway.plane.maps.sessions.limit + gateway.plane.maps.settings.get(0)!.sliceCount
    expect(gateway.expire().visited).toBeLessThan(others + 10)
    gateway.settings({ udpTimeout: 1, portReuseDelay: 1 })
    gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(64, 53)))
    await sleep(50)
    gateway.expire()
    expect(gateway.used(0, 1)).toBe(63)
  })

  it('the kernel expires by itself, with nobody asking', async () => {
    gateway.settings({ udpTimeout: 1, portReuseDelay: 1 })
    open()
    expect(gateway.used(0, 1)).toBe(1)
    await sleep(1000)
    expect(gateway.used(0, 1)).toBe(0)
    expect(gateway.slots(0, 1).size).toBe(0)
  })

  it('a full slice serves again as soon as one of its mappings expired', async () => {
    for (let port = 1; port <= 63; port++) gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(port, 53)))
    gateway.settings({ udpTimeout: 1, portReuseDelay: 1 })
    gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(64, 53)))
    // The expiry looks again at what lives after the least of the timeouts, so that stays short until it has been.
    await sleep(1000)
    gateway.settings({ udpTimeout: 300 * hz })
    expect(gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(65, 53))).verdict).toBe(XDP.REDIRECT)
    expect(gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(66, 53))).verdict).toBe(XDP.DROP)
  })
})
