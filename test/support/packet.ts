// Frames for packet tests: built with right checksums, and read back with every checksum verified.
import { formatIpv4, parseIpv4 } from '../../src/net/ipv4.ts'

export const TCP = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 } as const

export interface Ip {
  from: string
  to: string
  ttl?: number
  dscp?: number
  /** IP options, a multiple of four bytes. */
  options?: Uint8Array
  /** Bits 15-0 of the word: 0x4000 is DF, 0x2000 more fragments, the rest the offset. */
  fragment?: number
}

export interface Layer4 {
  protocol: number
  bytes: Uint8Array
  /** Where the checksum stands, and whether the pseudo header is part of it; absent: no checksum. */
  checksumAt?: number
  pseudo?: boolean
}

const encoder = new TextEncoder()
const bytesOf = (payload: string | Uint8Array): Uint8Array =>
  typeof payload === 'string' ? encoder.encode(payload) : payload

function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** Ones' complement sum of 16-bit words, folded; 0xffff when a checksum in there is right. */
export function onesSum(...parts: Uint8Array[]): number {
  let sum = 0
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) sum += (part[i]! << 8) | (part[i + 1] ?? 0)
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return sum
}

export function udp(from: number, to: number, payload: string | Uint8Array = 'x', checksum = true): Layer4 {
  const data = bytesOf(payload)
  const bytes = new Uint8Array(8 + data.length)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, from)
  view.setUint16(2, to)
  view.setUint16(4, bytes.length)
  bytes.set(data, 8)
  return { protocol: 17, bytes, pseudo: true, ...(checksum ? { checksumAt: 6 } : {}) }
}

export interface TcpFields {
  sequence?: number
  acknowledgement?: number
  window?: number
  /** A multiple of four bytes. */
  options?: readonly number[]
}

export function tcp(
  from: number,
  to: number,
  flags: number,
  payload: string | Uint8Array = '',
  { sequence = 1000, acknowledgement = 2000, window = 65535, options = [] }: TcpFields = {},
): Layer4 {
  const data = bytesOf(payload)
  const header = 20 + options.length
  const bytes = new Uint8Array(header + data.length)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, from)
  view.setUint16(2, to)
  view.setUint32(4, sequence)
  view.setUint32(8, acknowledgement)
  view.setUint8(12, (header / 4) << 4)
  view.setUint8(13, flags)
  view.setUint16(14, window)
  bytes.set(options, 20)
  bytes.set(data, header)
  return { protocol: 6, bytes, checksumAt: 16, pseudo: true }
}

export function icmpEcho(type: 'request' | 'reply', id: number, payload: string | Uint8Array = 'ping'): Layer4 {
  return icmp(type === 'request' ? 8 : 0, 0, (id << 16) | 1, bytesOf(payload))
}

/** @param rest the second word of the header: id and sequence, or unused and next-hop MTU */
export function icmp(type: number, code: number, rest: number, payload: Uint8Array): Layer4 {
  const bytes = new Uint8Array(8 + payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, type)
  view.setUint8(1, code)
  view.setUint32(4, rest >>> 0)
  bytes.set(payload, 8)
  return { protocol: 1, bytes, checksumAt: 2 }
}

export function raw(protocol: number, payload: string | Uint8Array = 'payload'): Layer4 {
  return { protocol, bytes: bytesOf(payload) }
}

function pseudoHeader(from: number, to: number, protocol: number, length: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(12))
  view.setUint32(0, from)
  view.setUint32(4, to)
  view.setUint8(9, protocol)
  view.setUint16(10, length)
  return new Uint8Array(view.buffer)
}

/** An IPv4 packet. */
export function ipv4(ip: Ip, layer4: Layer4): Uint8Array {
  const options = ip.options ?? new Uint8Array()
  const header = new Uint8Array(20 + options.length)
  const view = new DataView(header.buffer)
  const from = parseIpv4(ip.from)
  const to = parseIpv4(ip.to)
  const body = layer4.bytes.slice()
  if (layer4.checksumAt !== undefined) {
    const parts = layer4.pseudo === true ? [pseudoHeader(from, to, layer4.protocol, body.length), body] : [body]
    const sum = ~onesSum(...parts) & 0xffff
    new DataView(body.buffer).setUint16(layer4.checksumAt, sum === 0 && layer4.protocol === 17 ? 0xffff : sum)
  }
  view.setUint8(0, 0x40 | (header.length / 4))
  view.setUint8(1, (ip.dscp ?? 0) << 2)
  view.setUint16(2, header.length + body.length)
  view.setUint16(4, 0x1234)
  view.setUint16(6, ip.fragment ?? 0x4000)
  view.setUint8(8, ip.ttl ?? 64)
  view.setUint8(9, layer4.protocol)
  view.setUint32(12, from)
  view.setUint32(16, to)
  header.set(options, 20)
  view.setUint16(10, ~onesSum(header) & 0xffff)
  return concat(header, body)
}

