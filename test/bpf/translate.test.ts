import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ownerOf } from '../../src/dataplane/session-words.ts'
import { formatIpv4 } from '../../src/net/ipv4.ts'
import {
  arpRequest,
  ethernet,
  frame,
  icmp,
  icmpEcho,
  ipv4,
  read,
  readPacket,
  TCP,
  tcp,
  udp,
} from '../support/packet.ts'
import { HOST, INSIDE_MAC, PacketGateway, PUBLIC, ROUTER_MAC, SHARED, XDP } from '../support/packet-gateway.ts'

const A = '10.0.0.1'
const B = '10.0.0.2'
const SERVER = '203.0.113.5'

let gateway: PacketGateway
beforeAll(() => {
  gateway = new PacketGateway()
  gateway.address(PUBLIC, { sliceSize: 64 })
  gateway.slice({ index: 0, inside: A, firstPort: 1024, size: 64 })
  gateway.slice({ index: 1, inside: B, firstPort: 1088, size: 64 })
  gateway.address(SHARED, { firstSlice: 10, firstPort: 40000, lastPort: 40063, sliceSize: 64, shared: true })
  gateway.slice({ index: 10, inside: '10.0.0.9', firstPort: 40000, size: 64, publicAddress: SHARED })
})
afterAll(() => gateway.close())

describe('from inside to outside', () => {
  it.each([
    ['UDP', udp(40000, 5000), udp(5000, 0).protocol],
    ['TCP', tcp(40000, 80, TCP.SYN), 6],
    ['ICMP echo', icmpEcho('request', 777), 1],
  ])('%s leaves with the public address and a port of the slice, all checksums right', (_, layer4, protocol) => {
    const { verdict, read: out } = gateway.fromPrivate(frame({ from: A, to: SERVER, ttl: 17, dscp: 10 }, layer4))
    expect(verdict).toBe(XDP.REDIRECT)
    expect(out).toMatchObject({ from: PUBLIC, to: SERVER, protocol, ttl: 16, dscp: 10 })
    expect(out.sourcePort).toBeGreaterThanOrEqual(1024)
    expect(out.sourcePort).toBeLessThanOrEqual(1087)
    expect(out.checksums).toEqual({ ip: true, layer4: true })
    expect(out.macs.destination).toBe(ROUTER_MAC)
  })

  it('an inside endpoint has one external port, whatever the destination (RFC 4787 REQ-1)', () => {
    const port = (to: string, remote: number): number =>
      gateway.fromPrivate(frame({ from: A, to }, udp(40100, remote))).read.sourcePort
    const first = port(SERVER, 5000)
    expect(port(SERVER, 5001)).toBe(first)
    expect(port('203.0.113.77', 53)).toBe(first)
    expect(port(SERVER, 5000)).toBe(first)
  })

  it('TCP and UDP from the same inside port are mapped independently (RFC 7857 §5)', () => {
    gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(40200, 53)))
    gateway.fromPrivate(frame({ from: A, to: SERVER }, tcp(40200, 53, TCP.SYN)))
    const ofPort = (protocol: number): number[] =>
      [...gateway.slots(0, protocol).values()].map((slot) => ownerOf(slot.owner).insidePort)
    expect(ofPort(0)).toContain(40200)
    expect(ofPort(1)).toContain(40200)
  })

  it('two interfaces that use the same inside port get ports of their own slices', () => {
    const a = gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(40300, 53))).read
    const b = gateway.fromPrivate(frame({ from: B, to: SERVER }, udp(40300, 53))).read
    expect(a.sourcePort).toBeLessThan(1088)
    expect(b.sourcePort).toBeGreaterThanOrEqual(1088)
    expect(b.sourcePort).toBeLessThan(1152)
  })

  it('a UDP packet without a checksum stays without one', () => {
    const out = gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(40400, 53, 'x', false))).read
    expect(new DataView(out.packet.buffer, out.packet.byteOffset + 20).getUint16(6)).toBe(0)
    expect(out.checksums.ip).toBe(true)
  })

  it('a UDP checksum that comes out as zero is sent as 0xffff (RFC 768)', () => {
    const first = gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(40500, 53, new Uint8Array(2)))).read
    const sum = new DataView(first.packet.buffer, first.packet.byteOffset + 20).getUint16(6)
    const payload = new Uint8Array([sum >>> 8, sum & 255])
    const out = gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(40500, 53, payload))).read
    expect(new DataView(out.packet.buffer, out.packet.byteOffset + 20).getUint16(6)).toBe(0xffff)
    expect(out.checksums.layer4).toBe(true)
  })

  it.each([4, 20, 40])('a header with %i bytes of IP options is translated', (length) => {
    const options = new Uint8Array(length).fill(1)
    const { verdict, read: out } = gateway.fromPrivate(
      frame({ from: A, to: SERVER, options }, tcp(40600 + length, 80, TCP.SYN)),
    )
    expect(verdict).toBe(XDP.REDIRECT)
    expect(out.from).toBe(PUBLIC)
    expect(out.checksums).toEqual({ ip: true, layer4: true })
  })

  it('checksums are right for payloads of every length and many contents', () => {
    for (let length = 0; length < 200; length++) {
      const payload = Uint8Array.from({ length }, (_, i) => (i * 7 + length * 13) & 255)
      const out = gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(40700, 53, payload))).read
      expect(out.checksums).toEqual({ ip: true, layer4: true })
      expect(out.payload).toEqual(payload)
    }
  })
})

