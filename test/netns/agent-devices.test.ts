import { spawn } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NextHopFlags } from '../../src/dataplane/generated/layouts.ts'
import { unloadDataplane } from '../../src/kernel/loader.ts'
import { DataplaneMaps } from '../../src/kernel/pinned-maps.ts'
import { isAttached, pinnedLinks } from '../../src/kernel/pins.ts'
import { parseIpv4 } from '../../src/net/ipv4.ts'
import { natTable, network, networkId, networkInterface } from '../unit/desired/world.ts'
import type { AgentProcess } from './agent-lab.ts'
import { GatewayLab } from './agent-lab.ts'
import { eventually } from './agent-namespaces.ts'

const VM = '10.0.0.1'
const SECOND = '10.0.7.1'
const OBJECTS = [
  network('blue'),
  networkId(7, 'blue'),
  networkInterface('vm', VM),
  networkInterface('second', SECOND),
  natTable('203.0.113.1', [
    ['vm', VM],
    ['second', SECOND],
  ]),
]
const NETWORK = { namespace: 'default', name: 'blue' }

let lab: GatewayLab
let agent: AgentProcess | undefined
let maps: DataplaneMaps | undefined

const theInterface = (ip: string) => maps?.interfaces.get({ vni: 7, address: parseIpv4(ip) })
const reachable = (ip: string) => {
  const slice = maps?.slices.get(theInterface(ip)?.slice ?? 0)
  return slice?.insideAddress === parseIpv4(ip) && (slice.inside.flags & NextHopFlags.NEXT_HOP_RESOLVED) !== 0
}

async function start(...args: Parameters<GatewayLab['start']>): Promise<AgentProcess> {
  agent = await lab.start(...args)
  maps = new DataplaneMaps(lab.instance)
  return agent
}

