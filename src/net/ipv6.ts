import { NatGwError } from '../errors/errors.ts'
import { formatIpv4, tryParseIpv4 } from './ipv4.ts'

// IPv6 addresses are 16 bytes in network order, as they are in packets and in BPF maps.

const MAPPED_PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff)

/** 16-bit groups of one side of `::`; undefined when one is malformed. */
function readGroups(text: string): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(parseInt(part, 16))
      continue
    }
    const embedded = index === parts.length - 1 ? tryParseIpv4(part) : undefined
    if (embedded === undefined) return undefined
    groups.push(embedded >>> 16, embedded & 0xffff)
  }
  return groups
}

/** @returns the address, undefined when the text is not one of RFC 4291 §2.2; zones (`%eth0`) are refused */
export function tryParseIpv6(text: string): Uint8Array | undefined {
  const sides = text.split('::')
  if (sides.length > 2) return undefined
  const [head = '', tail] = sides
  // An embedded IPv4 address ends the text, so it cannot stand before `::`.
  if (tail !== undefined && head.includes('.')) return undefined
  const before = readGroups(head)
  const after = readGroups(tail ?? '')
  if (before === undefined || after === undefined) return undefined
  const missing = 8 - before.length - after.length
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  const groups = [...before, ...new Array<number>(missing).fill(0), ...after]
  return Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 255]))
}

/** @throws ERR_INVALID_FIELD */
export function parseIpv6(text: string): Uint8Array {
  const address = tryParseIpv6(text)
  if (address !== undefined) return address
  const expected = 'eight groups of up to four hexadecimal digits are expected, one run of zero groups as "::"'
  throw new NatGwError('ERR_INVALID_FIELD', `"${text}" is not an IPv6 address: ${expected}`, { value: text })
}

/** The one canonical text of RFC 5952: lower case, no leading zeros, the first longest run of zero groups as `::`. */
export function formatIpv6(address: Uint8Array): string {
  const mapped = unmapIpv4(address)
  if (mapped !== undefined) return `::ffff:${formatIpv4(mapped)}`
  const groups = Array.from({ length: 8 }, (_, i) => ((address[2 * i] ?? 0) << 8) | (address[2 * i + 1] ?? 0))
  const zeros = longestZeroRun(groups)
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':')
  if (zeros.length < 2) return hex(groups)
  return `${hex(groups.slice(0, zeros.start))}::${hex(groups.slice(zeros.start + zeros.length))}`
}

function longestZeroRun(groups: number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (groups[start + length] === 0) length++
    if (length > best.length) best = { start, length }
  }
  return best
}

/** `::ffff:a.b.c.d` of RFC 4291 §2.5.5.2: how one map holds addresses of both families. */
export function mapIpv4(address: number): Uint8Array {
  const bytes = new Uint8Array(16)
  bytes.set(MAPPED_PREFIX)
  new DataView(bytes.buffer).setUint32(12, address)
  return bytes
}

/** @returns the IPv4 address inside of a mapped one, undefined for any other */
export function unmapIpv4(address: Uint8Array): number | undefined {
  if (!MAPPED_PREFIX.every((byte, i) => address[i] === byte)) return undefined
  return new DataView(address.buffer, address.byteOffset).getUint32(12)
}

export type Ipv6Use = 'unicast' | 'unspecified' | 'loopback' | 'multicast' | 'IPv4-mapped'

/** What an address may be used for (RFC 4291 §2.4), as far as it forbids a host to have it. */
export function ipv6Use(address: Uint8Array): Ipv6Use {
  if (address[0] === 0xff) return 'multicast'
  if (unmapIpv4(address) !== undefined) return 'IPv4-mapped'
  if (address.subarray(0, 15).some((byte) => byte !== 0)) return 'unicast'
  if (address[15] === 0) return 'unspecified'
  return address[15] === 1 ? 'loopback' : 'unicast'
}
