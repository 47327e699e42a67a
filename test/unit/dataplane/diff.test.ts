import { beforeEach, describe, expect, it } from 'vitest'
import type { DesiredState } from '../../../src/dataplane/desired-state.ts'
import { BindingKind, InterfaceFlags, NextHopKind, SliceConstants } from '../../../src/dataplane/generated/layouts.ts'
import { ipv4Word, offsetAddress, parseAddress } from '../../../src/net/address.ts'
import { MemoryMaps, outline } from './memory-maps.ts'
import { addressOf, interfaceOf, LOCAL, MAC, PUBLIC, stateOf } from './states.ts'

let maps: MemoryMaps
beforeEach(() => {
  maps = new MemoryMaps()
})

const oneSlice = () => stateOf({ interfaces: [interfaceOf(1, 1024)], addresses: [addressOf(PUBLIC)] })

describe('the order of operations', () => {
  it('enables a slice of a new owner once its entry is complete, and one that stays at once', () => {
    const seen: unknown[] = []
    const look = () => {
      const slice = maps.image.slices.get(0)
      if (slice !== undefined)
        seen.push([slice.kind === BindingKind.BINDING_NAT_SLICE, slice.insideAddress & 255, slice.size, slice.vni])
    }
    maps.apply(oneSlice(), look)
    expect(seen[0]).toEqual([false, 1, 64, 100])
    expect(seen.at(-1)).toEqual([true, 1, 64, 100])
    const unreachable = { ...oneSlice(), interfaces: [{ ...interfaceOf(1, 1024), owner: LOCAL }] }
    seen.length = 0
    maps.apply(unreachable, look)
    maps.apply(oneSlice(), look)
    expect(seen.every((each) => (each as boolean[])[0])).toBe(true)
  })

  it('fills a disabled slice, enables it after its address, then device, interface and settings', () => {
    const plan = maps.apply({ ...oneSlice(), devices: [{ ifindex: 5, vni: 100, macs: [] }] })
    expect(outline(plan)).toEqual([
      'slot-block',
      'put slices',
      'put addresses',
      'put slices',
      'put devices',
      'put interfaces',
      'put settings',
    ])
  })

  it('disables an interface first, and flushes its mappings before the ports are free', () => {
    maps.apply(oneSlice())
    const plan = maps.apply(stateOf({ addresses: [addressOf(PUBLIC)] }))
    expect(outline(plan)).toEqual(['remove interfaces', 'put slices', 'synchronize', 'flush', 'put slices'])
    expect(maps.image.slices.get(0)).toMatchObject({ kind: BindingKind.BINDING_NONE, size: 0, secret: 0n, epoch: 1 })
  })

  it('disables translation first and enables it last', () => {
    const off = { ...oneSlice(), settings: { ...stateOf().settings, enabled: false } }
    maps.apply(oneSlice())
    expect(outline(maps.apply(off))[0]).toBe('put settings')
    expect(maps.image.settings.get(0)?.enabled).toBe(0)
    expect(outline(maps.apply({ ...oneSlice(), devices: [{ ifindex: 7, vni: 1, macs: [] }] })).at(-1)).toBe(
      'put settings',
    )
  })

  it('does nothing when nothing differs, also after a restart', () => {
    maps.apply(oneSlice())
    expect(maps.apply(oneSlice()).operations).toEqual([])
    maps.restart()
    expect(maps.apply(oneSlice()).operations).toEqual([])
  })
})

