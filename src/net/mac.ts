import { NatGwError } from '../errors/errors.ts'

// MAC addresses are six bytes, in the order in which they stand in a frame.

/** @returns the address; undefined unless the text is six pairs of hexadecimal digits with colons between */
export function tryParseMac(text: string): Uint8Array | undefined {
  if (!/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text)) return undefined
  return Uint8Array.from(text.split(':'), (pair) => parseInt(pair, 16))
}

/** @throws ERR_INVALID_FIELD */
export function parseMac(text: string): Uint8Array {
  const address = tryParseMac(text)
  if (address !== undefined) return address
  const expected = 'six pairs of hexadecimal digits with colons between are expected, like 02:00:00:00:00:01'
  throw new NatGwError('ERR_INVALID_FIELD', `"${text}" is not a MAC address: ${expected}`, { value: text })
}

export function formatMac(address: Uint8Array): string {
  return Array.from(address, (byte) => byte.toString(16).padStart(2, '0')).join(':')
}

export function sameMac(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && a.every((byte, i) => byte === b[i]))
}
