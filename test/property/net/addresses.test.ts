import fc from 'fast-check'
import { isIPv4, isIPv6 } from 'node:net'
import { expect, it } from 'vitest'
import {
  containsAddress,
  firstAddress,
  lastAddress,
  overlaps,
  parseCidr,
  prefixOf,
  formatCidr,
} from '../../../src/net/cidr.ts'
import { formatIpv4, parseIpv4, tryParseIpv4 } from '../../../src/net/ipv4.ts'
import { formatIpv6, parseIpv6, tryParseIpv6 } from '../../../src/net/ipv6.ts'

const u32 = fc.integer({ min: 0, max: 0xffffffff })
const prefix = fc.tuple(u32, fc.integer({ min: 0, max: 32 })).map(([address, length]) => prefixOf(address, length))
const sixteenBytes = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => bytes.map((byte) => (byte < 128 ? 0 : byte)))
/** Texts close to addresses: where a reader goes wrong. */
const nearly = fc.string({ unit: fc.constantFrom(...'0019af::..'.split(''), '::', '255', ' '), maxLength: 24 })

it('writes any IPv4 address as text that reads back the same', () => {
  fc.assert(fc.property(u32, (address) => parseIpv4(formatIpv4(address)) === address))
})

it('writes any IPv6 address as text that reads back the same', () => {
  fc.assert(
    fc.property(sixteenBytes, (bytes) => {
      expect(isIPv6(formatIpv6(bytes))).toBe(true)
      expect(parseIpv6(formatIpv6(bytes))).toEqual(bytes)
    }),
  )
})

it('agrees with the platform on what is an address', () => {
  fc.assert(
    fc.property(fc.oneof(nearly, fc.ipV4(), fc.ipV6()), (text) => {
      expect(tryParseIpv4(text) !== undefined).toBe(isIPv4(text))
      expect(tryParseIpv6(text) !== undefined).toBe(isIPv6(text))
    }),
    { numRuns: 5000 },
  )
})

it('knows overlapping prefixes by their first and last addresses', () => {
  fc.assert(
    fc.property(prefix, prefix, (a, b) => {
      expect(parseCidr(formatCidr(a))).toEqual(a)
      const apart = lastAddress(a) < firstAddress(b) || lastAddress(b) < firstAddress(a)
      expect(overlaps(a, b)).toBe(!apart)
      expect(containsAddress(a, firstAddress(b)) || containsAddress(b, firstAddress(a))).toBe(!apart)
    }),
  )
})
