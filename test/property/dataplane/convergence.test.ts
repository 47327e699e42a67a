import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DesiredInterface, DesiredState } from '../../../src/dataplane/desired-state.ts'
import { addressKey, interfaceKey } from '../../../src/dataplane/entries.ts'
import { BindingKind, NextHopFlags, NextHopKind, SliceConstants } from '../../../src/dataplane/generated/layouts.ts'
import { hasSlots, isActive } from '../../../src/dataplane/placement.ts'
import { blockOf } from '../../../src/dataplane/slot-numbers.ts'
import { ipv4Address, ipv4Word, offsetAddress, parseAddress } from '../../../src/net/address.ts'
import { MemoryMaps } from '../../unit/dataplane/memory-maps.ts'
import { addressOf, LOCAL, MAC, PUBLIC, REACHABLE, stateOf } from '../../unit/dataplane/states.ts'

const INSIDE = parseAddress('10.0.0.0')
const ADDRESSES = 3
const INTERFACES = 8

interface Picture {
  /** Slice size of each public address, undefined while NAT does not use it. */
  sizes: (number | undefined)[]
  /** Of each interface: VNI and, where it has ports, which slice of which address. */
  interfaces: ({ vni: number; slice?: { address: number; number: number; reachable: boolean } } | undefined)[]
  hops: number[]
  enabled: boolean
}

const picture: fc.Arbitrary<Picture> = fc.record({
  sizes: fc.array(fc.option(fc.constantFrom(64, 8192, 32256), { nil: undefined }), {
    minLength: ADDRESSES,
    maxLength: ADDRESSES,
  }),
  interfaces: fc.array(
    fc.option(
      fc.record(
        {
          vni: fc.constantFrom(100, 200),
          slice: fc.record({ address: fc.nat(ADDRESSES - 1), number: fc.nat(6), reachable: fc.boolean() }),
        },
        { requiredKeys: ['vni'] },
      ),
      { nil: undefined },
    ),
    { minLength: INTERFACES, maxLength: INTERFACES },
  ),
  hops: fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }),
  enabled: fc.boolean(),
})

/** Only what can be had: two interfaces never share a slice, and a slice is one of an address in use. */
function toState({ sizes, interfaces, hops, enabled }: Picture): DesiredState {
  const given = new Set<string>()
  const desired = interfaces.flatMap((each, index): DesiredInterface[] => {
    if (each === undefined) return []
    const base = { name: `default/vm-${index}`, vni: each.vni, address: offsetAddress(INSIDE, index), owner: LOCAL }
    const size = each.slice && sizes[each.slice.address]
    if (each.slice === undefined || size === undefined) return [base]
    const { address, number, reachable } = each.slice
    const id = `${address}/${number}`
    if (given.has(id) || number >= Math.floor(64512 / size)) return [base]
    given.add(id)
    const slice = { publicAddress: offsetAddress(PUBLIC, address), firstPort: 1024 + number * size }
    return [{ ...base, owner: reachable ? REACHABLE : LOCAL, slice }]
  })
  const nextHops = hops.map((last) => ({
    address: offsetAddress(PUBLIC, 200 + last),
    ifindex: 2,
    mtu: 1500,
    sourceMac: MAC,
  }))
  return stateOf({
    settings: { ...stateOf().settings, enabled },
    interfaces: desired,
    addresses: sizes.flatMap((size, index) =>
      size === undefined ? [] : [addressOf(offsetAddress(PUBLIC, index), size)],
    ),
    nextHops,
    routes: nextHops.map(({ address }, index) => ({
      address: ipv4Address(index << 24),
      prefixLength: 8,
      type: 'via',
      nextHop: address,
      mtu: 1500,
    })),
  })
}

/** Unchanged interfaces stay the same objects, as the agent keeps them. */
function shareUnchanged(previous: DesiredState | undefined, next: DesiredState): DesiredState {
  const known = new Map(previous?.interfaces.map((each) => [inspect(each), each]))
  return { ...next, interfaces: next.interfaces.map((each) => known.get(inspect(each)) ?? each) }
}

/** What must hold after every single operation, since packets do not wait for the last one. */
function expectSafe({ image }: MemoryMaps): void {
  const problems: string[] = []
  const ranges: { start: number; end: number }[] = []
  const ports = new Set<string>()
  for (const [index, slice] of image.slices.entries()) {
    if (!hasSlots(slice)) continue
    for (const first of slice.firstSlots) {
      ranges.push({ start: first, end: first + slice.size })
      if (blockOf(first) !== blockOf(first + slice.size - 1)) problems.push(`slice ${index} straddles blocks`)
      if (!image.slotBlocks.has(blockOf(first))) problems.push(`slice ${index} lies in a block that does not exist`)
    }
    const port = `${slice.publicAddress}:${slice.firstPort}`
    if (isActive(slice) && ports.has(port)) problems.push(`${port} has two owners`)
    if (isActive(slice)) ports.add(port)
  }
  ranges.sort((a, b) => a.start - b.start)
  ranges.forEach(({ end }, index) => {
    if (end > (ranges[index + 1]?.start ?? Infinity)) problems.push(`two slices share slot ${end - 1}`)
  })
  for (const [{ vni, address }, { slice: index }] of image.interfaces.entries()) {
    if (index === SliceConstants.NO_SLICE) continue
    const slice = image.slices.get(index)
    if (slice === undefined || !isActive(slice)) problems.push(`${address} has a slice that is not active`)
    if (slice?.vni !== vni || slice.insideAddress !== address) problems.push(`${address} has another's slice`)
  }
  expect(problems).toEqual([])
}