describe('from outside to inside', () => {
  const open = (): number => gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(41000, 5000))).read.sourcePort

  it('a reply reaches the inside endpoint, by its next hop', () => {
    const port = open()
    const { verdict, read: reply } = gateway.fromUplink(frame({ from: SERVER, to: PUBLIC, ttl: 9 }, udp(5000, port)))
    expect(verdict).toBe(XDP.REDIRECT)
    expect(reply).toMatchObject({ from: SERVER, to: A, sourcePort: 5000, destinationPort: 41000, ttl: 8 })
    expect(reply.checksums).toEqual({ ip: true, layer4: true })
    expect(reply.macs.destination).toBe(INSIDE_MAC)
  })

  it('an echo reply gets its own identifier back', () => {
    const out = gateway.fromPrivate(frame({ from: B, to: SERVER }, icmpEcho('request', 999))).read
    const back = gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, icmpEcho('reply', out.sourcePort))).read
    expect(back).toMatchObject({ to: B, sourcePort: 999 })
    expect(back.checksums.layer4).toBe(true)
  })

  it.each([
    ['another port of the same server', SERVER, 5001],
    ['another server', '203.0.113.99', 5000],
  ])('a packet from %s, never contacted, is dropped as filtered', (_, from, sourcePort) => {
    const port = open()
    const before = gateway.drops('DROP_FILTERED')
    expect(gateway.fromUplink(frame({ from, to: PUBLIC }, udp(sourcePort, port))).verdict).toBe(XDP.DROP)
    expect(gateway.drops('DROP_FILTERED')).toBe(before + 1)
  })

  it('every remote that was contacted may answer, also when there are many', () => {
    const remotes = Array.from({ length: 300 }, (_, i) => formatIpv4(0xcb007100 + (i % 250)))
    const out = remotes.map(
      (to, i) => gateway.fromPrivate(frame({ from: A, to }, udp(41500, 2000 + i))).read.sourcePort,
    )
    expect(new Set(out).size).toBe(1)
    remotes.forEach((from, i) => {
      const back = gateway.fromUplink(frame({ from, to: PUBLIC }, udp(2000 + i, out[0]!)))
      expect(back.verdict).toBe(XDP.REDIRECT)
      expect(back.read.destinationPort).toBe(41500)
    })
  })
})

