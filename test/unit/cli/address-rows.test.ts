import { describe, expect, it } from 'vitest'
import type { AddressRow } from '../../../src/cli/address-rows.ts'
import { addressRows } from '../../../src/cli/address-rows.ts'
import { AddressFlags } from '../../../src/dataplane/generated/layouts.ts'
import type { DataplaneMaps } from '../../../src/kernel/pinned-maps.ts'
import { parseAddress } from '../../../src/net/address.ts'
import { parseIpv4 } from '../../../src/net/ipv4.ts'

function answers(flags: number, isHosts: boolean, uplinkAttached: boolean): AddressRow['answeredBy'] | undefined {
  const address = { firstSlice: 0, firstPort: 1024, lastPort: 2047, sliceSize: 64, flags }
  const entries = new Map([[{ address: parseIpv4('198.51.100.1') }, address]])
  const own = new Set([parseAddress(isHosts ? '198.51.100.1' : '192.0.2.1')])
  const [row] = addressRows({ addresses: entries as unknown as DataplaneMaps['addresses'] }, own, uplinkAttached)
  return row?.answeredBy
}

describe('who answers ARP for a public address', () => {
  it.each([
    ['natgw alone for one that is NAT’s alone', 0, false, true, 'natgw'],
    ['natgw before the host where both have it', 0, true, true, 'natgw'],
    ['nobody while the uplink has no program', 0, false, false, 'nobody'],
    ['the host for one that it has, while the uplink has no program', 0, true, false, 'host'],
    ['the host for a shared one', AddressFlags.ADDRESS_SHARED, true, true, 'host'],
    ['nobody for a shared one that the host lost', AddressFlags.ADDRESS_SHARED, false, true, 'nobody'],
  ])('is %s', (_, flags, isHosts, uplinkAttached, expected) => {
    expect(answers(flags, isHosts, uplinkAttached)).toBe(expected)
  })
})
