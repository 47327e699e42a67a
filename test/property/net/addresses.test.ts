import { isIPv4, isIPv6 } from 'node:net'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import * as net from '../../../src/net/address.ts'
import {
  containsAddress,
  firstAddress,
  formatCidr,
  lastAddress,
  overlaps,
  parseCidr,
  prefixOf,
} from '../../../src/net/cidr.ts'

const ipv4 = fc.integer({ min: 0, max: 0xffffffff }).map(net.ipv4Address)
const ipv6 = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => net.addressOfBytes(bytes.map((byte) => (byte < 128 ? 0 : byte))))
  .filter((address) => address !== undefined)
const address = fc.oneof(ipv4, ipv6)
const prefix = fc
  .tuple(address, fc.nat({ max: 128 }))
  .map(([each, length]) => prefixOf(each, length % (net.ADDRESS_BITS[net.familyOf(each)] + 1)))
/** Texts close to addresses: where a reader goes wrong. */
const nearly = fc.string({ unit: fc.constantFrom(...'0019af::..'.split(''), '::', '255', ' '), maxLength: 24 })

it('writes any address as text of its family that reads back the same', () => {
  fc.assert(
    fc.property(address, (each) => {
      const text = net.formatAddress(each)
      expect(net.isIpv4(each) ? isIPv4(text) : isIPv6(text)).toBe(true)
      expect(net.parseAddress(text)).toBe(each)
      expect(net.addressOfBytes(net.bytesOfAddress(each))).toBe(each)
    }),
  )
})

it('agrees with the platform on what is an address, but for IPv4 in the form of IPv6', () => {
  fc.assert(
    fc.property(fc.oneof(nearly, fc.ipV4(), fc.ipV6()), (text) => {
      const isMapped = net.addressProblem(text)?.startsWith('it is an IPv4 address') ?? false
      expect(net.tryParseAddress(text) !== undefined || isMapped).toBe(isIPv4(text) || isIPv6(text))
    }),
    { numRuns: 5000 },
  )
})

it('knows overlapping prefixes by their first and last addresses, and none of two families', () => {
  fc.assert(
    fc.property(prefix, prefix, (a, b) => {
      expect(parseCidr(formatCidr(a))).toEqual(a)
      const apart =
        net.familyOf(a.address) !== net.familyOf(b.address) ||
        lastAddress(a) < firstAddress(b) ||
        lastAddress(b) < firstAddress(a)
      expect(overlaps(a, b)).toBe(!apart)
      expect(containsAddress(a, firstAddress(b)) || containsAddress(b, firstAddress(a))).toBe(!apart)
    }),
  )
})
