import { describe, expect, test } from 'vitest'
import { routeProblems } from '../../../src/desired/route-problems.ts'
import { uplinkState } from '../../../src/desired/uplink.ts'
import type { Neighbour, Route } from '../../../src/host/network-objects.ts'
import { neighbourKey } from '../../../src/host/network-objects.ts'
import type { Address } from '../../../src/net/address.ts'
import { formatAddress, parseAddress } from '../../../src/net/address.ts'
import { formatCidr } from '../../../src/net/cidr.ts'
import { parseMac } from '../../../src/net/mac.ts'
import { host, link, neighbour, PRIVATE_A, route, UPLINK } from './world.ts'

const OTHER = 9
const GATEWAY = parseAddress('192.0.2.254')
const MAC = '02:00:00:00:02:54'

function uplink(routes: Route[], neighbours: Neighbour[] = [], present = true, silent: Address[] = []) {
  const links = [link(UPLINK, 'up0'), link(PRIVATE_A, 'in0'), link(OTHER, 'mgmt0')]
  const snapshot = host({ routes, neighbours, links })
  const device = present ? snapshot.links.get(UPLINK) : undefined
  const privateDevices = new Set([PRIVATE_A])
  const state = uplinkState(routes, snapshot.neighbours, device, privateDevices)
  const ways = Object.fromEntries(
    state.routes.map(({ address, prefixLength, type, nextHop }) => [
      formatCidr({ address, length: prefixLength }),
      nextHop === undefined ? type : `${type} ${formatAddress(nextHop)}`,
    ]),
  )
  const problems = routeProblems({
    state,
    links: snapshot.links,
    uplink: device,
    privateDevices,
    silentRouters: silent,
  })
  const told = problems.map(({ severity, object, reason }) => `${severity} ${object} ${reason}`)
  return { ...state, ways, told, problems }
}

describe('the way out', () => {
  test('leads by the gateway of the default route, resolved or not yet', () => {
    const routes = [route('0.0.0.0/0', { gateway: GATEWAY })]
    expect(uplink(routes).ways).toEqual({ '0.0.0.0/0': 'via 192.0.2.254' })
    expect(uplink(routes).nextHops).toEqual([
      { address: GATEWAY, ifindex: UPLINK, mtu: 1500, sourceMac: parseMac('02:00:00:00:00:02') },
    ])
    expect(uplink(routes, [neighbour(UPLINK, '192.0.2.254', MAC)]).nextHops[0]?.destinationMac).toEqual(parseMac(MAC))
  })

  test('is on the link for the connected subnet, with a /32 for each neighbour there that is resolved', () => {
    const neighbours = [neighbour(UPLINK, '192.0.2.7', MAC), neighbour(UPLINK, '192.0.2.8', undefined)]
    const { ways, neighbours: kept } = uplink([route('192.0.2.0/24')], neighbours)
    expect(ways).toEqual({ '192.0.2.0/24': 'on-link', '192.0.2.7/32': 'via 192.0.2.7' })
    expect(kept).toEqual([neighbourKey(UPLINK, parseAddress('192.0.2.7'))])
  })

  test('a neighbour that is reached by a gateway, or is on another device, gets no /32', () => {
    const routes = [route('0.0.0.0/0', { gateway: GATEWAY }), route('192.0.2.0/24')]
    const neighbours = [neighbour(UPLINK, '198.51.100.1', MAC), neighbour(PRIVATE_A, '192.0.2.9', MAC)]
    expect(Object.keys(uplink(routes, neighbours).ways)).toEqual(['0.0.0.0/0', '192.0.2.0/24'])
  })

  test('does not lead to private devices, and what does is known as inside; other devices are not', () => {
    const { routes } = uplink([route('10.0.0.0/24', { ifindex: PRIVATE_A }), route('10.9.0.0/24', { ifindex: OTHER })])
    expect(routes.map(({ type, insideDevice }) => [type, insideDevice])).toEqual([
      ['reject', PRIVATE_A],
      ['reject', undefined],
    ])
  })

  test('of equal prefixes the smallest metric, of the table default only what main does not cover', () => {
    const routes = [
      route('0.0.0.0/0', { gateway: parseAddress('192.0.2.3'), metric: 200 }),
      route('0.0.0.0/0', { gateway: GATEWAY, metric: 100 }),
      route('198.51.100.0/24', { gateway: parseAddress('192.0.2.4'), table: 253 }),
    ]
    expect(uplink(routes).ways).toEqual({ '0.0.0.0/0': 'via 192.0.2.254' })
    expect(uplink(routes.slice(2)).ways).toEqual({ '198.51.100.0/24': 'via 192.0.2.4' })
  })

  test('has the MTU of the route, not of the router: one gateway with two MTUs is two next hops', () => {
    const { routes, nextHops, neighbours } = uplink([
      route('0.0.0.0/0', { gateway: GATEWAY }),
      route('198.18.0.0/15', { gateway: GATEWAY, mtu: 1400 }),
    ])
    expect(routes).toMatchObject([
      { address: parseAddress('0.0.0.0'), nextHop: GATEWAY, mtu: 1500 },
      { address: parseAddress('198.18.0.0'), nextHop: GATEWAY, mtu: 1400 },
    ])
    expect(nextHops).toMatchObject([
      { address: GATEWAY, mtu: 1500 },
      { address: GATEWAY, mtu: 1400 },
    ])
    expect(neighbours).toEqual([neighbourKey(UPLINK, GATEWAY)])
  })

  test('never has a larger MTU than the uplink', () => {
    expect(uplink([route('0.0.0.0/0', { gateway: GATEWAY, mtu: 9000 })]).nextHops).toMatchObject([{ mtu: 1500 }])
  })

  test('never leads inside, nor where the administrator rejects', () => {
    const routes = [
      route('10.0.0.0/24', { ifindex: PRIVATE_A }),
      route('203.0.113.0/24', { type: 'reject', ifindex: 0 }),
    ]
    const { ways, told } = uplink([...routes, route('0.0.0.0/0', { gateway: GATEWAY })])
    expect(ways).toMatchObject({ '10.0.0.0/24': 'reject', '203.0.113.0/24': 'reject' })
    expect(told).toEqual([])
  })

  test('is closed for prefixes of other devices and IPv6 next hops', () => {
    const { ways } = uplink([
      route('172.16.0.0/12', { ifindex: OTHER }),
      route('198.51.100.0/24', { gateway: parseAddress('fe80::1') }),
    ])
    expect(ways).toEqual({ '172.16.0.0/12': 'reject', '198.51.100.0/24': 'reject' })
  })

  test('is closed while the uplink does not exist', () => {
    expect(uplink([route('172.16.0.0/12', { ifindex: OTHER })], [], false)).toMatchObject({
      ways: { '172.16.0.0/12': 'reject' },
      nextHops: [],
      told: [],
    })
  })
})

