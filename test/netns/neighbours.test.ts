import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { NeighbourResolver } from '../../src/agent/neighbour-resolver.ts'
import type { HostChange } from '../../src/host/host-network.ts'
import { HostNetwork } from '../../src/host/host-network.ts'
import { neighbourKey } from '../../src/host/network-objects.ts'
import type { Rtnetlink } from '../../src/host/rtnetlink.ts'
import { NEIGHBOURS } from '../../src/host/rtnetlink.ts'
import { inNetworkNamespace } from '../../src/native/load-native.ts'
import type { Address } from '../../src/net/address.ts'
import { parseAddress } from '../../src/net/address.ts'
import { formatMac } from '../../src/net/mac.ts'
import { eventually, Namespaces } from './agent-namespaces.ts'

const PEER = parseAddress('192.0.2.2')
const SILENT = parseAddress('192.0.2.77')
const NEW_MAC = '02:00:00:00:00:99'
const silentLog = { debug() {}, info() {}, warn() {}, error() {} }

describe('the network of a host, by netlink', () => {
  let namespaces: Namespaces
  let host: string
  let peer: string
  let network: HostNetwork
  let changes: HostChange[]
  let failures: string[]

  beforeEach(async () => {
    namespaces = new Namespaces('nbr')
    changes = []
    failures = []
    host = namespaces.add('host')
    peer = namespaces.add('peer')
    namespaces.cable({ namespace: host, device: 'up0' }, { namespace: peer, device: 'far0' })
    namespaces.ip(host, 'addr add 192.0.2.1/24 dev up0')
    namespaces.ip(peer, 'addr add 192.0.2.2/24 dev far0')
    namespaces.ip(host, 'route add default via 192.0.2.2')
    const [opened] = inNetworkNamespace(namespaces.path(host), () => [HostNetwork.open()])
    network = await opened
    network.follow({
      onChange: (change) => changes.push(change),
      onFailure: (error, count) => failures.push(`${count}: ${(error as Error).message}`),
      onRecovery: () => failures.push('recovered'),
    })
  })

  afterEach(() => {
    try {
      network.close()
    } finally {
      namespaces.removeAll()
    }
  })

  const up0 = () => [...network.snapshot().links.values()].find(({ name }) => name === 'up0')
  const entry = (address: Address) => network.snapshot().neighbours.get(neighbourKey(up0()?.ifindex ?? 0, address))
  const macOf = (address: Address) => {
    const mac = entry(address)?.mac
    return mac && formatMac(mac)
  }

  test('listings that fail are tried again ever more seldom, and what changed meanwhile is reported after', async () => {
    const { rtnetlink } = network
    rtnetlink.dump = () => Promise.reject(new Error('no answer'))
    await network.refresh()
    namespaces.ip(host, 'addr add 192.0.2.3/24 dev up0')
    await delay(1_000)
    expect(failures.length).toBeLessThan(8)
    expect(failures.slice(0, 3)).toEqual(['1: no answer', '2: no answer', '3: no answer'])
    delete (rtnetlink as Partial<Rtnetlink>).dump
    await vi.waitFor(() => expect(failures.at(-1)).toBe('recovered'), { timeout: 5_000 })
    expect(network.snapshot().addresses.map(({ address }) => address)).toContain(parseAddress('192.0.2.3'))
    expect(changes.at(-1)).toMatchObject({ addresses: true })
  })

  /** Another machine takes over the peer's address. */
  const replacePeer = (announces: boolean) => {
    namespaces.sysctl(peer, `net.ipv4.conf.far0.arp_notify=${announces ? 1 : 0}`)
    namespaces.ip(peer, 'link set far0 down')
    namespaces.ip(peer, `link set far0 address ${NEW_MAC}`)
    namespaces.ip(peer, 'link set far0 up')
  }

  const keeperWith = (now: () => number = () => performance.now()) =>
    new NeighbourResolver({
      resolve: (...request) => network.rtnetlink.resolve(...request),
      neighbours: () => network.snapshot().neighbours,
      now,
      log: silentLog,
    })

  test('existing devices, addresses, routes and neighbours are listed at the start', () => {
    const { addresses, routes } = network.snapshot()
    expect(up0()).toMatchObject({ mtu: 1500, up: true, kind: 'veth' })
    expect(addresses).toContainEqual({
      ifindex: up0()?.ifindex,
      address: parseAddress('192.0.2.1'),
      prefixLength: 24,
      broadcast: parseAddress('192.0.2.255'),
    })
    expect(addresses.some(({ address }) => address === parseAddress('::1'))).toBe(true)
    expect(routes).toContainEqual(
      expect.objectContaining({
        address: parseAddress('0.0.0.0'),
        prefixLength: 0,
        gateway: PEER,
        ifindex: up0()?.ifindex,
      }),
    )
    expect(routes).toContainEqual(
      expect.objectContaining({ address: parseAddress('192.0.2.0'), prefixLength: 24, type: 'unicast' }),
    )
  })

  test('routes of several next hops give the first, rejecting routes are marked, other tables are left out', async () => {
    namespaces.ip(host, 'route add 198.51.100.0/24 nexthop via 192.0.2.9 dev up0 nexthop via 192.0.2.2 dev up0')
    namespaces.ip(host, 'route add unreachable 203.0.113.0/24 metric 7')
    namespaces.ip(host, 'route add 10.9.0.0/16 via 192.0.2.2 mtu 1400')
    namespaces.ip(host, 'route add 10.8.0.0/16 via 192.0.2.2 table 77')
    const route = (prefix: string) => network.snapshot().routes.find(({ address }) => address === parseAddress(prefix))
    await eventually('all routes', () => route('10.9.0.0') && route('203.0.113.0') && route('198.51.100.0'))
    expect(route('198.51.100.0')).toMatchObject({ gateway: parseAddress('192.0.2.9'), type: 'unicast' })
    expect(route('203.0.113.0')).toMatchObject({ type: 'reject', metric: 7, ifindex: 0 })
    expect(route('10.9.0.0')).toMatchObject({ mtu: 1400 })
    expect(route('10.8.0.0')).toBeUndefined()
  })

  test('an address that comes and goes is followed, and reported once', async () => {
    namespaces.ip(host, 'addr add 198.51.100.5/32 dev up0')
    const has = () => network.snapshot().addresses.some(({ address }) => address === parseAddress('198.51.100.5'))
    await eventually('the address', has)
    expect(changes.filter(({ addresses }) => addresses)).toHaveLength(1)
    namespaces.ip(host, 'addr del 198.51.100.5/32 dev up0')
    await eventually('its going', () => !has())
  })

  test('routes that the kernel drops silently when a device goes down are gone', async () => {
    namespaces.ip(host, 'link set up0 down')
    await eventually('no route', () => network.snapshot().routes.length === 0)
    expect(up0()?.up).toBe(false)
  })

  test('a device that is deleted and created again has its new index', async () => {
    const before = up0()?.ifindex
    namespaces.ip(host, 'link del up0')
    await eventually('the device gone', () => up0() === undefined)
    namespaces.cable({ namespace: host, device: 'up0' }, { namespace: peer, device: 'far0' })
    const after = await eventually('the device back', up0)
    expect(after.ifindex).not.toBe(before)
  })

  test('a wanted neighbour is resolved, kept by the kernel, followed to a new MAC, and released', async () => {
    const resolver = keeperWith()
    const key = neighbourKey(up0()?.ifindex ?? 0, PEER)
    resolver.setInside([key], [])
    resolver.tick()
    await eventually('the neighbour', () => entry(PEER)?.mac)
    resolver.changed([key])
    resolver.tick()
    await eventually('the kernel keeping it', () => entry(PEER)?.managed)

    replacePeer(true)
    await eventually('the new MAC', () => macOf(PEER) === NEW_MAC, 3_000)

    resolver.setInside([], [key])
    await eventually('the kernel letting go', () => entry(PEER)?.managed === false)
  })

  test('the kernel notices a kept neighbour that is replaced silently, without any traffic', async () => {
    // The kernel's own times would make this a matter of a minute.
    const times = ['base_reachable_time_ms=1000', 'delay_first_probe_time=1', 'interval_probe_time_ms=1000']
    for (const time of times) namespaces.sysctl(host, `net.ipv4.neigh.up0.${time}`)
    const resolver = keeperWith()
    const key = neighbourKey(up0()?.ifindex ?? 0, PEER)
    resolver.setInside([key], [])
    resolver.tick()
    await eventually('the neighbour', () => macOf(PEER))
    replacePeer(false)
    const follow = () => {
      resolver.changed([key])
      resolver.tick()
      return macOf(PEER) === NEW_MAC
    }
    await eventually('the new MAC', follow, 20_000)
  })

  test('a neighbour that never answers is asked for with growing delays', async () => {
    let clock = 0
    let asked = 0
    const resolver = new NeighbourResolver({
      resolve: (...request) => {
        asked++
        network.rtnetlink.resolve(...request)
      },
      neighbours: () => network.snapshot().neighbours,
      now: () => clock,
      log: silentLog,
    })
    resolver.setInside([neighbourKey(up0()?.ifindex ?? 0, SILENT)], [])
    for (; clock < 300_000; clock += 1000) resolver.tick()
    expect(asked).toBeGreaterThan(8)
    expect(asked).toBeLessThan(20)
    expect(entry(SILENT)?.mac).toBeUndefined()
  })

  test('a later run releases kept neighbours of an earlier run that are not wanted', async () => {
    network.rtnetlink.resolve(up0()?.ifindex ?? 0, PEER, true)
    await eventually('the kernel keeping it', () => entry(PEER)?.managed)
    keeperWith().releaseLeftovers()
    await eventually('the kernel letting go', () => entry(PEER)?.managed === false)
  })

  test('an entry that an administrator pinned is left alone', async () => {
    const key = neighbourKey(up0()?.ifindex ?? 0, SILENT)
    namespaces.ip(host, 'neigh add 192.0.2.77 lladdr 02:00:00:00:00:01 dev up0 nud permanent')
    await eventually('the entry', () => entry(SILENT)?.mac)
    const resolver = keeperWith()
    resolver.setInside([key], [])
    resolver.tick()
    resolver.setInside([], [key])
    expect(namespaces.ip(host, 'neigh show 192.0.2.77 dev up0')).toContain('PERMANENT')
  })

  test('20,000 routes are listed while timers of the event loop fire', async () => {
    const routes = Array.from({ length: 20_000 }, (_, i) => `route add 10.${i >> 8}.${i & 255}.0/24 via 192.0.2.2`)
    namespaces.batch(host, routes)
    await eventually('all routes', () => network.snapshot().routes.length > 20_000)
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    try {
      await network.refresh()
    } finally {
      clearInterval(timer)
    }
    expect(turns).toBeGreaterThan(0)
    expect(changes.filter(({ routes: changed }) => changed).length).toBeGreaterThan(0)
  })

  test('a neighbour that changes during a listing is as the change says', async () => {
    namespaces.ip(host, 'neigh add 192.0.2.77 lladdr 02:00:00:00:00:01 dev up0 nud permanent')
    namespaces.ip(host, 'neigh add 192.0.2.78 lladdr 02:00:00:00:00:01 dev up0 nud permanent')
    await eventually('the neighbour', () => entry(SILENT)?.mac)
    const { rtnetlink } = network
    const dump = rtnetlink.dump.bind(rtnetlink)
    // What the kernel listed reaches the reader after the change that came later.
    rtnetlink.dump = async (table, take) => {
      const listed: Parameters<typeof take>[0][] = []
      await dump(table, (item) => listed.push(item))
      if ((table as unknown) === NEIGHBOURS) {
        namespaces.ip(host, `neigh replace 192.0.2.77 lladdr ${NEW_MAC} dev up0 nud permanent`)
        namespaces.ip(host, 'neigh del 192.0.2.78 dev up0')
        await eventually('the notification', () => macOf(SILENT) === NEW_MAC)
        await eventually('the other', () => entry(parseAddress('192.0.2.78')) === undefined)
      }
      listed.forEach(take)
    }
    await network.refresh()
    expect(macOf(SILENT)).toBe(NEW_MAC)
    expect(entry(parseAddress('192.0.2.78'))).toBeUndefined()
  })

  test('a request about a device that does not exist is refused with its errno', () => {
    expect(() => network.rtnetlink.resolve(99_999, PEER, false)).toThrow(
      expect.objectContaining({ code: 'ERR_NETLINK', details: { errno: 'ENODEV' } }),
    )
  })
})
