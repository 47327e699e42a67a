import { describe, expect, test } from 'vitest'
import type { Resource } from '../../../src/api/index.ts'
import type { DesiredInterface, LocalOwner } from '../../../src/dataplane/desired-state.ts'
import type { DesiredConfig } from '../../../src/desired/desired-model.ts'
import { DesiredModel } from '../../../src/desired/desired-model.ts'
import type { HostSnapshot } from '../../../src/host/host-network.ts'
import { neighbourKey } from '../../../src/host/network-objects.ts'
import { formatAddress, parseAddress } from '../../../src/net/address.ts'
import { parseMac } from '../../../src/net/mac.ts'
import {
  address,
  event,
  host,
  link,
  natTable,
  neighbour,
  network,
  networkId,
  networkInterface,
  ONE_DEVICE,
  PRIVATE_A,
  PRIVATE_B,
  route,
  TWO_DEVICES,
  UPLINK,
} from './world.ts'

const MAC = '02:00:00:00:01:01'
const VM = '10.0.0.1'
const BLUE = [network('blue'), networkId(7, 'blue')]
const served = (ip = VM): Resource[] => [
  ...BLUE,
  networkInterface('vm', ip),
  natTable('203.0.113.1', [undefined, ['vm', ip]]),
]

function model(objects: Resource[], snapshot: HostSnapshot, config: DesiredConfig = ONE_DEVICE): DesiredModel {
  const made = new DesiredModel(config, snapshot)
  for (const object of objects) made.apply(event('added', object))
  return made
}

const inNetwork = (device: (typeof TWO_DEVICES)['private'][number], name: string) => ({
  ...device,
  network: { ...device.network, name },
})

const build = (objects: Resource[], snapshot: HostSnapshot, config?: DesiredConfig) => {
  const made = model(objects, snapshot, config)
  const built = made.build()
  return { ...built, ...built.state, programmed: made.programmedState('default/vm') }
}

function localOf(entry: DesiredInterface | undefined): LocalOwner | undefined {
  return entry?.owner.kind === 'local' ? entry.owner : undefined
}

