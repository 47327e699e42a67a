// What damaged, overlong and contradictory packets do to flows that live: nothing.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseIpv4 } from '../../src/net/ipv4.ts'
import { frame, icmp, ipv4, onesSum, read, readPacket, TCP, tcp, udp } from '../support/packet.ts'
import { HOST, PacketGateway, PUBLIC, ROUTER_MAC, XDP } from '../support/packet-gateway.ts'

const A = '10.0.0.1'
const SERVER = '203.0.113.5'
const ROUTER = '192.0.2.77'

let gateway: PacketGateway
beforeAll(() => {
  gateway = new PacketGateway()
  gateway.address(PUBLIC, { sliceSize: 64 })
  gateway.slice({ index: 0, inside: A, firstPort: 1024, size: 64 })
})
afterAll(() => gateway.close())

const damaged = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = bytes.slice()
  copy[at]! ^= 0x10
  return copy
}
const extended = (bytes: Uint8Array, ...more: Uint8Array[]): Uint8Array =>
  new Uint8Array(Buffer.concat([bytes, ...more]))
/** An error with the right checksum about a quote that does not come from `ipv4`. */
const errorAbout = (quote: Uint8Array): Uint8Array => frame({ from: ROUTER, to: PUBLIC }, icmp(3, 1, 0, quote))

describe('a damaged IP header', () => {
  it('with any single bit flipped takes no port and is dropped (RFC 1812 §5.2.2)', () => {
    const used = gateway.used(0, 1)
    const whole = frame({ from: A, to: SERVER }, udp(40000, 53))
    for (let bit = 0; bit < 160; bit++) {
      const bytes = whole.slice()
      bytes[14 + (bit >>> 3)]! ^= 1 << (bit & 7)
      expect(gateway.fromPrivate(bytes).verdict).toBe(XDP.DROP)
    }
    expect(gateway.used(0, 1)).toBe(used)
  })

  it('of an RST leaves the connection as it was', () => {
    const { sourcePort } = gateway.fromPrivate(frame({ from: A, to: SERVER }, tcp(40100, 80, TCP.SYN))).read
    gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, tcp(80, sourcePort, TCP.SYN | TCP.ACK)))
    const slotOf = (): unknown => gateway.slots(0, 0).get(sourcePort - 1024)
    const before = slotOf()
    const reset = frame({ from: SERVER, to: PUBLIC }, tcp(80, sourcePort, TCP.RST))
    expect(gateway.fromUplink(damaged(reset, 14 + 8)).verdict).toBe(XDP.DROP)
    expect(slotOf()).toEqual(before)
  })

  it('is not reported for correct headers, whatever their sum', () => {
    for (let id = 0; id < 0x10000; id += 37) {
      const packet = ipv4({ from: A, to: SERVER }, udp(40200, 53))
      const view = new DataView(packet.buffer)
      view.setUint16(4, id)
      view.setUint16(10, 0)
      view.setUint16(10, ~onesSum(packet.subarray(0, 20)) & 0xffff)
      const bytes = extended(frame({ from: A, to: SERVER }, udp(1, 1)).slice(0, 14), packet)
      expect(gateway.fromPrivate(bytes).verdict).toBe(XDP.REDIRECT)
    }
  })
})

describe('IP options', () => {
  const withOptions = (to: string, ...options: number[]): Uint8Array =>
    frame({ from: A, to, options: Uint8Array.from(options) }, udp(40300, 53))

  it.each([
    ['router alert', [148, 4, 0, 0]],
    ['the end of the list before what looks like a source route', [0, 0, 0, 0, 131, 7, 4, 203, 0, 113, 80, 0]],
    ['a source route within the data of another option', [148, 12, 131, 7, 4, 203, 0, 113, 80, 0, 0, 0]],
    ['forty bytes, one by one', new Array<number>(40).fill(1)],
  ])('%s is translated', (_, options) => {
    const { verdict, read: out } = gateway.fromPrivate(withOptions(SERVER, ...options))
    expect(verdict).toBe(XDP.REDIRECT)
    expect(out.checksums).toEqual({ ip: true, layer4: true })
  })

  it('a record of the route may go to the host, where it ends', () => {
    expect(gateway.fromPrivate(withOptions(HOST, 7, 7, 4, 0, 0, 0, 0, 0)).verdict).toBe(XDP.PASS)
  })

  it('a source route as the last of forty bytes is found', () => {
    const { verdict } = gateway.fromPrivate(withOptions(HOST, ...new Array<number>(37).fill(1), 131, 3, 4))
    expect(verdict).toBe(XDP.DROP)
  })
})

