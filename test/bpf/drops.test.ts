import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BindingKind, DropReason, NextHopFlags, NextHopKind } from '../../src/dataplane/generated/layouts.ts'
import { parseIpv4 } from '../../src/net/ipv4.ts'
import { parseMac } from '../../src/net/mac.ts'
import { ethernet, frame, icmp, icmpEcho, ipv4, raw, resummed, TCP, tcp, udp } from '../support/packet.ts'
import type { DropName } from '../support/packet-gateway.ts'
import { HOST, LO, PacketGateway, PUBLIC, VNI, XDP } from '../support/packet-gateway.ts'

const A = '10.0.0.1'
/** Of the frames of `ethernet`. */
const SENDER_MAC = '02:00:00:00:00:02'
/** Bound to it. */
const BOUND = '10.0.0.5'
const SERVER = '203.0.113.5'
const covered = new Set<DropName>()

let gateway: PacketGateway
beforeAll(() => {
  gateway = new PacketGateway({ maxSessions: 16 })
  gateway.address(PUBLIC, { sliceSize: 64 })
  gateway.slice({ index: 0, inside: A, firstPort: 1024, size: 64 })
  gateway.slice({ index: 1, inside: '10.0.0.2', firstPort: 1088, size: 64, reachable: false })
  gateway.slice({ index: 2, inside: '10.0.0.3', firstPort: 1152, size: 64, ifindex: 9 })
  gateway.slice({ index: 3, inside: BOUND, firstPort: 1216, size: 64 })
  const { maps } = gateway.plane
  const bound = maps.slices.get(3)!
  const flags = bound.inside.flags | NextHopFlags.NEXT_HOP_BOUND
  maps.slices.set(3, { ...bound, inside: { ...bound.inside, destinationMac: parseMac(SENDER_MAC), flags } })
  maps.interfaces.set({ vni: VNI, address: parseIpv4('10.0.0.4') }, { slice: 0xffffffff, ifindex: LO, flags: 0 })
  maps.routes.set({ prefixLength: 24, address: parseIpv4('203.0.114.0') }, { nextHop: 0, flags: 1, ifindex: 0 })
  maps.routes.set({ prefixLength: 24, address: parseIpv4('203.0.115.0') }, { nextHop: 0, flags: 2, ifindex: 0 })
  maps.routes.set({ prefixLength: 24, address: parseIpv4('10.0.0.0') }, { nextHop: 0, flags: 6, ifindex: LO })
  maps.routes.set({ prefixLength: 24, address: parseIpv4('10.1.0.0') }, { nextHop: 0, flags: 6, ifindex: 9 })
  maps.routes.set({ prefixLength: 24, address: parseIpv4('203.0.116.0') }, { nextHop: 7, flags: 0, ifindex: 0 })
})
afterAll(() => gateway.close())

function expectDrop(reason: DropName, act: () => { verdict: number }): void {
  const before = gateway.drops(reason)
  expect(act().verdict).toBe(XDP.DROP)
  expect(gateway.drops(reason)).toBe(before + 1)
  covered.add(reason)
}

const out = (bytes: Uint8Array) => () => gateway.fromPrivate(bytes)
const into = (bytes: Uint8Array) => () => gateway.fromUplink(bytes)
const cut = (bytes: Uint8Array, length: number): Uint8Array => bytes.slice(0, length)
const patched = (bytes: Uint8Array, at: number, value: number): Uint8Array => {
  const copy = bytes.slice()
  copy[at] = value
  return copy
}

const broadcast = (bytes: Uint8Array): Uint8Array => {
  const copy = bytes.slice()
  copy.fill(0xff, 0, 6)
  return copy
}

