import { NatGwError } from '../errors/errors.ts'

// IPv4 addresses as text and as host-order u32 (10.0.0.1 is 0x0a000001), the form that packets and maps hold. Everything
// else has `Address` of address.ts.

const ZERO = 48
const DOT = 46
const FOUR_NUMBERS = /^([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)$/

/** @param text that is no address */
function problemOf(text: string): string {
  const parts = FOUR_NUMBERS.exec(text)?.slice(1)
  if (parts === undefined) return 'four decimal numbers with dots between are expected, and nothing else'
  const wrong = parts.find((part) => (part.length > 1 && part.startsWith('0')) || Number(part) > 255) ?? ''
  if (!wrong.startsWith('0')) return `${wrong} is more than 255`
  const decimal = parts.map((each) => each.replace(/^0+(?=[0-9])/, '')).join('.')
  return `numbers have no leading zeros; ${decimal} if decimal is meant`
}

/** @returns the address; undefined unless the text is exactly four decimal numbers without leading zeros */
export function tryParseIpv4(text: string): number | undefined {
  // By hand: 100,000 texts are read at a start, and a regular expression takes four times as long.
  let address = 0
  let at = 0
  for (let part = 0; part < 4; part++) {
    if (part > 0 && text.charCodeAt(at++) !== DOT) return undefined
    const start = at
    let number = 0
    for (let digit = text.charCodeAt(at) - ZERO; digit >= 0 && digit <= 9; digit = text.charCodeAt(++at) - ZERO) {
      number = number * 10 + digit
      if (number > 255) return undefined
    }
    // Some readers take a leading zero for octal: to them 010.0.0.1 is another machine's address.
    if (at === start || (at > start + 1 && text.charCodeAt(start) === ZERO)) return undefined
    address = address * 256 + number
  }
  return at === text.length ? address : undefined
}

/** @returns what is wrong with the text as an IPv4 address, undefined when it is one */
export function ipv4Problem(text: string): string | undefined {
  return tryParseIpv4(text) === undefined ? problemOf(text) : undefined
}

/** @throws ERR_INVALID_FIELD */
export function parseIpv4(text: string): number {
  const address = tryParseIpv4(text)
  if (address !== undefined) return address
  throw new NatGwError('ERR_INVALID_FIELD', `"${text}" is not an IPv4 address: ${problemOf(text)}`, { value: text })
}

export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`
}
