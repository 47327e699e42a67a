import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Link } from '../../src/host/network-objects.ts'
import { SourceNatRules } from '../../src/host/nftables.ts'
import { inNetworkNamespace } from '../../src/native/load-native.ts'
import { offsetAddress, parseAddress } from '../../src/net/address.ts'
import { Namespaces } from './agent-namespaces.ts'

const UPLINK: Link = { ifindex: 7, name: 'up0', mtu: 1500, mac: new Uint8Array(6), up: true, carrier: true }
const ADDRESS = parseAddress('192.0.2.2')

let namespaces: Namespaces
let host: string

beforeEach(() => {
  namespaces = new Namespaces('snat')
  host = namespaces.add('host')
})
afterEach(() => namespaces.removeAll())

const inHost = (program: string, args: string[], input = '') =>
  execFileSync('nsenter', [`--net=${namespaces.path(host)}`, program, ...args], { input })
const nft = (...rules: string[]) =>
  inHost(
    'nft',
    ['-f', '-'],
    `table ip nat { chain post { type nat hook postrouting priority 100; ${rules.join('; ')}; }; }`,
  )
const iptables = (rule: string) => inHost('iptables-nft', ['-t', 'nat', '-A', 'POSTROUTING', ...rule.split(' ')])
const list = async (uplink = UPLINK, rules = new SourceNatRules()) => {
  const [listed] = inNetworkNamespace(namespaces.path(host), () => [rules.list(uplink)])
  return await listed
}

test('a host without rules changes no sources', async () => {
  expect(await list()).toEqual([])
})

describe('a rule of nftables', () => {
  test.for([
    ['masquerade', { action: 'masquerade' }],
    ['oifname up0 masquerade', { action: 'masquerade' }],
    ['oifname "up*" masquerade', { action: 'masquerade' }],
    ['oifname != docker0 masquerade', { action: 'masquerade' }],
    ['ip saddr 172.17.0.0/16 oifname "up0" masquerade', { action: 'masquerade' }],
    ['oifname "up0" ip saddr 172.17.0.0/16 tcp dport 443 masquerade', { action: 'masquerade' }],
    ['meta oif 7 masquerade', { action: 'masquerade' }],
    [
      'meta l4proto { tcp, udp } masquerade to :50000-60999',
      { action: 'masquerade', ports: { first: 50_000, last: 60_999 } },
    ],
    ['meta l4proto tcp masquerade to :50000', { action: 'masquerade', ports: { first: 50_000, last: 50_000 } }],
    ['snat to 192.0.2.2', { action: 'snat', addresses: { first: ADDRESS, last: ADDRESS } }],
    ['snat to 192.0.2.2-192.0.2.5', { action: 'snat', addresses: { first: ADDRESS, last: offsetAddress(ADDRESS, 3) } }],
    [
      'meta l4proto udp snat to 192.0.2.2:50000-50999',
      { action: 'snat', addresses: { first: ADDRESS, last: ADDRESS }, ports: { first: 50_000, last: 50_999 } },
    ],
  ] as const)('%s', async ([rule, expected]) => {
    nft(rule.includes('oif 7') ? rule.replace('oif 7', 'oif 1') : rule)
    const [found, ...more] = await list(rule.includes('oif 7') ? { ...UPLINK, ifindex: 1 } : UPLINK)
    expect(found).toEqual({
      name: expect.stringMatching(/^rule of table ip nat, chain post, handle \d+$/) as string,
      ...expected,
    })
    expect(more).toEqual([])
  })

  test.for([
    'oifname lan0 masquerade',
    'oifname "lan*" masquerade',
    'oifname != up0 masquerade',
    'oif lo masquerade',
    'counter accept',
  ])('that matches no packet to the uplink is no problem: %s', async (rule) => {
    nft(rule)
    expect(await list()).toEqual([])
  })

  test('is found after it appears and gone after it is removed', async () => {
    const rules = new SourceNatRules()
    expect(await list(UPLINK, rules)).toEqual([])
    nft('masquerade')
    expect(await list(UPLINK, rules)).toHaveLength(1)
    expect(await list(UPLINK, rules)).toHaveLength(1)
    inHost('nft', ['flush', 'ruleset'])
    expect(await list(UPLINK, rules)).toEqual([])
  })

  test('among many is found', async () => {
    nft(...Array.from({ length: 2_000 }, (_, i) => `ip saddr 10.0.${i >> 8}.${i & 255} accept`), 'masquerade')
    expect(await list()).toHaveLength(1)
  })
})

describe('a rule of iptables, as nf_tables has it', () => {
  test.for([
    ['-j MASQUERADE', { action: 'masquerade' }],
    ['-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE', { action: 'masquerade' }],
    [
      '-o up0 -p tcp -j MASQUERADE --to-ports 50000-60999',
      { action: 'masquerade', ports: { first: 50_000, last: 60_999 } },
    ],
    ['-o up0 -j SNAT --to-source 192.0.2.2', { action: 'snat', addresses: { first: ADDRESS, last: ADDRESS } }],
  ] as const)('%s', async ([rule, expected]) => {
    iptables(rule)
    expect(await list()).toEqual([{ name: expect.stringContaining('chain POSTROUTING') as string, ...expected }])
  })

  test('that is for another device is no problem', async () => {
    iptables('-o lan0 -j MASQUERADE')
    expect(await list()).toEqual([])
  })
})