async function reason(name: string, expected: string): Promise<void> {
  const end = performance.now() + 10_000
  for (;;) {
    const found = (await agent?.conditions())?.[name]?.reason
    if (found === expected || performance.now() > end) {
      expect(found).toBe(expected)
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

beforeEach(() => {
  lab = new GatewayLab()
})

afterEach(async () => {
  try {
    maps?.close()
    await agent?.kill()
    if (agent !== undefined) unloadDataplane(lab.instance)
  } finally {
    maps = agent = undefined
    lab.namespaces.removeAll()
  }
})

const attached = () =>
  pinnedLinks(lab.instance)
    .filter(isAttached)
    .map(({ role, ifindex }) => `${role} ${ifindex}`)
    .sort()

const problem = (reason: string) => agent?.awaitProblem(reason)

/** Packets on the internet's device that have the machine's own address for their source. */
function leaks(): number {
  const table = lab.namespaces.exec(lab.internet, 'nft list table netdev leaks')
  return Number(/packets (\d+)/.exec(table)?.[1])
}

function watchForLeaks(): void {
  lab.namespaces.sysctl(lab.gateway, 'net.ipv4.ip_forward=1')
  lab.namespaces.exec(
    lab.internet,
    'nft add table netdev leaks; ' +
      'nft add chain netdev leaks in { type filter hook ingress device inet0 priority 0 \\; }; ' +
      'nft add rule netdev leaks in ip saddr 10.0.0.0/8 counter',
  )
}

/** The machine sends to the internet all the time. @returns function that ends it */
function keepSending(): () => void {
  const script = 'while true; do echo x > /dev/udp/192.0.2.254/9; done'
  const child = spawn('ip', ['netns', 'exec', lab.machine, 'bash', '-c', script], { stdio: 'ignore' })
  return () => child.kill('SIGKILL')
}

test('a private packet that the kernel forwards would be seen by these tests', async () => {
  watchForLeaks()
  const stop = keepSending()
  try {
    await eventually('a packet from 10.0.0.1', () => leaks() > 0)
  } finally {
    stop()
  }
})

describe('a device that is renamed', () => {
  test.each([
    ['private', 'in0', 'lan1'],
    ['uplink', 'up0', 'wan1'],
  ])('goes on being served, and status says so: %s', async (_, device, name) => {
    watchForLeaks()
    await start(OBJECTS)
    await eventually('the machine', () => reachable(VM))
    const before = attached()
    expect(before).toHaveLength(2)
    const stop = keepSending()
    try {
      lab.namespaces.ip(lab.gateway, `link set ${device} name ${name}`)
      expect(await problem('DeviceRenamed')).toMatchObject({ severity: 'warning', object: `device ${device}` })
      await reason('vm', 'Programmed')
      expect(attached()).toEqual(before)
      expect(maps?.devices.get(lab.ifindex(device === 'in0' ? name : 'in0'))).toMatchObject({ vni: 7 })
      lab.namespaces.ip(lab.gateway, `link set ${name} name ${device}`)
      await agent?.awaitNoProblem('DeviceRenamed')
      expect(attached()).toEqual(before)
    } finally {
      stop()
    }
    expect(leaks()).toBe(0)
  })

  test('sends nothing any more once another device has its former name', async () => {
    const { namespaces, gateway } = lab
    watchForLeaks()
    await start(OBJECTS)
    await eventually('the machine', () => reachable(VM))
    const former = lab.ifindex('in0')
    const stop = keepSending()
    try {
      namespaces.ip(gateway, 'link set in0 name lan1')
      await problem('DeviceRenamed')
      namespaces.ip(gateway, 'link add in0 type veth peer name vm1')
      namespaces.ip(gateway, 'link set in0 up')
      expect(await problem('DeviceNotConfigured')).toMatchObject({ object: 'device lan1' })
      expect(attached()).toEqual(
        [`private ${former}`, `private ${lab.ifindex('in0')}`, `uplink ${lab.ifindex('up0')}`].sort(),
      )
      expect(maps?.devices.get(former)).toBeUndefined()
      // Comparisons go by.
      await new Promise((resolve) => setTimeout(resolve, 2500))
      expect(attached()).toHaveLength(3)
    } finally {
      stop()
    }
    expect(leaks()).toBe(0)
  })
})

describe('a device that leaves the configuration', () => {
  const elsewhere = { interface: 'in9', network: NETWORK, prefixes: [], macs: [] }

  test('keeps dropping what private machines send behind it', async () => {
    watchForLeaks()
    await start(OBJECTS)
    await eventually('the machine', () => reachable(VM))
    const stop = keepSending()
    try {
      await agent?.stop()
      maps?.close()
      await start(OBJECTS, { private: [elsewhere] })
      await problem('DeviceNotConfigured')
      expect(await problem('DeviceMissing')).toMatchObject({ object: 'device in9' })
      await new Promise((resolve) => setTimeout(resolve, 1500))
      expect(attached()).toContain(`private ${lab.ifindex('in0')}`)
      expect(maps?.devices.get(lab.ifindex('in0'))).toBeUndefined()
    } finally {
      stop()
    }
    expect(leaks()).toBe(0)
  })

  test('loses its program when it was the uplink', async () => {
    const { namespaces, gateway } = lab
    await start(OBJECTS)
    await eventually('the machine', () => reachable(VM))
    await agent?.stop()
    maps?.close()
    namespaces.ip(gateway, 'link add up1 type veth peer name inet1')
    await start(OBJECTS, { uplink: { interface: 'up1', macs: [] } })
    expect(attached()).toEqual([`private ${lab.ifindex('in0')}`, `uplink ${lab.ifindex('up1')}`].sort())
  })
})

describe('a private device', () => {
  test('is served whatever its ifindex', async () => {
    const { namespaces, gateway, machine } = lab
    namespaces.ip(gateway, 'link del in0')
    namespaces.ip(gateway, `link add in0 index 2000000 type veth peer name vm0 netns ${machine}`)
    namespaces.ip(gateway, 'link set in0 up')
    namespaces.ip(machine, 'link set vm0 up')
    namespaces.ip(gateway, 'addr add 10.0.0.254/24 dev in0')
    namespaces.ip(machine, 'addr add 10.0.0.1/24 dev vm0')
    await start(OBJECTS)
    await eventually('the machine', () => reachable(VM))
    expect(maps?.devices.get(2_000_000)).toMatchObject({ vni: 7 })
    await reason('vm', 'Programmed')
  })

  test('that finds no room fails its own interfaces only; others are still reported', async () => {
    const { namespaces, gateway } = lab
    const room = { maxSlices: 1024, maxInterfaces: 1024, maxSessions: 1024, maxDevices: 1 }
    namespaces.ip(gateway, 'link add in1 type veth peer name vm1')
    namespaces.ip(gateway, 'link set in1 up')
    await start(OBJECTS, {
      limits: room,
      private: [
        { interface: 'in0', network: NETWORK, prefixes: ['10.0.0.0/24'], macs: [] },
        { interface: 'in1', network: NETWORK, prefixes: ['10.0.7.0/24'], macs: [] },
      ],
    })
    await reason('second', 'ProgramFailed')
    await reason('vm', 'Programmed')
    namespaces.ip(lab.machine, 'addr flush dev vm0')
    namespaces.ip(gateway, 'neigh flush dev in0')
    await reason('vm', 'NeighbourUnresolved')
  })
})