describe('an interface with a slice', () => {
  test('is translated once its machine answers ARP', () => {
    const { interfaces, addresses, devices, programmed } = build(
      served(),
      host({ neighbours: [neighbour(PRIVATE_A, VM, MAC)] }),
    )
    const slice = {
      publicAddress: parseAddress('203.0.113.1'),
      firstPort: 1088,
    }
    const nextHop = { destinationMac: parseMac(MAC), sourceMac: parseMac('02:00:00:00:00:03'), mtu: 1500 }
    const owner = { kind: 'local', ifindex: PRIVATE_A, nextHop }
    expect(interfaces).toEqual([{ name: 'default/vm', vni: 7, address: parseAddress(VM), owner, slice }])
    expect(devices).toEqual([
      { ifindex: PRIVATE_A, vni: 7, macs: [parseMac('02:00:00:00:00:03')] },
      { ifindex: UPLINK, vni: 0, macs: [expect.any(Uint8Array)] },
    ])
    expect(addresses).toEqual([
      { address: parseAddress('203.0.113.1'), firstPort: 1024, lastPort: 65535, sliceSize: 64, shared: false },
    ])
    expect(programmed).toMatchObject({ status: 'True', reason: 'Programmed' })
  })

  test('keeps its slice while its machine does not answer, and the neighbour is resolved', () => {
    const { interfaces, insideNeighbours, programmed } = build(served(), host({}))
    expect(interfaces[0]?.slice).toEqual({ publicAddress: parseAddress('203.0.113.1'), firstPort: 1088 })
    expect(insideNeighbours.added).toEqual([neighbourKey(PRIVATE_A, parseAddress(VM))])
    expect(programmed).toMatchObject({ status: 'False', reason: 'NeighbourUnresolved' })
    expect(programmed?.message).toBe('10.0.0.1 does not answer ARP on in0')
  })

  test('behind a router inside has that router for its next hop', () => {
    const routes = [route('10.1.0.0/16', { ifindex: PRIVATE_A, gateway: parseAddress('10.0.0.9') })]
    const { interfaces } = build(
      served('10.1.2.3'),
      host({ routes, neighbours: [neighbour(PRIVATE_A, '10.0.0.9', MAC)] }),
    )
    expect(localOf(interfaces[0])?.nextHop?.destinationMac).toEqual(parseMac(MAC))
  })

  test('keeps its slice and sends nowhere while its device is missing', () => {
    const { interfaces, devices, programmed } = build(served(), host({ links: [link(UPLINK, 'up0')] }))
    expect(interfaces).toMatchObject([{ owner: { ifindex: 0 }, slice: { firstPort: 1088 } }])
    expect(devices).toMatchObject([{ ifindex: UPLINK }])
    expect(programmed).toMatchObject({ status: 'False', reason: 'DeviceMissing' })
    expect(programmed?.message).toContain('in0')
  })

  test('that another Network here has the address of too is marked, and that ends with the other', () => {
    const config = {
      ...TWO_DEVICES,
      private: TWO_DEVICES.private.map((each, n) => (n === 0 ? each : inNetwork(each, 'red'))),
    }
    const RED = [network('red'), networkId(8, 'red')]
    const other = networkInterface('other', VM, 'red')
    const made = model([...served(), ...RED], host({}), config)
    const marks = () => made.build().state.interfaces.map(({ vni, ambiguous }) => [vni, ambiguous])
    expect(marks()).toEqual([[7, undefined]])
    made.apply(event('added', other))
    expect(marks().sort()).toEqual([
      [7, true],
      [8, true],
    ])
    const moved = networkInterface('other', '10.0.0.2', 'red')
    made.apply(event('modified', { ...moved, metadata: { ...moved.metadata, generation: 2 } }))
    expect(marks().sort()).toEqual([
      [7, undefined],
      [8, undefined],
    ])
    made.apply(event('modified', other))
    made.apply(event('deleted', other))
    expect(marks()).toEqual([[7, undefined]])
  })

  const STATION = '52:54:00:a1:b2:c3'
  const boundTo = (mac?: string) => {
    const made = networkInterface('vm', VM)
    return mac === undefined
      ? made
      : { ...made, metadata: { ...made.metadata, annotations: { 'natgw.dev/mac-address': mac } } }
  }
  const servedAt = (mac: string): Resource[] => [...BLUE, boundTo(mac), natTable('203.0.113.1', [['vm', VM]])]

  test('that is bound to a MAC is reached there, whatever ARP says', () => {
    for (const neighbours of [[], [neighbour(PRIVATE_A, VM, MAC)]]) {
      const { interfaces, insideNeighbours, programmed } = build(servedAt(STATION), host({ neighbours }))
      expect(localOf(interfaces[0])?.nextHop).toMatchObject({
        destinationMac: parseMac(STATION),
        mtu: 1500,
        bound: true,
      })
      expect(insideNeighbours.added).toEqual([])
      expect(programmed).toMatchObject({ status: 'True', reason: 'Programmed' })
    }
  })

  test('that is bound to a MAC is on the device where that MAC answers ARP', () => {
    const neighbours = [neighbour(PRIVATE_A, VM, MAC), neighbour(PRIVATE_B, VM, STATION)]
    const { interfaces } = build(servedAt(STATION), host({ routes: [], neighbours }), TWO_DEVICES)
    expect(interfaces[0]).toMatchObject({ owner: { ifindex: PRIVATE_B } })
  })

  test('is bound, bound to another MAC and free again as its annotation changes, though its spec does not', () => {
    const made = model(served(), host({ neighbours: [neighbour(PRIVATE_A, VM, MAC)] }))
    const { spec } = networkInterface('vm', VM)
    const after = (mac?: string) => {
      made.apply(event('modified', { ...boundTo(mac), spec }))
      return localOf(made.build().state.interfaces[0])?.nextHop
    }
    expect(after()).not.toHaveProperty('bound')
    expect(after(MAC)).toMatchObject({ destinationMac: parseMac(MAC), bound: true })
    expect(after(STATION)).toMatchObject({ destinationMac: parseMac(STATION), bound: true })
    expect(after()).not.toHaveProperty('bound')
  })

  test('reports why the program is not on its device', () => {
    const made = model(served(), host({ neighbours: [neighbour(PRIVATE_A, VM, MAC)] }))
    made.setFailures(new Map([['in0', 'device in0 takes no XDP program']]))
    made.build()
    expect(made.programmedState('default/vm')).toMatchObject({
      reason: 'ProgramFailed',
      message: 'device in0 takes no XDP program',
    })
    made.setFailures(new Map())
    made.build()
    expect(made.programmedState('default/vm')?.reason).toBe('Programmed')
  })

  test('does not inherit that of an earlier interface of its name', () => {
    const again = networkInterface('vm', VM)
    again.metadata.uid = 'uid-another'
    const { interfaces, addresses, programmed } = build(
      [...BLUE, again, natTable('203.0.113.1', [['vm', VM]])],
      host({}),
    )
    expect(interfaces[0]).not.toHaveProperty('slice')
    expect(addresses).toEqual([])
    expect(programmed).toBeUndefined()
  })
})