describe('status says why nobody, or not everything, gets out', () => {
  const standard = route('0.0.0.0/0', { gateway: GATEWAY })

  test.each<[string, Route[], string[]]>([
    ['nothing while there is a default route by the uplink', [standard], []],
    ['no default route', [route('192.0.2.0/24')], ['error device up0 NoDefaultRoute']],
    [
      'no default route, but others by a router',
      [route('172.16.0.0/12', { gateway: GATEWAY })],
      ['warning device up0 NoDefaultRoute'],
    ],
    [
      'a default route by a management device',
      [{ ...standard, ifindex: OTHER }],
      ['error route default RouteElsewhere'],
    ],
    [
      'a default route without a gateway there',
      [route('0.0.0.0/0', { ifindex: OTHER })],
      ['error route default RouteElsewhere'],
    ],
    [
      'a default route with an IPv6 next hop',
      [route('0.0.0.0/0', { gateway: parseAddress('fe80::1') })],
      ['error route default RouteNotFollowed'],
    ],
    [
      'a default route that rejects',
      [route('0.0.0.0/0', { type: 'reject', ifindex: 0 })],
      ['error route default RouteRejects'],
    ],
    [
      'a destination by another device',
      [standard, route('172.16.0.0/12', { ifindex: OTHER, gateway: GATEWAY })],
      ['warning route 172.16.0.0/12 RouteElsewhere'],
    ],
    ['not the subnet of another device', [standard, route('172.16.0.0/12', { ifindex: OTHER })], []],
    [
      'a destination with an IPv6 next hop',
      [standard, route('198.51.100.0/24', { gateway: parseAddress('fe80::1') })],
      ['warning route 198.51.100.0/24 RouteNotFollowed'],
    ],
  ])('%s', (_, routes, expected) => {
    expect(uplink(routes).told).toEqual(expected)
  })

  test('a router that does not answer', () => {
    const { told, problems } = uplink([standard], [], true, [GATEWAY])
    expect(told).toEqual(['error router 192.0.2.254 RouterSilent'])
    expect(problems[0]?.message).toContain('does not answer ARP on up0')
  })

  test('a bounded number of destinations', () => {
    const many = Array.from({ length: 100 }, (_, n) => route(`172.16.${n}.0/24`, { ifindex: OTHER, gateway: GATEWAY }))
    expect(uplink([standard, ...many]).told).toHaveLength(20)
  })
})