describe('from a private device, dropped and counted', () => {
  const flow = frame({ from: A, to: SERVER }, udp(40000, 53))
  const opening = frame({ from: A, to: SERVER }, tcp(40000, 80, TCP.SYN))
  const optionedTo = (to: string, ...options: number[]): Uint8Array =>
    frame({ from: A, to, options: Uint8Array.from(options) }, udp(40000, 53))
  const optioned = (...options: number[]): Uint8Array => optionedTo(SERVER, ...options)
  it.each<[string, DropName, Uint8Array]>([
    ['a UDP header that ends with the frame', 'DROP_MALFORMED', cut(flow, 14 + 20 + 4)],
    ['a header length below five words', 'DROP_MALFORMED', patched(flow, 14, 0x44)],
    ['an IP version other than 4', 'DROP_MALFORMED', patched(flow, 14, 0x65)],
    ['a total length beyond the frame', 'DROP_MALFORMED', resummed(patched(flow, 14 + 2, 0x20))],
    ['a total length below the header', 'DROP_MALFORMED', resummed(patched(flow, 14 + 3, 10))],
    ['a UDP length below its header', 'DROP_MALFORMED', patched(flow, 14 + 20 + 5, 7)],
    ['a UDP length beyond the packet', 'DROP_MALFORMED', patched(flow, 14 + 20 + 4, 0x13)],
    ['a TCP data offset of two words', 'DROP_MALFORMED', patched(opening, 14 + 20 + 12, 0x20)],
    ['a TCP data offset beyond the packet', 'DROP_MALFORMED', patched(opening, 14 + 20 + 12, 0x60)],
    ['a frame to another station', 'DROP_OTHER_MAC', patched(flow, 5, 0x99)],
    ['a wrong checksum of the IP header', 'DROP_CHECKSUM', patched(flow, 14 + 10, flow[14 + 10]! ^ 0x40)],
    [
      'a wrong checksum of an IP header with options',
      'DROP_CHECKSUM',
      patched(frame({ from: A, to: SERVER, options: Uint8Array.of(1, 1, 1, 0) }, udp(1, 2)), 14 + 8, 9),
    ],
    ['a loose source route', 'DROP_SOURCE_ROUTE', optioned(131, 7, 4, 203, 0, 113, 80, 0)],
    ['a strict source route behind other options', 'DROP_SOURCE_ROUTE', optioned(1, 7, 3, 4, 137, 3, 4, 0)],
    ['a loose source route to the host', 'DROP_SOURCE_ROUTE', optionedTo(HOST, 131, 7, 4, 203, 0, 113, 80, 0)],
    ['an option longer than the header', 'DROP_MALFORMED', optionedTo(HOST, 1, 1, 7, 3)],
    ['an option without its length', 'DROP_MALFORMED', optioned(1, 1, 1, 131)],
    ['an option shorter than itself', 'DROP_MALFORMED', optioned(7, 1, 4, 0)],
    ['a record of the route', 'DROP_IP_OPTION', optioned(7, 7, 4, 0, 0, 0, 0, 0)],
    ['timestamps with addresses', 'DROP_IP_OPTION', optioned(68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0)],
    [
      'a TCP header that is cut',
      'DROP_MALFORMED',
      cut(frame({ from: A, to: SERVER }, tcp(1, 2, TCP.SYN)), 14 + 20 + 12),
    ],
    [
      'IPv6 to the internet',
      'DROP_NOT_IPV4',
      ethernet(
        0x86dd,
        Uint8Array.of(0x60, ...new Array<number>(23).fill(0), 0x20, 1, ...new Array<number>(14).fill(1)),
      ),
    ],
    ['a VLAN tag', 'DROP_VLAN', ethernet(0x8100, Uint8Array.of(0, 5, 8, 0, ...flow.subarray(14)))],
    ['a first fragment', 'DROP_FRAGMENT', frame({ from: A, to: SERVER, fragment: 0x2000 }, udp(1, 2))],
    ['a later fragment', 'DROP_FRAGMENT', frame({ from: A, to: SERVER, fragment: 0x0100 }, udp(1, 2))],
    ['GRE', 'DROP_PROTOCOL', frame({ from: A, to: SERVER }, raw(47))],
    ['SCTP', 'DROP_PROTOCOL', frame({ from: A, to: SERVER }, raw(132))],
    ['an ICMP timestamp request', 'DROP_ICMP_TYPE', frame({ from: A, to: SERVER }, icmp(13, 0, 0, new Uint8Array(12)))],
    ['an echo reply that nobody asked for', 'DROP_ICMP_TYPE', frame({ from: A, to: SERVER }, icmpEcho('reply', 5))],
    [
      'an address that belongs to another device',
      'DROP_SPOOFED_SOURCE',
      frame({ from: '10.0.0.3', to: SERVER }, udp(1, 2)),
    ],
    [
      'an address that is bound to another MAC',
      'DROP_SPOOFED_MAC',
      patched(frame({ from: BOUND, to: SERVER }, udp(1, 2)), 11, 0x98),
    ],
    [
      'that address towards the host',
      'DROP_SPOOFED_MAC',
      patched(frame({ from: BOUND, to: HOST }, udp(1, 2)), 6, 0x0c),
    ],
    ['that address towards the host', 'DROP_SPOOFED_SOURCE', frame({ from: '10.0.0.3', to: HOST }, udp(1, 2))],
    [
      'a packet to the host from an address that is routed to another device',
      'DROP_AMBIGUOUS_SOURCE',
      frame({ from: '10.1.0.1', to: HOST }, udp(1, 2)),
    ],
    ['an address of no NetworkInterface', 'DROP_UNKNOWN_SOURCE', frame({ from: '10.0.0.99', to: SERVER }, udp(1, 2))],
    ['the public address itself as source', 'DROP_UNKNOWN_SOURCE', frame({ from: PUBLIC, to: SERVER }, udp(1, 2))],
    ['an interface without a slice', 'DROP_NO_SLICE', frame({ from: '10.0.0.4', to: SERVER }, udp(1, 2))],
    [
      'a segment in the middle of no connection',
      'DROP_TCP_NOT_SYN',
      frame({ from: A, to: SERVER }, tcp(41000, 80, TCP.ACK)),
    ],
    [
      'a SYN-ACK that answers nothing',
      'DROP_TCP_NOT_SYN',
      frame({ from: A, to: SERVER }, tcp(41000, 80, TCP.SYN | TCP.ACK)),
    ],
    ['multicast', 'DROP_DESTINATION', frame({ from: A, to: '239.1.1.1' }, udp(1, 2))],
    ['loopback', 'DROP_DESTINATION', frame({ from: A, to: '127.0.0.1' }, udp(1, 2))],
    [
      'link-local, the clouds’ metadata address',
      'DROP_DESTINATION',
      frame({ from: A, to: '169.254.169.254' }, udp(1, 2)),
    ],
    ['reserved space', 'DROP_DESTINATION', frame({ from: A, to: '250.1.1.1' }, udp(1, 2))],
    ['another interface of the Network', 'DROP_DESTINATION', frame({ from: A, to: '10.0.0.2' }, udp(1, 2))],
    ['a NAT address', 'DROP_DESTINATION', frame({ from: A, to: PUBLIC }, udp(1, 2))],
    ['a rejected route', 'DROP_NO_ROUTE', frame({ from: A, to: '203.0.115.1' }, udp(1, 2))],
    ['a neighbour on link that is not resolved', 'DROP_NO_NEIGHBOUR', frame({ from: A, to: '203.0.114.1' }, udp(1, 2))],
    ['a next hop that is not resolved', 'DROP_NO_NEIGHBOUR', frame({ from: A, to: '203.0.116.1' }, udp(1, 2))],
    ['a packet at the end of its life', 'DROP_TTL_EXPIRED', frame({ from: A, to: SERVER, ttl: 1 }, udp(1, 2))],
    [
      'a packet larger than the way out',
      'DROP_TOO_BIG',
      frame({ from: A, to: SERVER }, udp(40001, 53, new Uint8Array(1500))),
    ],
    [
      'an ICMP error about no session',
      'DROP_ICMP_NO_SESSION',
      frame({ from: A, to: SERVER }, icmp(3, 3, 0, ipv4({ from: SERVER, to: A }, udp(1, 2)))),
    ],
  ])('%s', (_, reason, bytes) => expectDrop(reason, out(bytes)))

  it('a frame shorter than an Ethernet header cannot be sent, and one without IP is counted as malformed', () => {
    expectDrop('DROP_MALFORMED', out(ethernet(0x0800, new Uint8Array(8))))
  })

  it('a mapping’s further remotes beyond the share of its slice', () => {
    gateway.settings({ sliceSessions: 1 })
    gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(42001, 1)))
    gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(42001, 2)))
    expectDrop('DROP_SESSION_LIMIT', out(frame({ from: A, to: SERVER }, udp(42001, 3))))
    gateway.settings({ sliceSessions: 2 ** 31, sessionCapacity: 2 ** 31 })
  })

  it('flows beyond the rate of their slice', () => {
    gateway.settings({ newFlowRate: 1 })
    for (let port = 45000; port < 45003; port++) gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(port, 53)))
    expectDrop('DROP_FLOW_RATE', out(frame({ from: A, to: SERVER }, udp(45003, 53))))
    gateway.settings({ newFlowRate: 0 })
  })

  it('a mapping’s further remotes once the table of sessions is full', () => {
    let refused = 0
    for (let remote = 1; remote <= 40; remote++) {
      const { verdict } = gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(42000, remote)))
      if (verdict === XDP.DROP) refused++
    }
    // One session is in the slot, 15 in the table, where there was one before.
    expect(refused).toBe(40 - 16)
    expect(gateway.drops('DROP_SESSION_TABLE_FULL')).toBe(refused)
    covered.add('DROP_SESSION_TABLE_FULL')
  })

  it('a new mapping while the lock of its slice is held elsewhere', () => {
    const { sliceStates } = gateway.plane.maps
    const state = sliceStates.get(0)!
    sliceStates.set(0, { ...state, lock: 1 })
    expectDrop('DROP_CONTENDED', out(frame({ from: A, to: SERVER }, udp(43000, 53))))
    sliceStates.set(0, { ...state, lock: 0 })
    expect(gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(43000, 53))).verdict).toBe(XDP.REDIRECT)
  })

  it('the 65th mapping of a slice of 64, and the 64 go on working', () => {
    const first = gateway.fromPrivate(frame({ from: A, to: SERVER }, tcp(100, 80, TCP.SYN))).read.sourcePort
    for (let port = 101; port < 164; port++) {
      expect(gateway.fromPrivate(frame({ from: A, to: SERVER }, tcp(port, 80, TCP.SYN))).verdict).toBe(XDP.REDIRECT)
    }
    expectDrop('DROP_SLICE_FULL', out(frame({ from: A, to: SERVER }, tcp(164, 80, TCP.SYN))))
    expect(gateway.plane.maps.sliceStates.get(0)!.refused).toBe(1)
    expect(gateway.fromPrivate(frame({ from: A, to: SERVER }, tcp(100, 80, TCP.SYN))).read.sourcePort).toBe(first)
  })

  it('every packet before the gateway is configured', () => {
    gateway.settings({ enabled: 0 })
    expectDrop('DROP_DISABLED', out(frame({ from: A, to: SERVER }, udp(40000, 53))))
    expect(gateway.fromPrivate(frame({ from: A, to: HOST }, udp(40000, 53))).verdict).toBe(XDP.PASS)
    gateway.settings({ enabled: 1 })
  })
})