describe('ICMP errors', () => {
  const withOptions = (words: number): Uint8Array => new Uint8Array(words * 4).fill(1)

  it.each([
    ['UDP', udp(42000, 5000, 'some payload'), 0],
    ['TCP', tcp(42000, 80, TCP.SYN), 0],
    ['an echo', icmpEcho('request', 4242), 0],
    ['UDP behind IP options', udp(42001, 5000, 'some payload'), 10],
  ])('an error about %s from any router reaches the sender with the quote turned back', (_, layer4, options) => {
    const sent = gateway.fromPrivate(frame({ from: A, to: SERVER, options: withOptions(options) }, layer4)).read
    const inside = readPacket(ipv4({ from: A, to: SERVER }, layer4))
    const error = icmp(3, 4, 1400, sent.packet.slice(0, 20 + options * 4 + 28))
    const { verdict, read: back } = gateway.fromUplink(frame({ from: '192.0.2.77', to: PUBLIC }, error))
    expect(verdict).toBe(XDP.REDIRECT)
    expect(back).toMatchObject({ from: '192.0.2.77', to: A, icmp: { type: 3, code: 4, rest: 1400 } })
    expect(back.checksums).toEqual({ ip: true, layer4: true })
    const quote = readPacket(back.payload)
    expect(quote).toMatchObject({
      from: A,
      to: SERVER,
      sourcePort: inside.sourcePort,
      destinationPort: inside.destinationPort,
    })
    expect(quote.checksums.ip).toBe(true)
    expect(quote.checksums.layer4).toBe(true)
  })

  it('an error that quotes only eight bytes of a TCP header is translated (RFC 5508 REQ-3c)', () => {
    const sent = gateway.fromPrivate(frame({ from: A, to: SERVER }, tcp(42100, 80, TCP.SYN))).read
    const back = gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, icmp(11, 0, 0, sent.packet.slice(0, 28)))).read
    expect(back.to).toBe(A)
    expect(back.checksums.layer4).toBe(true)
  })

  it('an error about a port without a session is dropped', () => {
    const stranger = ipv4({ from: PUBLIC, to: SERVER }, udp(1080, 9999))
    const before = gateway.drops('DROP_ICMP_NO_SESSION')
    expect(gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, icmp(3, 1, 0, stranger))).verdict).toBe(XDP.DROP)
    expect(gateway.drops('DROP_ICMP_NO_SESSION')).toBe(before + 1)
  })

  it('an error leaves the session as it was: neither refreshed nor ended (RFC 5382 REQ-10)', () => {
    const sent = gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(42200, 5000))).read
    const slotOf = (): unknown => gateway.slots(0, 1).get(sent.sourcePort - 1024)
    const before = slotOf()
    gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, icmp(3, 3, 0, sent.packet)))
    expect(slotOf()).toEqual(before)
  })

  it('an error that an inside machine sends about a reply leaves as the public address (RFC 5508 REQ-5)', () => {
    const sent = gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(42300, 5000))).read
    const reply = gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, udp(5000, sent.sourcePort))).read
    const { verdict, read: out } = gateway.fromPrivate(frame({ from: A, to: SERVER }, icmp(3, 3, 0, reply.packet)))
    expect(verdict).toBe(XDP.REDIRECT)
    expect(out).toMatchObject({ from: PUBLIC, to: SERVER, icmp: { type: 3, code: 3 } })
    expect(out.checksums).toEqual({ ip: true, layer4: true })
    expect(readPacket(out.payload)).toMatchObject({
      from: SERVER,
      to: PUBLIC,
      sourcePort: 5000,
      destinationPort: sent.sourcePort,
    })
  })
})

