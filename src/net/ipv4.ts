import { NatGwError } from '../errors/errors.ts'

// IPv4 addresses are numbers: unsigned 32 bits, host order, so that 10.0.0.1 is 0x0a000001 and ranges compare with `<`.

const FOUR_NUMBERS = /^([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)$/

/** The address, or what is wrong with the text. */
function read(text: string): number | string {
  const parts = FOUR_NUMBERS.exec(text)?.slice(1)
  if (parts === undefined) return 'four decimal numbers with dots between are expected, and nothing else'
  let address = 0
  for (const part of parts) {
    // Some readers take a leading zero for octal: 010.0.0.1 would be another machine's address there.
    if (part.length > 1 && part.startsWith('0')) {
      const decimal = parts.map((each) => each.replace(/^0+(?=[0-9])/, '')).join('.')
      return `numbers have no leading zeros; ${decimal} if decimal is meant`
    }
    if (part.length > 3 || Number(part) > 255) return `${part} is more than 255`
    address = address * 256 + Number(part)
  }
  return address
}

/** @returns the address; undefined unless the text is exactly four decimal numbers without leading zeros */
export function tryParseIpv4(text: string): number | undefined {
  const address = read(text)
  return typeof address === 'number' ? address : undefined
}

/** @returns what is wrong with the text as an IPv4 address, undefined when it is one */
export function ipv4Problem(text: string): string | undefined {
  const address = read(text)
  return typeof address === 'string' ? address : undefined
}

/** @throws ERR_INVALID_FIELD */
export function parseIpv4(text: string): number {
  const address = read(text)
  if (typeof address === 'number') return address
  throw new NatGwError('ERR_INVALID_FIELD', `"${text}" is not an IPv4 address: ${address}`, { value: text })
}

export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`
}

export type Ipv4Use = 'unicast' | 'this network' | 'loopback' | 'multicast' | 'reserved' | 'broadcast'

/** What an address may be used for: the IANA special-purpose registry (RFC 6890), as far as it forbids a host to have it. */
export function ipv4Use(address: number): Ipv4Use {
  if (address === 0xffffffff) return 'broadcast'
  const first = address >>> 24
  if (first === 0) return 'this network'
  if (first === 127) return 'loopback'
  if (first >= 240) return 'reserved'
  return first >= 224 ? 'multicast' : 'unicast'
}