describe('an interface', () => {
  test('without a slice has an entry, so that its packets are not taken for spoofed, and no condition', () => {
    const { interfaces, programmed, insideNeighbours } = build([...BLUE, networkInterface('vm', VM)], host({}))
    expect(interfaces).toEqual([
      { name: 'default/vm', vni: 7, address: parseAddress(VM), owner: { kind: 'local', ifindex: PRIVATE_A } },
    ])
    expect(programmed).toBeUndefined()
    expect(insideNeighbours.added).toEqual([])
  })

  test.each([
    ['whose Network has no number', [network('blue'), networkInterface('vm', VM)]],
    ['whose Network does not exist', [networkId(7, 'blue'), networkInterface('vm', VM)]],
    ['whose Network has no device here', [network('red'), networkId(8, 'red'), networkInterface('vm', VM, 'red')]],
  ])('%s is not there', (_name, objects: Resource[]) => {
    expect(build(objects, host({})).interfaces).toEqual([])
  })

  test('its IPv6 addresses are left out', () => {
    const both = networkInterface('vm', VM)
    both.spec.ipFamilies.push('IPv6')
    both.spec.ips.push({ value: 'fd00::1' })
    expect(build([...BLUE, both], host({})).interfaces.map((each) => each.address)).toEqual([parseAddress(VM)])
  })

  test('of two without a slice the one that was accepted has the address, from the moment it is', () => {
    const [a, z] = [networkInterface('a', VM), networkInterface('z', VM)]
    const made = model([...BLUE, a, z], host({}))
    const holder = () => made.build().state.interfaces.map(({ name }) => name)
    expect(holder()).toEqual(['default/a'])
    const status = {
      type: 'Accepted',
      status: 'True',
      reason: 'Accepted',
      message: '',
      lastTransitionTime: '',
    } as const
    made.apply(event('modified', { ...z, status: { conditions: [status] } }))
    expect(holder()).toEqual(['default/z'])
  })

  test('of two with one address the one with the slice has it; the other reports the holder', () => {
    const made = model([...served(), networkInterface('a-rival', VM)], host({}))
    const { state } = made.build()
    expect(state.interfaces.map(({ name }) => name)).toEqual(['default/vm'])
    made.apply(event('modified', natTable('203.0.113.1', [['a-rival', VM]])))
    expect(made.build().state.interfaces.map(({ name }) => name)).toEqual(['default/a-rival'])
    made.apply(event('deleted', networkInterface('a-rival', VM)))
    expect(made.build().state.interfaces.map(({ name }) => name)).toEqual(['default/vm'])
  })
})

describe('of several devices of a Network an address is on', () => {
  const ifindexOf = (snapshot: HostSnapshot, config = TWO_DEVICES) =>
    localOf(build(served(), snapshot, config).interfaces[0])?.ifindex
  const bothRouted = [route('10.0.0.0/24', { ifindex: PRIVATE_A }), route('10.0.0.0/28', { ifindex: PRIVATE_B })]

  test('the one configured with the longest prefix that holds it', () => {
    const prefixes = [['10.0.0.0/8'], ['10.0.0.0/16', '10.9.0.0/16']]
    const config = {
      ...TWO_DEVICES,
      private: TWO_DEVICES.private.map((each, i) => ({ ...each, prefixes: prefixes[i]! })),
    }
    expect(ifindexOf(host({ routes: [] }), config)).toBe(PRIVATE_B)
  })

  test('else the one the kernel routes it through', () => {
    expect(ifindexOf(host({ routes: bothRouted, neighbours: [neighbour(PRIVATE_A, VM, MAC)] }))).toBe(PRIVATE_B)
  })

  test('else the one where it is a neighbour', () => {
    expect(ifindexOf(host({ routes: [], neighbours: [neighbour(PRIVATE_B, VM, MAC)] }))).toBe(PRIVATE_B)
  })

  test('else none: it is resolved on all of them, and the condition says what to configure', () => {
    const { interfaces, programmed, insideNeighbours } = build(served(), host({ routes: [] }), TWO_DEVICES)
    expect(localOf(interfaces[0])?.ifindex).toBe(0)
    expect(insideNeighbours.added).toEqual(
      [PRIVATE_A, PRIVATE_B].map((ifindex) => neighbourKey(ifindex, parseAddress(VM))),
    )
    expect(programmed?.reason).toBe('NoDevice')
    expect(programmed?.message).toContain('prefixes')
  })

  test('the one it is heard on later', () => {
    const snapshot = host({ routes: [] })
    const made = model(served(), snapshot, TWO_DEVICES)
    made.build()
    const heard = neighbour(PRIVATE_B, VM, MAC)
    const key = neighbourKey(PRIVATE_B, heard.address)
    made.setHost(
      { ...snapshot, neighbours: new Map([[key, heard]]) },
      { links: false, addresses: false, routes: false, neighbours: new Set([key]) },
    )
    expect(localOf(made.build().state.interfaces[0])?.ifindex).toBe(PRIVATE_B)
    expect(made.programmedState('default/vm')?.reason).toBe('Programmed')
  })
})

describe('what the host answers on', () => {
  const addresses = [
    address(UPLINK, '192.0.2.1', { broadcast: parseAddress('192.0.2.255') }),
    address(UPLINK, '203.0.113.1', { prefixLength: 32 }),
    address(PRIVATE_A, 'fe80::1'),
    address(UPLINK, 'fe80::1'),
  ]
  const texts = (objects: Resource[]) =>
    build(objects, host({ addresses })).hostAddresses.map((each) => formatAddress(each.address))

  test('is its addresses and broadcast addresses, each once', () => {
    expect(texts([])).toEqual(['192.0.2.1', '192.0.2.255', '203.0.113.1', 'fe80::1'])
  })

  test("is not a public address that is NAT's alone, but one that it shares with NAT", () => {
    expect(texts(served())).not.toContain('203.0.113.1')
    expect(texts([natTable('203.0.113.1', [], true)])).toContain('203.0.113.1')
  })
})