describe('the host stays itself', () => {
  it.each([
    ['TCP for an address of the host', frame({ from: SERVER, to: '192.0.2.2' }, tcp(50000, 22, TCP.SYN))],
    ['IPv6', ethernet(0x86dd, new Uint8Array(60))],
    ['ARP for another address', arpRequest('192.0.2.1', '192.0.2.2')],
    ['an unknown EtherType', ethernet(0x88cc, new Uint8Array(50))],
    ['a frame too short for IP', ethernet(0x0800, new Uint8Array(4))],
  ])('%s on the uplink goes to the kernel untouched', (_, bytes) => {
    const { verdict, frame: left } = gateway.fromUplink(bytes)
    expect(verdict).toBe(XDP.PASS)
    expect(left).toEqual(bytes)
  })

  it.each([
    ['ARP', arpRequest(A, HOST)],
    ['a connection to the host', frame({ from: A, to: HOST }, tcp(45000, 22, TCP.SYN))],
    [
      'a connection to the host from an address that no NetworkInterface has',
      frame({ from: '10.0.0.77', to: HOST }, tcp(45000, 22, TCP.SYN)),
    ],
    ['a fragment for the host', frame({ from: A, to: HOST, fragment: 0x2000 }, udp(1, 2))],
    ['DHCP', frame({ from: '0.0.0.0', to: '255.255.255.255' }, udp(68, 67))],
    ['LLDP', ethernet(0x88cc, new Uint8Array(50), '01:80:c2:00:00:0e')],
    [
      'IPv6 neighbour discovery',
      ethernet(
        0x86dd,
        Uint8Array.of(
          0x60,
          0,
          0,
          0,
          0,
          0,
          58,
          255,
          ...new Array<number>(16).fill(0),
          0xff,
          2,
          ...new Array<number>(13).fill(0),
          1,
        ),
      ),
    ],
  ])('%s from a private machine goes to the kernel untouched', (_, bytes) => {
    const { verdict, frame: left } = gateway.fromPrivate(bytes)
    expect(verdict).toBe(XDP.PASS)
    expect(left).toEqual(bytes)
  })

  it.each([
    ['a port outside of the range', frame({ from: SERVER, to: SHARED }, tcp(50000, 22, TCP.SYN))],
    ['the port before the range', frame({ from: SERVER, to: SHARED }, udp(50000, 39999))],
    ['the port behind the range', frame({ from: SERVER, to: SHARED }, udp(50000, 40064))],
    ['an echo request', frame({ from: SERVER, to: SHARED }, icmpEcho('request', 40001))],
    ['an echo reply to a ping of the host', frame({ from: SERVER, to: SHARED }, icmpEcho('reply', 40001))],
    ['a fragment', frame({ from: SERVER, to: SHARED, fragment: 0x2001 }, udp(1, 2))],
    ['ARP for it', arpRequest('192.0.2.1', SHARED)],
  ])('of an address that the host shares with NAT, %s is the host’s', (_, bytes) => {
    expect(gateway.fromUplink(bytes).verdict).toBe(XDP.PASS)
  })

  it('of an address that the host shares with NAT, the range is NAT’s', () => {
    const out = gateway.fromPrivate(frame({ from: '10.0.0.9', to: SERVER }, udp(1, 5000))).read
    expect(out.from).toBe(SHARED)
    expect(gateway.fromUplink(frame({ from: SERVER, to: SHARED }, udp(5000, out.sourcePort))).read.to).toBe('10.0.0.9')
    expect(gateway.fromUplink(frame({ from: SERVER, to: SHARED }, udp(5001, out.sourcePort))).verdict).toBe(XDP.DROP)
  })

  it('answers ARP for a NAT address with the MAC of the uplink', () => {
    const { verdict, frame: left } = gateway.fromUplink(arpRequest('192.0.2.1', PUBLIC))
    expect(verdict).toBe(XDP.REDIRECT)
    const hex = Buffer.from(left).toString('hex')
    expect(hex.slice(0, 24)).toBe('020000000002' + '020000000001')
    expect(hex.slice(28 + 12)).toBe('0002' + '020000000001' + 'c6336401' + '020000000002' + 'c0000201')
  })
})

it('meets no state that cannot be', () => {
  expect(gateway.drops('DROP_INTERNAL')).toBe(0)
  expect(read(frame({ from: A, to: SERVER }, udp(1, 2))).checksums).toEqual({ ip: true, layer4: true })
})
