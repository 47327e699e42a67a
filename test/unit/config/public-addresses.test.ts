import { describe, expect, it } from 'vitest'
import type { GatewayConfig, PublicPrefix } from '../../../src/config/config.ts'
import { reservedAddresses } from '../../../src/config/public-addresses.ts'
import { formatAddress, parseAddress } from '../../../src/net/address.ts'

const ports = { first: 1024, last: 65535 }
const config = (...prefixes: (string | PublicPrefix)[]): GatewayConfig =>
  ({
    private: [{ interface: 'eth1', network: { namespace: 'default', name: 'n' }, prefixes: [], macs: [] }],
    publicPrefixes: prefixes.map((each) => (typeof each === 'string' ? { prefix: each, ports, shared: false } : each)),
  }) as unknown as GatewayConfig
const uplink = { device: 'eth0', address: parseAddress('203.0.113.2'), prefixLength: 24 }

describe('addresses that NAT may not give out', () => {
  it('are the host’s own, its routers’, and both ends of its subnets', () => {
    const reserved = reservedAddresses(config('203.0.113.0/24'), [uplink], [parseAddress('203.0.113.1')])
    expect(reserved.map(formatAddress).sort()).toEqual(['203.0.113.0', '203.0.113.1', '203.0.113.2', '203.0.113.255'])
  })

  it('are not those the host shares with NAT', () => {
    const shared = { prefix: '203.0.113.2/32', ports: { first: 40000, last: 49999 }, shared: true }
    expect(reservedAddresses(config(shared), [uplink], [])).not.toContain(parseAddress('203.0.113.2'))
  })

  it('have no ends in point-to-point subnets', () => {
    const link = { device: 'eth0', address: parseAddress('203.0.113.4'), prefixLength: 31 }
    expect(reservedAddresses(config('203.0.113.0/24'), [link], [])).toEqual([parseAddress('203.0.113.4')])
  })
})

it('a public prefix that overlaps the subnet of a private device is refused, naming both', () => {
  const inside = { device: 'eth1', address: parseAddress('10.0.0.254'), prefixLength: 24 }
  const refuse = (): unknown => reservedAddresses(config('10.0.0.64/28'), [uplink, inside], [])
  expect(refuse).toThrow(/10\.0\.0\.64\/28.*10\.0\.0\.0\/24.*eth1/)
})