describe('from the uplink to a NAT address, dropped and counted', () => {
  const datagram = frame({ from: SERVER, to: PUBLIC }, udp(5000, 1030))
  const optioned = (to: string, ...options: number[]): Uint8Array =>
    frame({ from: SERVER, to, options: Uint8Array.from(options) }, udp(5000, 1030))
  it.each<[string, DropName, Uint8Array]>([
    ['a connection attempt', 'DROP_NO_MAPPING', frame({ from: SERVER, to: PUBLIC }, tcp(5000, 1100, TCP.SYN))],
    ['a datagram to a port of no mapping', 'DROP_NO_MAPPING', frame({ from: SERVER, to: PUBLIC }, udp(5000, 1030))],
    ['a port below the slices', 'DROP_NOT_A_SLICE', frame({ from: SERVER, to: PUBLIC }, tcp(5000, 22, TCP.SYN))],
    ['a port of a slice that nobody owns', 'DROP_NOT_A_SLICE', frame({ from: SERVER, to: PUBLIC }, udp(5000, 60000))],
    ['a ping', 'DROP_UNSOLICITED_ICMP', frame({ from: SERVER, to: PUBLIC }, icmpEcho('request', 1030))],
    [
      'an ICMP redirect',
      'DROP_UNSOLICITED_ICMP',
      frame({ from: SERVER, to: PUBLIC }, icmp(5, 0, 0, new Uint8Array(28))),
    ],
    ['GRE', 'DROP_PROTOCOL', frame({ from: SERVER, to: PUBLIC }, raw(47))],
    ['a fragment', 'DROP_FRAGMENT', frame({ from: SERVER, to: PUBLIC, fragment: 0x2000 }, udp(1, 1030))],
    ['a cut header', 'DROP_MALFORMED', cut(frame({ from: SERVER, to: PUBLIC }, udp(1, 1030)), 14 + 20 + 6)],
    ['a frame to every station', 'DROP_OTHER_MAC', broadcast(datagram)],
    ['an address behind a private device', 'DROP_INSIDE_ADDRESS', frame({ from: SERVER, to: A }, udp(5000, 1030))],
    ['a wrong checksum of the IP header', 'DROP_CHECKSUM', patched(datagram, 14 + 10, datagram[14 + 10]! ^ 1)],
    ['a loose source route', 'DROP_SOURCE_ROUTE', optioned(PUBLIC, 131, 7, 4, 10, 0, 0, 1, 0)],
    ['a strict source route by way of the host', 'DROP_SOURCE_ROUTE', optioned(HOST, 137, 7, 4, 10, 0, 0, 1, 0)],
    ['a record of the route', 'DROP_IP_OPTION', optioned(PUBLIC, 7, 7, 4, 0, 0, 0, 0, 0)],
    [
      'an ICMP error with a wrong checksum',
      'DROP_CHECKSUM',
      patched(frame({ from: SERVER, to: PUBLIC }, icmp(3, 1, 0, new Uint8Array(28))), 14 + 20 + 2, 0x55),
    ],
    [
      'an ICMP error that quotes nothing',
      'DROP_ICMP_NO_SESSION',
      frame({ from: SERVER, to: PUBLIC }, icmp(3, 0, 0, new Uint8Array(4))),
    ],
  ])('%s', (_, reason, bytes) => expectDrop(reason, into(bytes)))

  const open = (from: string): number => {
    const { read } = gateway.fromPrivate(frame({ from, to: SERVER }, udp(44000, 5000)))
    return read.sourcePort
  }

  it('a stranger to an open mapping', () => {
    expectDrop('DROP_FILTERED', into(frame({ from: '203.0.113.6', to: PUBLIC }, udp(5000, open(A)))))
  })

  it('a reply while the inside neighbour is not resolved', () => {
    expectDrop('DROP_NO_NEIGHBOUR', into(frame({ from: SERVER, to: PUBLIC }, udp(5000, open('10.0.0.2')))))
  })

  it('a reply whose TTL ends, and one larger than the inside MTU', () => {
    const port = open(A)
    expectDrop('DROP_TTL_EXPIRED', into(frame({ from: SERVER, to: PUBLIC, ttl: 1 }, udp(5000, port))))
    expectDrop('DROP_TOO_BIG', into(frame({ from: SERVER, to: PUBLIC }, udp(5000, port, new Uint8Array(1480)))))
  })

  it('an ICMP error of an inside machine to another address than the quoted sender', () => {
    const port = open(A)
    const reply = gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, udp(5000, port))).read
    expectDrop('DROP_ICMP_DESTINATION', out(frame({ from: A, to: '203.0.113.6' }, icmp(3, 3, 0, reply.packet))))
  })

  it('every packet while the gateway is not enabled', () => {
    const port = open(A)
    gateway.settings({ enabled: 0 })
    expectDrop('DROP_DISABLED', into(frame({ from: SERVER, to: PUBLIC }, udp(5000, port))))
    gateway.settings({ enabled: 1 })
  })

  it('a reply for a mapping of the slice’s former owner', () => {
    const port = open(A)
    const slice = gateway.plane.maps.slices.get(0)!
    gateway.plane.maps.slices.set(0, { ...slice, epoch: slice.epoch + 1 })
    expectDrop('DROP_NO_MAPPING', into(frame({ from: SERVER, to: PUBLIC }, udp(5000, port))))
    gateway.plane.maps.slices.set(0, slice)
  })
})

