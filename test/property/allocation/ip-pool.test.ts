import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IpPool } from '../../../src/allocation/ip-pool.ts'
import { FIRST_NETWORK_ID, LAST_NETWORK_ID, nextNetworkId } from '../../../src/allocation/network-ids.ts'
import { formatAddress, ipv4Address } from '../../../src/net/address.ts'
import { formatCidr, parseCidr, prefixOf } from '../../../src/net/cidr.ts'

// A corner of 64 addresses, so that prefixes and holes overlap often.
const cidr = fc
  .tuple(fc.integer({ min: 0xc6336400, max: 0xc633643f }), fc.integer({ min: 27, max: 32 }))
  .map(([address, length]) => formatCidr(prefixOf(ipv4Address(address), length)))
const corner = Array.from({ length: 64 }, (_, n) => formatAddress(ipv4Address(0xc6336400 + n)))

describe('a pool of public addresses', () => {
  it('gives each address once, in order, all of them, none that is reserved, and finds them all', () => {
    const prefixes = fc.array(fc.record({ prefix: cidr, first: fc.constantFrom(1024, 2000) }), { maxLength: 4 })
    fc.assert(
      fc.property(prefixes, fc.array(cidr, { maxLength: 3 }), (list, reserved) => {
        const source = list.map(({ prefix, first }) => ({ prefix, ports: { first, last: 65535 }, shared: false }))
        const pool = new IpPool(source, reserved.map(parseCidr))
        const covers = (prefix: string) => {
          const only = new IpPool([{ prefix, ports: { first: 1, last: 1 }, shared: false }])
          return (ip: string) => only.find(ip) !== undefined
        }
        const all = source
          .flatMap(({ prefix, ports }) => corner.filter(covers(prefix)).map((ip) => ({ ip, ports, shared: false })))
          .filter(({ ip }, index, all) => all.findIndex((other) => other.ip === ip) === index)
        const expected = all.filter(({ ip }) => !reserved.some((hole) => covers(hole)(ip)))
        const given = new Map<string, unknown>()
        for (let next = pool.next((ip) => given.has(ip)); next; next = pool.next((ip) => given.has(ip)))
          given.set(next.ip, next)
        expect([...given.values()]).toEqual(expected)
        expect(pool.size).toBe(expected.length)
        const known = corner.flatMap((ip) => pool.find(ip) ?? [])
        expect(new Map(known.map((each) => [each.ip, each]))).toEqual(new Map(all.map((each) => [each.ip, each])))
      }),
    )
  })
})

describe('network IDs', () => {
  it('are in range, free, and a function of the seed and what is taken', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(20), (seed, count) => {
        const taken = new Set<number>()
        for (let n = 0; n <= count; n++) {
          const id = nextNetworkId(seed, (each) => taken.has(each))!
          expect(id).toBeGreaterThanOrEqual(FIRST_NETWORK_ID)
          expect(id).toBeLessThanOrEqual(LAST_NETWORK_ID)
          expect(taken.has(id)).toBe(false)
          expect(nextNetworkId(seed, (each) => taken.has(each))).toBe(id)
          taken.add(id)
        }
      }),
    )
  })
})