/** An Ethernet frame; addresses are of no interest to the programs but for being rewritten. */
export function ethernet(type: number, payload: Uint8Array, destination = '02:00:00:00:00:01'): Uint8Array {
  const header = new Uint8Array(14)
  header.set(destination.split(':').map((pair) => parseInt(pair, 16)))
  header.set([2, 0, 0, 0, 0, 2], 6)
  new DataView(header.buffer).setUint16(12, type)
  return concat(header, payload)
}

export function frame(ip: Ip, layer4: Layer4): Uint8Array {
  return ethernet(0x0800, ipv4(ip, layer4))
}

/** The same frame with a checksum of its IP header that is right again. */
export function resummed(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice()
  const view = new DataView(copy.buffer)
  view.setUint16(14 + 10, 0)
  view.setUint16(14 + 10, ~onesSum(copy.subarray(14, 14 + (copy[14]! & 15) * 4)) & 0xffff)
  return copy
}

export interface Read {
  macs: { destination: string; source: string }
  from: string
  to: string
  ttl: number
  dscp: number
  protocol: number
  sourcePort: number
  destinationPort: number
  icmp?: { type: number; code: number; rest: number }
  tcpFlags?: number
  payload: Uint8Array
  /** The IP packet. */
  packet: Uint8Array
  /** Whether IP and layer-4 checksums are right (a UDP checksum of 0 is). */
  checksums: { ip: boolean; layer4: boolean }
}

/** Reads a frame that carries IPv4, checking all sums. */
export function read(bytes: Uint8Array): Read {
  const mac = (at: number): string =>
    Buffer.from(bytes.subarray(at, at + 6))
      .toString('hex')
      .replace(/(..)(?!$)/g, '$1:')
  return { macs: { destination: mac(0), source: mac(6) }, ...readPacket(bytes.subarray(14)) }
}

export function readPacket(packet: Uint8Array): Omit<Read, 'macs'> {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength)
  const headerLength = (packet[0]! & 15) * 4
  const total = Math.min(view.getUint16(2), packet.length)
  const protocol = view.getUint8(9)
  const from = view.getUint32(12)
  const to = view.getUint32(16)
  const body = packet.subarray(headerLength, total)
  const isIcmp = protocol === 1
  const portless = isIcmp || body.length < 4
  const l4 = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const noSum = protocol === 17 && body.length >= 8 && l4.getUint16(6) === 0
  const sum = isIcmp ? onesSum(body) : onesSum(pseudoHeader(from, to, protocol, body.length), body)
  return {
    from: formatIpv4(from),
    to: formatIpv4(to),
    ttl: view.getUint8(8),
    dscp: view.getUint8(1) >>> 2,
    protocol,
    sourcePort: isIcmp ? l4.getUint16(4) : portless ? 0 : l4.getUint16(0),
    destinationPort: isIcmp ? l4.getUint16(4) : portless ? 0 : l4.getUint16(2),
    ...(isIcmp ? { icmp: { type: l4.getUint8(0), code: l4.getUint8(1), rest: l4.getUint32(4) } } : {}),
    ...(protocol === 6 ? { tcpFlags: l4.getUint8(13) } : {}),
    payload: body.subarray(protocol === 6 ? 20 : 8),
    packet: packet.subarray(0, total),
    checksums: { ip: onesSum(packet.subarray(0, headerLength)) === 0xffff, layer4: noSum || sum === 0xffff },
  }
}

/** An ARP request for `target`. */
export function arpRequest(from: string, target: string): Uint8Array {
  const view = new DataView(new ArrayBuffer(28))
  view.setUint16(0, 1)
  view.setUint16(2, 0x0800)
  view.setUint8(4, 6)
  view.setUint8(5, 4)
  view.setUint16(6, 1)
  new Uint8Array(view.buffer).set([2, 0, 0, 0, 0, 2], 8)
  view.setUint32(14, parseIpv4(from))
  view.setUint32(24, parseIpv4(target))
  return ethernet(0x0806, new Uint8Array(view.buffer), 'ff:ff:ff:ff:ff:ff')
}