describe('a list with a derivation', () => {
  const first = interfaceOf(1, 1024)
  const second = interfaceOf(2, 1088)
  const told = (interfaces: (typeof first)[], revision: number, from: number, added: (typeof first)[]) =>
    stateOf({
      interfaces,
      addresses: [addressOf(PUBLIC)],
      derivation: { revision, from, change: { removed: [], added } },
    })

  it('is compared by its derivation after the state it came from', () => {
    maps.apply(told([first], 1, 0, [first]))
    maps.apply(told([first, second], 2, 1, [second]))
    expect([...maps.image.interfaces.keys()].map(({ address }) => address)).toEqual(
      [first, second].map((each) => ipv4Word(each.address)),
    )
  })

  it('is compared in full when a state between was never applied', () => {
    maps.apply(told([first], 1, 0, [first]))
    maps.apply(told([first, second], 3, 2, []))
    expect([...maps.image.interfaces.keys()].map(({ address }) => address)).toEqual(
      [first, second].map((each) => ipv4Word(each.address)),
    )
  })
})

describe('a slice', () => {
  it('keeps secret, epoch and slots when only the next hop of its owner changes', () => {
    maps.apply(oneSlice())
    const before = maps.image.slices.get(0)
    const unreachable = { ...interfaceOf(1), slice: { publicAddress: PUBLIC, firstPort: 1024 } }
    maps.apply({ ...oneSlice(), interfaces: [unreachable] })
    const after = maps.image.slices.get(0)
    expect(after?.kind).toBe(BindingKind.BINDING_NAT_SLICE)
    expect(after?.inside.flags).toBe(NextHopKind.NEXT_HOP_ETHERNET)
    expect(after).toMatchObject({
      secret: before?.secret,
      epoch: before?.epoch,
      firstSlots: before?.firstSlots,
    })
    expect(maps.flushed).toEqual([])
  })

  it('is flushed and gets a new secret and epoch when it changes hands', () => {
    maps.apply(oneSlice())
    const before = maps.image.slices.get(0)!
    maps.apply({ ...oneSlice(), interfaces: [interfaceOf(2, 1024)] })
    const after = maps.image.slices.get(0)!
    expect(maps.flushed).toEqual([0])
    expect(after.secret).not.toBe(before.secret)
    expect(after.epoch).toBe(before.epoch + 1)
    expect(after.insideAddress).toBe(0x0a000002)
  })

  it('is given to another owner only when no program runs that saw the former one, flushed or not', () => {
    const two = stateOf({ interfaces: [interfaceOf(1, 1024), interfaceOf(2, 1088)], addresses: [addressOf(PUBLIC)] })
    maps.apply(two)
    // Slots that are another slice's are not flushed.
    const [first, second] = [maps.image.slices.get(0)!, maps.image.slices.get(1)!]
    maps.carryOut({ kind: 'put', map: 'slices', key: 1, value: { ...second, firstSlots: first.firstSlots } })
    maps.restart()
    const plan = maps.apply({ ...two, interfaces: [two.interfaces[0]!, interfaceOf(3, 1088)] })
    expect(maps.flushed).toEqual([])
    expect(outline(plan)).toEqual(expect.arrayContaining(['synchronize']))
    expect(maps.image.slices.get(1)).toMatchObject({ insideAddress: 0x0a000003, epoch: second.epoch + 1 })
  })

  it('is not given to a second interface: the first keeps it, and the second is reported', () => {
    maps.apply(oneSlice())
    const [first] = oneSlice().interfaces
    const plan = maps.apply({ ...oneSlice(), interfaces: [first!, interfaceOf(2, 1024)] })
    expect(plan.failures.map(({ message }) => message)).toEqual([
      'interface default/vm-2 (10.0.0.2, VNI 100) gets no ports: 198.51.100.0:1024 is the slice of another interface too',
    ])
    expect(maps.image.interfaces.get({ vni: 100, address: 0x0a000002 })?.slice).toBe(SliceConstants.NO_SLICE)
    expect(maps.image.slices.get(0)?.insideAddress).toBe(0x0a000001)
  })

  it('is flushed after a crash between disabling and flushing it', () => {
    maps.apply(oneSlice())
    const { plan } = maps.plan(stateOf({ addresses: [addressOf(PUBLIC)] }))
    for (const operation of plan.operations.slice(0, 2)) maps.carryOut(operation)
    maps.restart()
    maps.apply(oneSlice())
    expect(maps.flushed).toEqual([0])
    expect(maps.image.slices.get(0)).toMatchObject({ epoch: 2, kind: BindingKind.BINDING_NAT_SLICE })
  })
})

