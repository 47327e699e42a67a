import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SliceFlags } from '../../src/dataplane/generated/layouts.ts'
import { unloadDataplane } from '../../src/dataplane/loader.ts'
import { DataplaneMaps } from '../../src/dataplane/pinned-maps.ts'
import { parseIpv4 } from '../../src/net/ipv4.ts'
import { natTable, network, networkId, networkInterface } from '../unit/agent/world.ts'
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
  return slice?.insideAddress === parseIpv4(ip) && (slice.flags & SliceFlags.SLICE_REACHABLE) !== 0
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
    expect(maps?.devices.get(2_000_000)).toEqual({ vni: 7 })
    await reason('vm', 'Programmed')
  })

  test('that finds no room is the failure of its own interfaces; those of others are still reported', async () => {
    const { namespaces, gateway } = lab
    const room = { maxSlices: 1024, maxInterfaces: 1024, maxSessions: 1024, maxDevices: 1 }
    namespaces.ip(gateway, 'link add in1 type veth peer name vm1')
    namespaces.ip(gateway, 'link set in1 up')
    await start(OBJECTS, {
      limits: room,
      private: [
        { interface: 'in0', network: NETWORK, prefixes: ['10.0.0.0/24'] },
        { interface: 'in1', network: NETWORK, prefixes: ['10.0.7.0/24'] },
      ],
    })
    await reason('second', 'ProgramFailed')
    await reason('vm', 'Programmed')
    namespaces.ip(lab.machine, 'addr flush dev vm0')
    namespaces.ip(gateway, 'neigh flush dev in0')
    await reason('vm', 'NeighbourUnresolved')
  })
})
