import { execFileSync } from 'node:child_process'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { NextHopFlags } from '../../src/dataplane/generated/layouts.ts'
import { unloadDataplane } from '../../src/kernel/loader.ts'
import { DataplaneMaps } from '../../src/kernel/pinned-maps.ts'
import { openLink, pinnedLinks } from '../../src/kernel/pins.ts'
import { parseIpv4 } from '../../src/net/ipv4.ts'
import { formatMac } from '../../src/net/mac.ts'
import { natTable, network, networkId, networkInterface } from '../unit/desired/world.ts'
import type { AgentProcess } from './agent-lab.ts'
import { GatewayLab } from './agent-lab.ts'
import { eventually } from './agent-namespaces.ts'

const VM = '10.0.0.1'
const OBJECTS = [
  network('blue'),
  networkId(7, 'blue'),
  networkInterface('vm', VM),
  natTable('203.0.113.1', [['vm', VM]]),
]
const GOOD = { status: 'True', reason: 'Programmed' }

let lab: GatewayLab
let maps: DataplaneMaps
let agent: AgentProcess

const theInterface = (ip = VM) => maps.interfaces.get({ vni: 7, address: parseIpv4(ip) })
const theSlice = () => maps.slices.get(theInterface()?.slice ?? 0)
const reachable = () => ((theSlice()?.inside.flags ?? 0) & NextHopFlags.NEXT_HOP_RESOLVED) !== 0
/** MAC of the next hop for a destination with a route of exactly this prefix. */
const wayOut = (prefix: string, length: number) => {
  const found = maps.routes.get({ prefixLength: length, address: parseIpv4(prefix) })
  const hop = found && maps.nextHops.get(found.nextHop)?.hop
  return hop && (hop.flags & NextHopFlags.NEXT_HOP_RESOLVED) !== 0 ? formatMac(hop.destinationMac) : undefined
}
const attached = () =>
  pinnedLinks(lab.instance)
    .map(({ role, ifindex }) => `${role} ${ifindex}`)
    .sort()