function expectReached({ image }: MemoryMaps, desired: DesiredState): void {
  expect([...image.interfaces.keys()].length).toBe(desired.interfaces.length)
  for (const { vni, address, owner, slice } of desired.interfaces) {
    const index = image.interfaces.get(interfaceKey({ vni, address }))?.slice
    if (slice === undefined) expect(index).toBe(SliceConstants.NO_SLICE)
    else {
      expect(image.slices.get(index!)).toMatchObject({
        vni,
        insideAddress: ipv4Word(address),
        publicAddress: ipv4Word(slice.publicAddress),
        firstPort: slice.firstPort,
        kind: BindingKind.BINDING_NAT_SLICE,
        inside: {
          flags: NextHopKind.NEXT_HOP_ETHERNET | (owner === REACHABLE ? NextHopFlags.NEXT_HOP_RESOLVED : 0),
        },
      })
      const block = image.addresses.get(addressKey(slice.publicAddress))!
      expect(index).toBe(block.firstSlice + (slice.firstPort - block.firstPort) / block.sliceSize)
    }
  }
  const withPorts = desired.interfaces.filter(({ slice }) => slice !== undefined).length
  expect([...image.slices.entries()].filter(([, slice]) => hasSlots(slice)).length).toBe(withPorts)
  expect([...image.addresses.keys()].length).toBe(desired.addresses.length)
}

describe('the maps', () => {
  it('become what is desired through any sequence of changes, safe after every single write', () => {
    fc.assert(
      fc.property(fc.array(picture, { minLength: 1, maxLength: 6 }), (pictures) => {
        const maps = new MemoryMaps()
        let previous: DesiredState | undefined
        for (const each of pictures) {
          const desired = shareUnchanged(previous, toState(each))
          const plan = maps.apply(desired, () => {
            expectSafe(maps)
          })
          expect(plan.failures).toEqual([])
          expectReached(maps, desired)
          expect(maps.apply(desired).operations).toEqual([])
          previous = desired
        }
      }),
      { numRuns: 300 },
    )
  })

  it('become what is desired after a crash at any point of a change', () => {
    fc.assert(
      fc.property(picture, picture, picture, fc.nat(60), fc.nat(60), (first, second, third, cut, cutAgain) => {
        const maps = new MemoryMaps()
        maps.apply(toState(first))
        for (const [next, end] of [
          [second, cut],
          [third, cutAgain],
        ] as const) {
          for (const operation of maps.plan(toState(next)).plan.operations.slice(0, end)) {
            maps.carryOut(operation)
            expectSafe(maps)
          }
          maps.restart()
        }
        const desired = toState(third)
        maps.apply(desired)
        expectReached(maps, desired)
        maps.restart()
        expect(maps.apply(desired).operations).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  it('never move a slice that keeps its owner, its ports and its size', () => {
    fc.assert(
      fc.property(fc.array(picture, { minLength: 2, maxLength: 6 }), fc.array(fc.boolean()), (pictures, restarts) => {
        const maps = new MemoryMaps()
        pictures.forEach((each, step) => {
          const before = [...maps.image.slices.entries()]
          maps.flushed = []
          maps.apply(toState(each))
          if (restarts[step]) maps.restart()
          for (const [index, slice] of before) {
            const after = maps.image.slices.get(index)
            const stays =
              isActive(slice) &&
              after?.vni === slice.vni &&
              after.insideAddress === slice.insideAddress &&
              after.publicAddress === slice.publicAddress &&
              after.firstPort === slice.firstPort &&
              after.size === slice.size
            if (!stays || maps.flushed.includes(index)) continue
            const { firstSlots, secret, epoch } = slice
            expect(after).toMatchObject({ firstSlots, secret, epoch })
          }
        })
      }),
      { numRuns: 200 },
    )
  })

  it('leak no slot: when all is removed, the first slice is where the very first was', () => {
    fc.assert(
      fc.property(fc.array(picture, { minLength: 1, maxLength: 6 }), (pictures) => {
        const maps = new MemoryMaps()
        for (const each of pictures) maps.apply(toState(each))
        maps.apply(stateOf())
        const block = maps.placement.placeBlock(PUBLIC, { firstPort: 1024, lastPort: 65535, sliceSize: 64 })
        expect(block?.firstSlice).toBe(0)
        expect(maps.placement.allocateSlots(64512)).toEqual([0, 0x10000, 0x20000])
      }),
      { numRuns: 200 },
    )
  })
})
