import { NatGwError } from '../errors/errors.ts'
import { formatIpv4, ipv4Problem, tryParseIpv4 } from './ipv4.ts'

/** An IPv4 prefix. All bits of `address` (host-order u32) beyond `length` are 0. */
export interface Prefix {
  address: number
  /** 0 … 32 */
  length: number
}

/** Host-order u32 whose first `length` bits are set. */
function maskOf(length: number): number {
  return length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0
}

/** The prefix, or what is wrong with the text. */
function read(text: string): Prefix | string {
  const slash = text.indexOf('/')
  if (slash < 0)
    return `a prefix length is missing; ${tryParseIpv4(text) === undefined ? 'a.b.c.d' : text}/32 is one address`
  const addressText = text.slice(0, slash)
  const lengthText = text.slice(slash + 1)
  const address = tryParseIpv4(addressText)
  if (address === undefined) return ipv4Problem(addressText) ?? ''
  if (!/^(0|[1-9][0-9]?)$/.test(lengthText) || Number(lengthText) > 32) {
    return `the prefix length is a whole number of 0 … 32, not "${lengthText}"`
  }
  const prefix = prefixOf(address, Number(lengthText))
  if (prefix.address !== address) return `bits beyond the prefix length are set; the network is ${formatCidr(prefix)}`
  return prefix
}

/** The prefix of `length` bits that `address` is in. */
export function prefixOf(address: number, length: number): Prefix {
  return { address: (address & maskOf(length)) >>> 0, length }
}

/** @returns the prefix; undefined unless the text is `a.b.c.d/n` with no bits set beyond n */
export function tryParseCidr(text: string): Prefix | undefined {
  const prefix = read(text)
  return typeof prefix === 'object' ? prefix : undefined
}

/** @returns what is wrong with the text as an IPv4 prefix, undefined when it is one */
export function cidrProblem(text: string): string | undefined {
  const prefix = read(text)
  return typeof prefix === 'string' ? prefix : undefined
}

/** @throws ERR_INVALID_FIELD */
export function parseCidr(text: string): Prefix {
  const prefix = read(text)
  if (typeof prefix === 'object') return prefix
  throw new NatGwError('ERR_INVALID_FIELD', `"${text}" is not an IPv4 prefix: ${prefix}`, { value: text })
}

export function formatCidr(prefix: Prefix): string {
  return `${formatIpv4(prefix.address)}/${prefix.length}`
}

/** How many addresses the prefix holds, network and broadcast addresses included. */
export function sizeOf(prefix: Prefix): number {
  return 2 ** (32 - prefix.length)
}

export function firstAddress(prefix: Prefix): number {
  return prefix.address
}

export function lastAddress(prefix: Prefix): number {
  return prefix.address + sizeOf(prefix) - 1
}

export function containsAddress(prefix: Prefix, address: number): boolean {
  return address >= prefix.address && address <= lastAddress(prefix)
}

/** Whether every address of `inner` is in `outer`. */
export function containsPrefix(outer: Prefix, inner: Prefix): boolean {
  return inner.length >= outer.length && containsAddress(outer, inner.address)
}

/** Of two prefixes that share an address one contains the other. */
export function overlaps(a: Prefix, b: Prefix): boolean {
  return containsPrefix(a, b) || containsPrefix(b, a)
}