async function condition(expected: object): Promise<void> {
  const end = performance.now() + 10_000
  for (;;) {
    const { vm } = await agent.conditions()
    if (performance.now() > end || vm?.reason === (expected as { reason: string }).reason) {
      expect(vm).toEqual(expected)
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function served(): Promise<void> {
  await eventually('the machine and the gateway being resolved', () => reachable() && wayOut('0.0.0.0', 0))
  await condition(GOOD)
}

describe('the agent', () => {
  beforeEach(async () => {
    lab = new GatewayLab()
    agent = await lab.start(OBJECTS)
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

  test('puts objects, routes and neighbours into the maps, attaches the programs, and says so', async () => {
    await served()
    expect(maps.settings.get(0)).toMatchObject({ enabled: 1, uplinkIfindex: lab.ifindex('up0') })
    expect(maps.devices.get(lab.ifindex('in0'))).toMatchObject({ vni: 7 })
    expect(theInterface()?.ifindex).toBe(lab.ifindex('in0'))
    expect(theSlice()).toMatchObject({ publicAddress: parseIpv4('203.0.113.1'), firstPort: 1024, size: 64 })
    expect(formatMac(theSlice()!.inside.destinationMac)).toBe(lab.mac(lab.machine, 'vm0'))
    expect(formatMac(theSlice()!.inside.sourceMac)).toBe(lab.mac(lab.gateway, 'in0'))
    expect(wayOut('0.0.0.0', 0)).toBe(lab.mac(lab.internet, 'inet0'))
    expect(attached()).toEqual([`private ${lab.ifindex('in0')}`, `uplink ${lab.ifindex('up0')}`])
  })

  test('writes and repairs nothing when it starts again on the same state, after a stop and after kill -9', async () => {
    await served()
    for (const end of [() => agent.stop(), () => agent.kill()]) {
      await end()
      agent = await lab.start(OBJECTS)
      await condition(GOOD)
      // Two comparisons go by.
      await new Promise((resolve) => setTimeout(resolve, 2500))
      const { synced, repairs } = await agent.counts()
      expect(synced.writes).toBe(0)
      expect(repairs).toEqual({ entries: {}, programs: 0 })
    }
  })

  test('ends by itself when stopped: nothing keeps its process alive', async () => {
    expect(await agent.stop()).toBe(0)
    expect(attached()).toHaveLength(2)
    agent = await lab.start(OBJECTS)
  })

  test('follows objects that come, change and go', async () => {
    await served()
    await agent.put(
      networkInterface('second', '10.0.0.2'),
      natTable('203.0.113.1', [
        ['vm', VM],
        ['second', '10.0.0.2'],
      ]),
    )
    await eventually('the second interface', () => theInterface('10.0.0.2'))
    await agent.delete(networkInterface('second', '10.0.0.2'))
    await eventually('its going', () => theInterface('10.0.0.2') === undefined)
    expect(reachable()).toBe(true)
  })

  test('follows a machine to its new MAC', async () => {
    await served()
    lab.namespaces.sysctl(lab.machine, 'net.ipv4.conf.vm0.arp_notify=1')
    lab.namespaces.ip(lab.machine, 'link set vm0 down')
    lab.namespaces.ip(lab.machine, 'link set vm0 address 02:00:00:00:00:99')
    lab.namespaces.ip(lab.machine, 'link set vm0 up')
    await eventually('the new MAC', () => formatMac(theSlice()!.inside.destinationMac) === '02:00:00:00:00:99')
  })

  test('says that a machine does not answer, keeps its slice, and serves it when it answers again', async () => {
    await served()
    const index = theInterface()?.slice
    lab.namespaces.ip(lab.machine, 'addr del 10.0.0.1/24 dev vm0')
    lab.namespaces.ip(lab.gateway, 'neigh flush dev in0')
    await eventually('the machine being lost', () => !reachable())
    await condition({ status: 'False', reason: 'NeighbourUnresolved' })
    expect(theInterface()?.slice).toBe(index)
    lab.namespaces.ip(lab.machine, 'addr add 10.0.0.1/24 dev vm0')
    await eventually('the machine being found', reachable, 40_000)
    await condition(GOOD)
  })

  test('resolves a destination on the uplink’s own link when traffic first asks for it', async () => {
    await served()
    expect(wayOut('192.0.2.77', 32)).toBeUndefined()
    const send = 'exec 3<>/dev/udp/192.0.2.77/9 && echo hello >&3'
    execFileSync('ip', ['netns', 'exec', lab.machine, 'bash', '-c', send])
    await eventually('a way to it', () => wayOut('192.0.2.77', 32) === lab.mac(lab.internet, 'inet0'))
  })

  test('attaches again when the uplink vanishes and comes back', async () => {
    await served()
    const before = lab.ifindex('up0')
    const index = theInterface()?.slice
    lab.namespaces.ip(lab.gateway, 'link del up0')
    await eventually('no uplink', () => maps.settings.get(0)?.uplinkIfindex === 0)
    await condition({ status: 'False', reason: 'ProgramFailed' })
    expect(attached()).toEqual([`private ${lab.ifindex('in0')}`])
    lab.makeUplink()
    const after = lab.ifindex('up0')
    expect(after).not.toBe(before)
    await served()
    expect(maps.settings.get(0)?.uplinkIfindex).toBe(after)
    expect(attached()).toEqual([`private ${lab.ifindex('in0')}`, `uplink ${after}`])
    expect(theInterface()?.slice).toBe(index)
  })

  test('says that a private device is missing, and goes on when it is back', async () => {
    await served()
    lab.namespaces.ip(lab.gateway, 'link del in0')
    await condition({ status: 'False', reason: 'DeviceMissing' })
    expect(theInterface()?.ifindex).toBe(0)
    lab.namespaces.cable({ namespace: lab.gateway, device: 'in0' }, { namespace: lab.machine, device: 'vm0' })
    lab.namespaces.ip(lab.gateway, 'addr add 10.0.0.254/24 dev in0')
    lab.namespaces.ip(lab.machine, 'addr add 10.0.0.1/24 dev vm0')
    await served()
    expect(theInterface()?.ifindex).toBe(lab.ifindex('in0'))
  })

  test('restores map entries and programs that others changed, and counts them', async () => {
    await served()
    maps.interfaces.delete({ vni: 7, address: parseIpv4(VM) })
    maps.devices.set(lab.ifindex('in0'), { vni: 0, macs: new Uint8Array(24) })
    await eventually('the entries', () => theInterface() && maps.devices.get(lab.ifindex('in0'))?.vni === 7)
    const pinned = pinnedLinks(lab.instance).find(({ role }) => role === 'private')!
    const link = openLink(pinned)
    link.detach()
    link.close()
    const programs = async () => (await agent.counts()).repairs.programs
    for (let i = 0; i < 100 && (await programs()) === 0; i++) await new Promise((resolve) => setTimeout(resolve, 50))
    expect((await agent.counts()).repairs).toEqual({ entries: { interfaces: 1, devices: 1 }, programs: 1 })
    expect(attached()).toHaveLength(2)
    expect(
      (await agent.log()).some(({ level, message }) => level === 'warn' && message.includes('drift repaired')),
    ).toBe(true)
  })

  test('serves others beside an object that makes no sense', async () => {
    const broken = [networkInterface('broken', 'not an address'), natTable('fd00::1', [['vm', VM]])]
    await agent.put(...broken, networkInterface('second', '10.0.0.2'))
    await eventually('the second interface', () => theInterface('10.0.0.2'))
    await served()
  })
})

describe('a namespace test of the agent', () => {
  beforeAll(() => {
    lab = new GatewayLab()
  })

  afterAll(() => {
    lab.namespaces.removeAll()
  })

  test('starts without its devices and serves them when they come', async () => {
    lab.namespaces.ip(lab.gateway, 'link del in0')
    lab.namespaces.ip(lab.gateway, 'link del up0')
    agent = await lab.start(OBJECTS)
    try {
      expect(pinnedLinks(lab.instance)).toEqual([])
      await condition({ status: 'False', reason: 'DeviceMissing' })
      lab.makeUplink()
      await eventually('the uplink', () => attached().length === 1)
    } finally {
      await agent.kill()
      unloadDataplane(lab.instance)
    }
  })
})
