import { describe, expect, it } from 'vitest'
import { sourceNatProblems, unreadableRules } from '../../../src/checks/source-nat.ts'
import type { SourceNatRule } from '../../../src/host/network-objects.ts'
import { parseAddress } from '../../../src/net/address.ts'

const own = { prefix: '198.51.100.0/28', ports: { first: 1024, last: 65_535 }, shared: false }
const shared = { prefix: '192.0.2.2/32', ports: { first: 40_000, last: 49_999 }, shared: true }
const rule: SourceNatRule = { name: 'rule 7', action: 'masquerade' }
const at = (address: string) => ({ first: parseAddress(address), last: parseAddress(address) })

describe('a rule that changes source addresses', () => {
  it('is a problem where an address is shared and the rule says no ports', () => {
    expect(sourceNatProblems([own, shared], [rule])).toMatchObject([
      { object: 'rule 7', remedy: 'meta l4proto { tcp, udp, icmp } masquerade to :50000-65535' },
    ])
    expect(sourceNatProblems([own], [rule])).toEqual([])
  })

  it('is none where its ports are not those of NAT', () => {
    const withPorts = (first: number, last: number) =>
      sourceNatProblems([shared], [{ ...rule, ports: { first, last } }])
    expect(withPorts(50_000, 60_999)).toEqual([])
    expect(withPorts(1024, 39_999)).toEqual([])
    expect(withPorts(49_999, 60_999)).toHaveLength(1)
    expect(withPorts(1024, 65_535)).toHaveLength(1)
  })

  it('is none where its addresses are others', () => {
    const snat = (address: string) => sourceNatProblems([shared], [{ ...rule, action: 'snat', addresses: at(address) }])
    expect(snat('192.0.2.3')).toEqual([])
    expect(snat('192.0.2.2')).toMatchObject([{ remedy: 'meta l4proto { tcp, udp, icmp } snat to ADDRESS:50000-65535' }])
  })

  it('comes with a range that NAT leaves, above its own where there is room', () => {
    const high = { ...shared, ports: { first: 50_000, last: 65_535 } }
    expect(sourceNatProblems([high], [rule])[0]?.remedy).toContain(':1024-49999')
  })
})

it('rules that cannot be read are a warning beside a shared address', () => {
  expect(unreadableRules([own, shared], 'iptables-legacy')).toMatchObject([
    { severity: 'warning', remedy: expect.stringContaining('iptables-legacy-save') as string },
  ])
  expect(unreadableRules([own], 'iptables-legacy')).toEqual([])
})
