import { expect, test } from 'vitest'
import { neighbourKey, neighbourOfKey } from '../../../src/host/network-objects.ts'
import { parseAddress } from '../../../src/net/address.ts'

const PARTS = ['0.0.0.0', '192.0.2.1', '255.255.255.255', '::', '::1', 'fe80::1', 'ffff::'].flatMap((text) =>
  [1, 7, 2 ** 31 - 1].map((ifindex) => ({ ifindex, address: parseAddress(text) })),
)

test('a neighbour’s key gives back device and address, and is no other neighbour’s', () => {
  const keys = PARTS.map(({ ifindex, address }) => neighbourKey(ifindex, address))
  expect(keys.map(neighbourOfKey)).toEqual(PARTS)
  expect(new Set(keys).size).toBe(PARTS.length)
})
