import { describe, expect, test } from 'vitest'
import { uplinkState } from '../../../src/agent/desired/uplink.ts'
import type { Neighbour, Route } from '../../../src/agent/netlink/model.ts'
import { neighbourKey } from '../../../src/agent/netlink/model.ts'
import { formatCidr } from '../../../src/net/cidr.ts'
import { formatIpv4, parseIpv4 } from '../../../src/net/ipv4.ts'
import { parseMac } from '../../../src/net/mac.ts'
import { PRIVATE_A, UPLINK, host, link, neighbour, route } from './world.ts'

const OTHER = 9
const GATEWAY = parseIpv4('192.0.2.254')
const MAC = '02:00:00:00:02:54'

function uplink(routes: Route[], neighbours: Neighbour[] = [], present = true) {
  const links = [link(UPLINK, 'up0'), link(PRIVATE_A, 'in0'), link(OTHER, 'mgmt0')]
  const snapshot = host({ routes, neighbours, links })
  const device = present ? snapshot.links.get(UPLINK) : undefined
  const state = uplinkState(routes, snapshot.links, snapshot.neighbours, device, new Set([PRIVATE_A]))
  const ways = Object.fromEntries(
    state.routes.map(({ address, prefixLength, type, nextHop }) => [
      formatCidr({ address, length: prefixLength }),
      nextHop === undefined ? type : `${type} ${formatIpv4(nextHop)}`,
    ]),
  )
  return { ...state, ways }
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
    expect(kept).toEqual([neighbourKey(UPLINK, parseIpv4('192.0.2.7'))])
  })

  test('a neighbour that is reached by a gateway, or is on another device, gets no /32', () => {
    const routes = [route('0.0.0.0/0', { gateway: GATEWAY }), route('192.0.2.0/24')]
    const neighbours = [neighbour(UPLINK, '198.51.100.1', MAC), neighbour(PRIVATE_A, '192.0.2.9', MAC)]
    expect(Object.keys(uplink(routes, neighbours).ways)).toEqual(['0.0.0.0/0', '192.0.2.0/24'])
  })

  test('of equal prefixes the smallest metric, of the table default only what main does not cover', () => {
    const routes = [
      route('0.0.0.0/0', { gateway: parseIpv4('192.0.2.3'), metric: 200 }),
      route('0.0.0.0/0', { gateway: GATEWAY, metric: 100 }),
      route('198.51.100.0/24', { gateway: parseIpv4('192.0.2.4'), table: 253 }),
    ]
    expect(uplink(routes).ways).toEqual({ '0.0.0.0/0': 'via 192.0.2.254' })
    expect(uplink(routes.slice(2)).ways).toEqual({ '198.51.100.0/24': 'via 192.0.2.4' })
  })

  test("a route's own MTU counts, the smallest of those by one gateway", () => {
    const routes = [route('0.0.0.0/0', { gateway: GATEWAY }), route('10.9.0.0/16', { gateway: GATEWAY, mtu: 1400 })]
    expect(uplink(routes).nextHops).toMatchObject([{ mtu: 1400 }])
  })

  test('never leads inside, nor where the administrator rejects', () => {
    const routes = [
      route('10.0.0.0/24', { ifindex: PRIVATE_A }),
      route('203.0.113.0/24', { type: 'reject', ifindex: 0 }),
    ]
    const { ways, notes } = uplink([...routes, route('0.0.0.0/0', { gateway: GATEWAY })])
    expect(ways).toMatchObject({ '10.0.0.0/24': 'reject', '203.0.113.0/24': 'reject' })
    expect(notes).toEqual([])
  })

  test('by another device or an IPv6 next hop is not supported: dropped, and said', () => {
    const { ways, notes } = uplink([
      route('0.0.0.0/0', { gateway: GATEWAY }),
      route('172.16.0.0/12', { ifindex: OTHER }),
      route('198.51.100.0/24', { gatewayIpv6: true }),
    ])
    expect(ways).toMatchObject({ '172.16.0.0/12': 'reject', '198.51.100.0/24': 'reject' })
    expect(notes[0]).toContain('172.16.0.0/12 leads through mgmt0')
    expect(notes[1]).toContain('198.51.100.0/24')
  })

  test('is said to be missing where no route leads out', () => {
    expect(uplink([route('10.0.0.0/24', { ifindex: PRIVATE_A })]).notes).toEqual([
      'no route leads out of up0: all traffic from private machines is dropped',
    ])
  })

  test('is closed while the uplink does not exist', () => {
    expect(uplink([route('172.16.0.0/12', { ifindex: OTHER })], [], false)).toMatchObject({
      ways: { '172.16.0.0/12': 'reject' },
      nextHops: [],
      notes: [],
    })
  })
})