describe('an interface', () => {
  it('that becomes ambiguous, or ceases to be, is written again, and keeps its slice', () => {
    const state = oneSlice()
    const flags = () => maps.image.interfaces.get({ vni: 100, address: 0x0a000001 })?.flags
    maps.apply(state)
    maps.apply({ ...state, interfaces: state.interfaces.map((each) => ({ ...each, ambiguous: true as const })) })
    expect(flags()).toBe(InterfaceFlags.INTERFACE_AMBIGUOUS)
    maps.apply(state)
    expect(flags()).toBe(0)
    expect(maps.flushed).toEqual([])
  })

  it('without a slice is known, so that its packets are dropped for that reason', () => {
    maps.apply(stateOf({ interfaces: [interfaceOf(1)] }))
    expect(maps.image.interfaces.get({ vni: 100, address: 0x0a000001 })).toEqual({
      slice: SliceConstants.NO_SLICE,
      ifindex: 5,
      flags: 0,
    })
  })

  it('whose ports begin inside another slice gets none, with the slice boundaries in the message', () => {
    const plan = maps.apply({ ...oneSlice(), interfaces: [interfaceOf(1, 1030)] })
    expect(plan.failures[0]?.message).toContain(
      'no slice of 198.51.100.0 begins at port 1030: slices of 64 ports begin at 1024',
    )
  })

  it('loses its slice with the public address, also when the derivation does not name it', () => {
    const state = oneSlice()
    maps.apply(state)
    maps.apply({ ...state, addresses: [] })
    expect(maps.image.interfaces.get({ vni: 100, address: 0x0a000001 })?.slice).toBe(SliceConstants.NO_SLICE)
    expect(maps.image.slices.get(0)).toMatchObject({ kind: BindingKind.BINDING_NONE, size: 0 })
  })
})

describe('routes', () => {
  const hop = (last: number) => ({
    address: offsetAddress(PUBLIC, last),
    ifindex: 2,
    mtu: 1500,
    sourceMac: MAC,
    destinationMac: MAC,
  })
  const route = (nextHop: number) => ({
    address: parseAddress('0.0.0.0'),
    prefixLength: 0,
    type: 'via' as const,
    nextHop: offsetAddress(PUBLIC, nextHop),
    mtu: 1500,
  })
  const generation = () => maps.image.settings.get(0)?.routeGeneration

  it('make sessions look again when they change, but not for another MAC of the neighbour', () => {
    maps.apply(stateOf({ nextHops: [hop(1)], routes: [route(1)] }))
    const first = generation()
    const renewed = { ...hop(1), destinationMac: new Uint8Array([2, 0, 0, 0, 0, 9]) }
    maps.apply(stateOf({ nextHops: [renewed], routes: [route(1)] }))
    expect(generation()).toBe(first)
    maps.apply(stateOf({ nextHops: [renewed, hop(2)], routes: [route(2)] }))
    expect(generation()).toBe(first! + 2)
  })

  it('make sessions look again even when the rewriting of routes was cut short', () => {
    const before = stateOf({ nextHops: [hop(1), hop(2)], routes: [route(1)] })
    const after = stateOf({ nextHops: [hop(1), hop(2)], routes: [route(2)] })
    maps.apply(before)
    const first = generation()!
    const { operations } = maps.plan(after).plan
    for (const operation of operations.slice(0, -1)) maps.carryOut(operation)
    maps.restart()
    maps.apply(after)
    expect(generation()).toBe(first + 2)
  })

  it('keep the index of a neighbour for as long as it is wanted, and index 0 empty', () => {
    maps.apply(stateOf({ nextHops: [hop(1), hop(2)] }))
    maps.apply(stateOf({ nextHops: [hop(2)] }))
    expect([...maps.image.nextHops.keys()]).toEqual([2])
    maps.apply(stateOf({ nextHops: [hop(3), hop(2)] }))
    expect(maps.image.nextHops.get(1)?.address).toBe(ipv4Word(hop(3).address))
    expect(maps.image.nextHops.get(2)?.address).toBe(ipv4Word(hop(2).address))
  })

  it('of two MTUs by one neighbour are two next hops, each with its own', () => {
    const narrow = { ...route(1), address: parseAddress('198.18.0.0'), prefixLength: 15, mtu: 1400 }
    maps.apply(stateOf({ nextHops: [hop(1), { ...hop(1), mtu: 1400 }], routes: [route(1), narrow] }))
    const mtuOf = ({ address, prefixLength }: typeof narrow) =>
      maps.image.nextHops.get(maps.image.routes.get({ address: ipv4Word(address), prefixLength })?.nextHop ?? 0)?.hop
        .mtu
    expect([mtuOf(route(1)), mtuOf(narrow)]).toEqual([1500, 1400])
  })

  it('to a neighbour that is not among the next hops are refused by name', () => {
    const plan = maps.apply(stateOf({ routes: [route(7)] }))
    expect(plan.failures[0]?.message).toBe('route 0.0.0.0/0 leads to 198.51.100.7, which is not among the next hops')
  })
})