describe('a kind that no program serves yet is dropped in both directions', () => {
  const { BINDING_NONE: _none, BINDING_NAT_SLICE: _slice, ...bindings } = BindingKind
  const { NEXT_HOP_NONE: _nowhere, NEXT_HOP_ETHERNET: _ethernet, ...hops } = NextHopKind
  const request = (port: number): Uint8Array => frame({ from: A, to: SERVER }, udp(port, 5000))
  const open = (): number => {
    const { verdict, read } = gateway.fromPrivate(request(47000))
    expect(verdict).toBe(XDP.REDIRECT)
    return read.sourcePort
  }

  it.each(Object.entries(bindings))('of a binding: %s', (_, kind) => {
    const { slices } = gateway.plane.maps
    const port = open()
    const slice = slices.get(0)!
    slices.set(0, { ...slice, kind })
    expectDrop('DROP_UNSUPPORTED', out(request(47000)))
    expectDrop('DROP_UNSUPPORTED', into(frame({ from: SERVER, to: PUBLIC }, udp(5000, port))))
    slices.set(0, slice)
  })

  it.each(Object.entries(hops))('of a next hop: %s', (_, kind) => {
    const { nextHops, slices } = gateway.plane.maps
    const port = open()
    const [entry, slice] = [nextHops.get(0)!, slices.get(0)!]
    const flags = kind | NextHopFlags.NEXT_HOP_RESOLVED
    nextHops.set(0, { ...entry, hop: { ...entry.hop, flags } })
    expectDrop('DROP_UNSUPPORTED', out(request(47000)))
    expectDrop('DROP_UNSUPPORTED', out(request(48000 + kind)))
    slices.set(0, { ...slice, inside: { ...slice.inside, flags } })
    expectDrop('DROP_UNSUPPORTED', into(frame({ from: SERVER, to: PUBLIC }, udp(5000, port))))
    nextHops.set(0, entry)
    slices.set(0, slice)
  })
})

it('every drop reason but the impossible one has a packet here', () => {
  const all = Object.keys(DropReason).filter((name) => !['DROP_NONE', 'DROP_REASONS', 'DROP_INTERNAL'].includes(name))
  expect([...covered].sort()).toEqual(all.sort())
  expect(gateway.drops('DROP_INTERNAL')).toBe(0)
})
