// One value for an address of either family.
import { NatGwError } from '../errors/errors.ts'
import { formatIpv4, ipv4Problem, tryParseIpv4 } from './ipv4.ts'
import { formatIpv6, tryParseIpv6 } from './ipv6.ts'

declare const brand: unique symbol

/**
 * An IPv4 or IPv6 address as a number of 128 bits; an IPv4 address is ::ffff:a.b.c.d (RFC 4291 §2.5.5.2), as in the maps
 * that hold both families. Two equal addresses are `===` and one key of a Map; addresses of one family compare with `<`.
 */
export type Address = bigint & { readonly [brand]: 'Address' }

export type AddressFamily = 'IPv4' | 'IPv6'

/** Bits of an address, and so the longest prefix of its family. */
export const ADDRESS_BITS: Readonly<Record<AddressFamily, 32 | 128>> = { IPv4: 32, IPv6: 128 }

const FIRST_IPV4 = 0xffff_0000_0000n
const LAST_IPV4 = 0xffff_ffff_ffffn
const IPV6_EXPECTED = 'an IPv6 address is eight groups of up to four hexadecimal digits, one run of zero groups as "::"'

export function isIpv4(address: Address): boolean {
  return address >= FIRST_IPV4 && address <= LAST_IPV4
}

export function familyOf(address: Address): AddressFamily {
  return isIpv4(address) ? 'IPv4' : 'IPv6'
}

/** @returns the address; undefined unless the text is exactly one. An IPv4 address in the form of IPv6 is none. */
export function tryParseAddress(text: string): Address | undefined {
  const word = tryParseIpv4(text)
  if (word !== undefined) return ipv4Address(word)
  const value = text.includes(':') ? tryParseIpv6(text) : undefined
  return value === undefined || isIpv4(value as Address) ? undefined : (value as Address)
}

/** @returns what is wrong with the text as an address, undefined when it is one */
export function addressProblem(text: string): string | undefined {
  if (tryParseAddress(text) !== undefined) return undefined
  if (!text.includes(':')) return ipv4Problem(text)
  const mapped = tryParseIpv6(text)
  return mapped === undefined ? IPV6_EXPECTED : `it is an IPv4 address; write ${formatAddress(mapped as Address)}`
}

/** @throws ERR_INVALID_FIELD */
export function parseAddress(text: string): Address {
  const address = tryParseAddress(text)
  if (address !== undefined) return address
  const message = `"${text}" is not an IP address: ${addressProblem(text) ?? ''}`
  throw new NatGwError('ERR_INVALID_FIELD', message, { value: text })
}

/** The one canonical text: equal addresses are equal texts. */
export function formatAddress(address: Address): string {
  return isIpv4(address) ? formatIpv4(lastWord(address)) : formatIpv6(address)
}

/** For sorting; all IPv4 addresses stand together, in their order. */
export function compareAddresses(a: Address, b: Address): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The address that stands so many after it; before it for a negative number. */
export function offsetAddress(address: Address, by: number): Address {
  return (address + BigInt(by)) as Address
}

/** @param word host-order u32, as maps and packets hold IPv4 addresses */
export function ipv4Address(word: number): Address {
  return (FIRST_IPV4 | BigInt(word)) as Address
}

/**
 * @returns why the data plane cannot serve the address, undefined when it can. Every place that serves IPv4 only asks
 * here.
 */
export function unsupportedFamily(address: Address): string | undefined {
  return isIpv4(address) ? undefined : 'IPv6 is not supported yet; IPv4 is'
}

/** @returns the address. @throws ERR_INVALID_FIELD for one that the data plane cannot serve */
export function requireSupported(address: Address): Address {
  const problem = unsupportedFamily(address)
  if (problem === undefined) return address
  const value = formatAddress(address)
  throw new NatGwError('ERR_INVALID_FIELD', `${value}: ${problem}`, { value })
}

/** The host-order u32 of an IPv4 address. @throws ERR_INVALID_FIELD for an IPv6 address */
export function ipv4Word(address: Address): number {
  return lastWord(requireSupported(address))
}

/** @param bytes in network order. @returns undefined unless they are 4, or 16 that are not an IPv4 address */
export function addressOfBytes(bytes: Uint8Array): Address | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length === 4) return ipv4Address(view.getUint32(0))
  if (bytes.length !== 16) return undefined
  const address = ((view.getBigUint64(0) << 64n) | view.getBigUint64(8)) as Address
  return isIpv4(address) ? undefined : address
}

/** In network order: 4 bytes of an IPv4 address, 16 of an IPv6 address. */
export function bytesOfAddress(address: Address): Uint8Array {
  const bytes = mappedBytes(address)
  return isIpv4(address) ? bytes.subarray(12) : bytes
}

/** 16 bytes in network order, also of an IPv4 address: a key of maps that hold both families. */
export function mappedBytes(address: Address): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, address >> 64n)
  view.setBigUint64(8, BigInt.asUintN(64, address))
  return bytes
}

export type AddressUse =
  'unicast' | 'this network' | 'unspecified' | 'loopback' | 'multicast' | 'reserved' | 'broadcast'

/**
 * What an address may be used for, as far as it forbids a host to have it: the IANA special-purpose registries of both
 * families (RFC 6890), and RFC 4291 §2.4.
 */
export function addressUse(address: Address): AddressUse {
  if (isIpv4(address)) return ipv4Use(lastWord(address))
  if (address >> 120n === 0xffn) return 'multicast'
  if (address === 0n) return 'unspecified'
  return address === 1n ? 'loopback' : 'unicast'
}

function ipv4Use(word: number): AddressUse {
  if (word === 0xffffffff) return 'broadcast'
  const first = word >>> 24
  if (first === 0) return 'this network'
  if (first === 127) return 'loopback'
  if (first >= 240) return 'reserved'
  return first >= 224 ? 'multicast' : 'unicast'
}

function lastWord(address: Address): number {
  return Number(BigInt.asUintN(32, address))
}
