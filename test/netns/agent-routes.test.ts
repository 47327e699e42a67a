import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { unloadDataplane } from '../../src/kernel/loader.ts'
import { DataplaneMaps } from '../../src/kernel/pinned-maps.ts'
import { parseIpv4 } from '../../src/net/ipv4.ts'
import { network, networkId } from '../unit/desired/world.ts'
import type { AgentProcess } from './agent-lab.ts'
import { GatewayLab } from './agent-lab.ts'
import { eventually } from './agent-namespaces.ts'

let lab: GatewayLab
let agent: AgentProcess
let maps: DataplaneMaps

const hopOf = (prefix: string, prefixLength: number) => {
  const found = maps.routes.get({ prefixLength, address: parseIpv4(prefix) })
  return found && maps.nextHops.get(found.nextHop)
}
const ip = (command: string) => lab.namespaces.ip(lab.gateway, command)

beforeEach(async () => {
  lab = new GatewayLab()
  agent = await lab.start([network('blue'), networkId(7, 'blue')])
  maps = new DataplaneMaps(lab.instance)
})

afterEach(async () => {
  try {
    maps.close()
    await agent.kill()
    unloadDataplane(lab.instance)
  } finally {
    lab.namespaces.removeAll()
  }
})

test('the MTU of a route holds for its destination, not for other destinations of its router', async () => {
  ip('route add 198.18.0.0/15 via 192.0.2.254 mtu 1400')
  await eventually('the route', () => hopOf('198.18.0.0', 15)?.hop.mtu === 1400)
  expect(hopOf('0.0.0.0', 0)).toMatchObject({ hop: { mtu: 1500 }, address: parseIpv4('192.0.2.254') })
  ip('route replace 198.18.0.0/15 via 192.0.2.254 mtu 1300')
  await eventually('its new MTU', () => hopOf('198.18.0.0', 15)?.hop.mtu === 1300)
  ip('route del 198.18.0.0/15')
  await eventually('its end', () =>
    [...maps.nextHops.entries()].every(([, { hop }]) => hop.mtu === 0 || hop.mtu === 1500),
  )
})

describe('status says why nobody gets out', () => {
  test('while the default route is missing or leads by another device', async () => {
    expect(await agent.problems()).toEqual([])
    ip('route del default')
    expect(await agent.awaitProblem('NoDefaultRoute')).toMatchObject({ severity: 'error' })
    ip('link add mgmt0 type veth peer name mgmt1')
    ip('addr add 172.20.0.1/24 dev mgmt0')
    ip('link set mgmt0 up')
    ip('link set mgmt1 up')
    ip('route add default via 172.20.0.254')
    const found = await agent.awaitProblem('RouteElsewhere')
    expect(found.message).toContain('through mgmt0, not the uplink up0')
    ip('-4 route replace default via inet6 fe80::1 dev up0')
    await agent.awaitProblem('RouteNotFollowed')
    ip('route replace default nexthop via 172.20.0.254 dev mgmt0 nexthop via 192.0.2.254 dev up0')
    ip('link set mgmt0 down')
    // The kernel takes the dead next hop out of the choice: the other one is followed.
    await eventually('the live next hop', () => hopOf('0.0.0.0', 0)?.address === parseIpv4('192.0.2.254'))
    await agent.awaitNoProblem('RouteElsewhere')
    ip('route replace unreachable default')
    await agent.awaitProblem('RouteRejects')
    ip('route replace default via 192.0.2.254')
    await agent.awaitNoProblem('RouteRejects')
    expect(await agent.problems()).toEqual([])
  })

  test('while the router does not answer', async () => {
    lab.namespaces.ip(lab.internet, 'addr flush dev inet0')
    ip('neigh flush dev up0')
    expect(await agent.awaitProblem('RouterSilent')).toMatchObject({ object: 'router 192.0.2.254' })
    lab.namespaces.ip(lab.internet, 'addr add 192.0.2.254/24 dev inet0')
    await agent.awaitNoProblem('RouterSilent')
  })
})