describe('living sessions look up their destination again', () => {
  const generation = () => maps.image.settings.get(0)?.routeGeneration ?? 0
  const everywhere = {
    address: parseAddress('0.0.0.0'),
    prefixLength: 0,
    type: 'via' as const,
    nextHop: offsetAddress(PUBLIC, 1),
  }
  const hop = { address: offsetAddress(PUBLIC, 1), ifindex: 2, mtu: 1500, sourceMac: MAC, destinationMac: MAC }
  const inside = { address: parseAddress('10.0.0.0'), prefixLength: 8, type: 'reject' as const }
  const way = { nextHops: [hop], routes: [everywhere] }

  it.each<[string, Partial<DesiredState>]>([
    ['an interface', { interfaces: [interfaceOf(1)] }],
    ['a NAT address', { addresses: [addressOf(PUBLIC)] }],
    ['an address of the host', { hostAddresses: [{ address: parseAddress('203.0.113.5'), ifindex: 2 }] }],
  ])('when the destination may have become %s', (_, parts) => {
    maps.apply(stateOf(way))
    const first = generation()
    maps.apply(stateOf({ ...way, ...parts }))
    expect(generation()).toBe(first + 2)
    maps.apply(stateOf({ ...way, ...parts }))
    expect(generation()).toBe(first + 2)
    maps.apply(stateOf(way))
    expect(generation()).toBe(first + 2)
  })

  it('by a filter that is there before they are', () => {
    maps.apply(stateOf(way))
    const seen: (readonly [number, bigint])[] = []
    maps.apply(stateOf({ ...way, hostAddresses: [{ address: parseAddress('203.0.113.5'), ifindex: 2 }] }), () => {
      const { routeGeneration, hostFilter } = maps.image.settings.get(0)!
      seen.push([routeGeneration % 2, hostFilter])
    })
    expect(seen[0]).toEqual([1, 0n])
    expect(seen.at(-2)?.[0]).toBe(1)
    expect(seen.at(-2)?.[1]).not.toBe(0n)
    expect(seen.at(-1)?.[0]).toBe(0)
  })

  it('not for interfaces where no flow leads, however many come and go, nor for IPv6 addresses of the host', () => {
    const routes = [everywhere, inside]
    maps.apply(stateOf({ ...way, routes }))
    const first = generation()
    const interfaces = Array.from({ length: 200 }, (_, n) => interfaceOf(n + 1))
    maps.apply(stateOf({ ...way, routes, interfaces }))
    maps.apply(stateOf({ ...way, routes, hostAddresses: [{ address: parseAddress('fd00::1'), ifindex: 2 }] }))
    expect(generation()).toBe(first)
  })
})
