import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { unloadDataplane } from '../../src/kernel/loader.ts'
import { readLosses } from '../../src/kernel/losses.ts'
import { DataplaneMaps } from '../../src/kernel/pinned-maps.ts'
import { pinnedLinks } from '../../src/kernel/pins.ts'
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

let lab: GatewayLab
let agent: AgentProcess | undefined

const ip = (command: string) => lab.namespaces.ip(lab.gateway, command)
const modes = () => Object.fromEntries(pinnedLinks(lab.instance).map(({ role, mode }) => [role, mode]))
const pings = (): boolean => {
  try {
    execFileSync('ip', ['netns', 'exec', lab.machine, 'ping', '-c', '3', '-i', '0.05', '-W', '1', '192.0.2.254'], {
      stdio: 'pipe',
    })
    return true
  } catch {
    return false
  }
}
const setGro = (namespace: string, device: string, state: 'on' | 'off') =>
  lab.namespaces.exec(namespace, `ethtool -K ${device} gro ${state}`)

beforeEach(() => {
  lab = new GatewayLab()
  lab.namespaces.ip(lab.internet, 'route add 203.0.113.0/24 via 192.0.2.1')
})

afterEach(async () => {
  try {
    await agent?.kill()
    if (agent !== undefined) unloadDataplane(lab.instance)
  } finally {
    agent = undefined
    lab.namespaces.removeAll()
  }
})

test('both directions are native where both devices take frames', async () => {
  agent = await lab.start(OBJECTS)
  await eventually('pings', pings)
  expect(modes()).toEqual({ private: 'native', uplink: 'native' })
})

test('the uplink is generic for machines on a bridge, and status says so', async () => {
  ip('addr flush dev in0')
  ip('link add br0 type bridge')
  ip('link set in0 master br0')
  ip('link set br0 up')
  ip('addr add 10.0.0.254/24 dev br0')
  agent = await lab.start(OBJECTS, {
    private: [{ interface: 'br0', network: { namespace: 'default', name: 'blue' }, prefixes: [], macs: [] }],
  })
  await eventually('pings', pings)
  expect(modes()).toEqual({ private: 'generic', uplink: 'generic' })
  expect(await agent.awaitProblem('GenericMode')).toMatchObject({ object: 'device up0', severity: 'warning' })
})

test('private devices are generic for a bridge as uplink', async () => {
  ip('addr flush dev up0')
  ip('link add br1 type bridge')
  ip('link set up0 master br1')
  ip('link set br1 up')
  ip('addr add 192.0.2.1/24 dev br1')
  ip('route add default via 192.0.2.254')
  agent = await lab.start(OBJECTS, { uplink: { interface: 'br1', macs: [] } })
  await eventually('pings', pings)
  expect(modes()).toEqual({ private: 'generic', uplink: 'generic' })
})

test('a veth whose far end has no GRO makes the uplink generic, until it has', async () => {
  setGro(lab.machine, 'vm0', 'off')
  agent = await lab.start(OBJECTS)
  await eventually('pings', pings)
  expect(modes()).toEqual({ private: 'native', uplink: 'generic' })
  setGro(lab.machine, 'vm0', 'on')
  await eventually('the uplink in native mode', () => modes().uplink === 'native')
  await eventually('pings', pings)
  await agent.awaitNoProblem('GenericMode')
})

test('a machine that comes and sets its end up within seconds changes no mode', async () => {
  const blue = { namespace: 'default', name: 'blue' }
  agent = await lab.start(OBJECTS, {
    private: [
      { interface: 'in0', network: blue, prefixes: ['10.0.0.0/24'], macs: [] },
      { interface: 'in1', network: blue, prefixes: ['10.0.7.0/24'], macs: [] },
    ],
  })
  await eventually('pings', pings)
  const uplink = () => pinnedLinks(lab.instance).find(({ role }) => role === 'uplink')
  const before = uplink()
  ip(`link add in1 type veth peer name vm1 netns ${lab.machine}`)
  ip('link set in1 up')
  lab.namespaces.ip(lab.machine, 'link set vm1 up')
  await agent.awaitProblem('RedirectRefused')
  setGro(lab.machine, 'vm1', 'on')
  await agent.awaitNoProblem('RedirectRefused')
  await new Promise((resolve) => setTimeout(resolve, 6000))
  expect(uplink()).toEqual(before)
  ip('link del in1')
  ip(`link add in1 type veth peer name vm1 netns ${lab.machine}`)
  ip('link set in1 up')
  lab.namespaces.ip(lab.machine, 'link set vm1 up')
  await eventually('generic mode for one that never does', () => uplink()?.mode === 'generic')
  await eventually('pings', pings)
})

test('a machine that switches its GRO off loses its own packets and changes no mode', async () => {
  agent = await lab.start(OBJECTS)
  await eventually('pings', pings)
  setGro(lab.machine, 'vm0', 'off')
  expect(pings()).toBe(false)
  expect(await agent.awaitProblem('PacketsLost')).toMatchObject({ object: 'device in0' })
  await new Promise((resolve) => setTimeout(resolve, 1500))
  expect(modes()).toEqual({ private: 'native', uplink: 'native' })
})

test('a configured native mode that cannot work is a problem', async () => {
  setGro(lab.machine, 'vm0', 'off')
  agent = await lab.start(OBJECTS, { xdpMode: 'native' })
  expect(await agent.awaitProblem('RedirectRefused')).toMatchObject({ object: 'device up0', severity: 'error' })
})

test('losses of another namespace on a device of the same index are not counted', async () => {
  agent = await lab.start(OBJECTS)
  await eventually('pings', pings)
  const other = new GatewayLab('agx')
  let second: AgentProcess | undefined
  try {
    other.namespaces.exec(other.machine, 'ethtool -K vm0 gro off')
    other.namespaces.exec(other.internet, 'ethtool -K inet0 gro off')
    other.namespaces.ip(other.internet, 'route add 203.0.113.0/24 via 192.0.2.1')
    expect(other.ifindex('up0')).toBe(lab.ifindex('up0'))
    second = await other.start(OBJECTS, { xdpMode: 'native' })
    const send = 'for i in $(seq 200); do echo x > /dev/udp/192.0.2.254/9; sleep 0.02; done'
    other.namespaces.exec(other.machine, send)
    const lossesOf = (instance: string) => {
      const maps = new DataplaneMaps(instance)
      try {
        return readLosses(maps)
      } finally {
        maps.close()
      }
    }
    expect(lossesOf(other.instance)).not.toEqual([])
    expect(lossesOf(lab.instance)).toEqual([])
  } finally {
    await second?.kill()
    if (second !== undefined) unloadDataplane(other.instance)
    other.namespaces.removeAll()
  }
})