describe('a frame that is longer than its packet', () => {
  it.each([
    ['a short packet', 3, 60],
    ['a packet of the least length of a frame', 46 - 28, 60],
    ['a packet one byte longer than that', 47 - 28, 61],
    ['a long packet', 1400, 14 + 28 + 1400],
  ])('leaves with %s at the length of its packet, or Ethernet’s minimum', (_, payload, length) => {
    const whole = frame({ from: A, to: SERVER }, udp(40400, 53, new Uint8Array(payload)))
    const before = gateway.counter('COUNTER_OUT_BYTES')
    const sent = gateway.fromPrivate(extended(whole, new Uint8Array(1500).fill(0xee)))
    expect(sent.verdict).toBe(XDP.REDIRECT)
    expect(sent.frame.length).toBe(length)
    expect(sent.read).toMatchObject({ from: PUBLIC, checksums: { ip: true, layer4: true } })
    expect(gateway.counter('COUNTER_OUT_BYTES')).toBe(before + whole.length - 14)
    const back = frame({ from: SERVER, to: PUBLIC }, udp(53, sent.read.sourcePort, new Uint8Array(payload)))
    expect(gateway.fromUplink(extended(back, new Uint8Array(1500))).frame.length).toBe(length)
  })

  it('is cut also where the buffer has fragments', () => {
    const { nextHops } = gateway.plane.maps
    const entry = nextHops.get(0)!
    nextHops.set(0, { ...entry, hop: { ...entry.hop, mtu: 9000 } })
    const whole = frame({ from: A, to: SERVER }, udp(40500, 53, new Uint8Array(5000).fill(7)))
    const { verdict, frame: left } = gateway.fromPrivate(extended(whole, new Uint8Array(2000)))
    expect(verdict).toBe(XDP.REDIRECT)
    expect(left.length).toBe(whole.length)
    expect(read(left).checksums).toEqual({ ip: true, layer4: true })
    nextHops.set(0, entry)
  })

  it('padding up to 60 bytes stays as it is', () => {
    const padded = extended(frame({ from: A, to: SERVER }, tcp(40600, 80, TCP.SYN)), new Uint8Array(6).fill(0xaa))
    const { verdict, frame: left } = gateway.fromPrivate(padded)
    expect(verdict).toBe(XDP.REDIRECT)
    expect(left.length).toBe(60)
    expect(left.slice(54)).toEqual(new Uint8Array(6).fill(0xaa))
  })
})

