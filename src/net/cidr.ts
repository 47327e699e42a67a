import { NatGwError } from '../errors/errors.ts'
import type { Address } from './address.ts'
import { ADDRESS_BITS, addressProblem, familyOf, formatAddress, isIpv4, tryParseAddress } from './address.ts'

/** A prefix of either family. All bits of `address` beyond `length` are 0. */
export interface Prefix {
  address: Address
  /** 0 … 32, or 128 */
  length: number
}

const ALL_BITS = (1n << 128n) - 1n
/** By length of the prefix: a number of 128 bits, without as many at its end as are not the prefix's. */
const MASKS = {
  IPv4: Array.from({ length: 33 }, (_, length) => ALL_BITS ^ ((1n << BigInt(32 - length)) - 1n)),
  IPv6: Array.from({ length: 129 }, (_, length) => ALL_BITS ^ ((1n << BigInt(128 - length)) - 1n)),
}

function maskOf(address: Address, length: number): bigint {
  return MASKS[familyOf(address)][length] ?? ALL_BITS
}

/** The prefix, or what is wrong with the text. */
function read(text: string): Prefix | string {
  const slash = text.indexOf('/')
  if (slash < 0) {
    const host = tryParseAddress(text)
    return `a prefix length is missing; ${host === undefined ? 'a.b.c.d/32' : formatCidr(hostPrefix(host))} is one address`
  }
  const addressText = text.slice(0, slash)
  const lengthText = text.slice(slash + 1)
  const address = tryParseAddress(addressText)
  if (address === undefined) return addressProblem(addressText) ?? ''
  const longest = ADDRESS_BITS[familyOf(address)]
  if (!/^(0|[1-9][0-9]{0,2})$/.test(lengthText) || Number(lengthText) > longest) {
    return `the prefix length is a whole number of 0 … ${longest}, not "${lengthText}"`
  }
  const prefix = prefixOf(address, Number(lengthText))
  if (prefix.address !== address) return `bits beyond the prefix length are set; the network is ${formatCidr(prefix)}`
  return prefix
}

/** The prefix of `length` bits that `address` is in. */
export function prefixOf(address: Address, length: number): Prefix {
  return { address: networkOf(address, length), length }
}

/** The first address of the prefix of `length` bits that `address` is in. */
export function networkOf(address: Address, length: number): Address {
  return (address & maskOf(address, length)) as Address
}

/** The prefix that holds nothing but the address. */
export function hostPrefix(address: Address): Prefix {
  return { address, length: ADDRESS_BITS[familyOf(address)] }
}

/** @returns the prefix; undefined unless the text is `address/length` with no bits set beyond the length */
export function tryParseCidr(text: string): Prefix | undefined {
  const prefix = read(text)
  return typeof prefix === 'object' ? prefix : undefined
}

/** @returns what is wrong with the text as a prefix, undefined when it is one */
export function cidrProblem(text: string): string | undefined {
  const prefix = read(text)
  return typeof prefix === 'string' ? prefix : undefined
}

/** @throws ERR_INVALID_FIELD */
export function parseCidr(text: string): Prefix {
  const prefix = read(text)
  if (typeof prefix === 'object') return prefix
  throw new NatGwError('ERR_INVALID_FIELD', `"${text}" is not an IP prefix: ${prefix}`, { value: text })
}

export function formatCidr(prefix: Prefix): string {
  return `${formatAddress(prefix.address)}/${prefix.length}`
}

/** How many addresses the prefix holds, network and broadcast addresses included. */
export function sizeOf({ address, length }: Prefix): number {
  return 2 ** (ADDRESS_BITS[familyOf(address)] - length)
}

export function firstAddress(prefix: Prefix): Address {
  return prefix.address
}

export function lastAddress({ address, length }: Prefix): Address {
  return (address | (ALL_BITS ^ maskOf(address, length))) as Address
}

/** An address of another family is in no prefix, also not in ::/0. */
export function containsAddress(prefix: Prefix, address: Address): boolean {
  if (isIpv4(prefix.address) !== isIpv4(address)) return false
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