describe('the quote of an ICMP error', () => {
  const open = (): number =>
    gateway.fromPrivate(frame({ from: A, to: SERVER }, tcp(40700, 80, TCP.SYN))).read.sourcePort
  const quoted = (): Uint8Array => ipv4({ from: PUBLIC, to: SERVER }, tcp(open(), 80, TCP.SYN))

  it('ends with the packet: bytes behind the packet are no part of it', () => {
    const { verdict, read: back } = gateway.fromUplink(
      extended(errorAbout(quoted().slice(0, 28)), new Uint8Array(40).fill(0x77)),
    )
    expect(verdict).toBe(XDP.REDIRECT)
    expect(back.checksums).toEqual({ ip: true, layer4: true })
    expect(back.packet.length).toBe(56)
  })

  it('is not taken from behind the packet', () => {
    const { verdict } = gateway.fromUplink(extended(errorAbout(new Uint8Array(0)), quoted()))
    expect(verdict).toBe(XDP.DROP)
  })

  it.each([28, 36, 37, 38, 40])('of %i bytes comes back with the checksums right', (length) => {
    const { read: back } = gateway.fromUplink(errorAbout(quoted().slice(0, length)))
    expect(back.to).toBe(A)
    expect(back.checksums).toEqual({ ip: true, layer4: true })
  })

  it('of a whole packet with extensions behind it is translated and summed to its end (RFC 5508 REQ-3d)', () => {
    const extensions = Uint8Array.from({ length: 961 }, (_, i) => i & 255)
    const { read: back } = gateway.fromUplink(errorAbout(extended(quoted(), extensions)))
    expect(back.checksums.layer4).toBe(true)
    expect(back.payload.slice(40)).toEqual(extensions)
  })

  it('with a wrong checksum of its IP header is dropped, of its TCP header is not (RFC 5508 REQ-3a, REQ-3c)', () => {
    const before = gateway.drops('DROP_CHECKSUM')
    expect(gateway.fromUplink(errorAbout(damaged(quoted(), 8))).verdict).toBe(XDP.DROP)
    expect(gateway.drops('DROP_CHECKSUM')).toBe(before + 1)
    expect(gateway.fromUplink(errorAbout(damaged(quoted(), 20 + 16))).read.to).toBe(A)
  })

  it('in an error with a wrong checksum is dropped, wherever the damage is (RFC 5508 REQ-3)', () => {
    const whole = errorAbout(quoted())
    for (let at = 34; at < whole.length; at++) {
      expect(gateway.fromUplink(damaged(whole, at)).verdict).toBe(XDP.DROP)
    }
    expect(gateway.fromUplink(whole).verdict).toBe(XDP.REDIRECT)
  })
})

describe('an ICMP error from inside', () => {
  const sent = (): Uint8Array => {
    const { sourcePort } = gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(40800, 5000))).read
    return gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, udp(5000, sourcePort))).read.packet
  }

  it.each(['203.0.113.6', '224.0.0.9', '127.0.0.1', '169.254.169.254', '10.0.0.2', PUBLIC])(
    'to %s, who did not send what it quotes, goes nowhere',
    (to) => {
      const { verdict } = gateway.fromPrivate(frame({ from: A, to }, icmp(3, 3, 0, sent())))
      expect(verdict).not.toBe(XDP.REDIRECT)
    },
  )

  it('does not move its flow to another next hop', () => {
    const { nextHops } = gateway.plane.maps
    const { hop, address } = nextHops.get(0)!
    nextHops.set(5, { hop: { ...hop, destinationMac: Uint8Array.of(14, 0, 0, 0, 0, 5) }, address })
    gateway.plane.maps.routes.set(
      { prefixLength: 24, address: parseIpv4('203.0.114.0') },
      { nextHop: 5, flags: 0, ifindex: 0 },
    )
    const quote = sent()
    gateway.settings({ routeGeneration: 2 })
    gateway.fromPrivate(frame({ from: A, to: '203.0.114.9' }, icmp(3, 3, 0, quote)))
    const { read: flow } = gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(40800, 5000)))
    expect(flow.macs.destination).toBe(ROUTER_MAC)
  })

  it('that is larger than the MTU of the way out is dropped', () => {
    const before = gateway.drops('DROP_TOO_BIG')
    const error = icmp(3, 3, 0, extended(sent(), new Uint8Array(1500)))
    expect(gateway.fromPrivate(frame({ from: A, to: SERVER }, error)).verdict).toBe(XDP.DROP)
    expect(gateway.drops('DROP_TOO_BIG')).toBe(before + 1)
  })

  it('reaches the remote of the session it is about', () => {
    const { verdict, read: out } = gateway.fromPrivate(frame({ from: A, to: SERVER }, icmp(3, 3, 0, sent())))
    expect(verdict).toBe(XDP.REDIRECT)
    expect(readPacket(out.payload).to).toBe(PUBLIC)
  })
})
