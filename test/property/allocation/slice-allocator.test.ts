import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SliceAddress } from '../../../src/allocation/address-slots.ts'
import type { ExistingTable } from '../../../src/allocation/port-slices.ts'
import { allocateSlices } from '../../../src/allocation/port-slices.ts'
import type { SliceAllocator } from '../../../src/allocation/slice-allocator.ts'
import type { SliceOwner } from '../../../src/allocation/slice-owner.ts'
import { plainAllocation } from '../../support/plain-allocation.ts'

const RANGES = [
  { first: 1024, last: 65535 },
  { first: 20000, last: 29999 },
  { first: 1, last: 100 },
]
const SIZES = [1, 40, 2500, 10000, 21504, 32256, 64512]

/** One owner comes, changes or (where its age is undefined) goes. */
const judgement = fc.record({
  id: fc.nat(25),
  name: fc.nat(3),
  ip: fc.nat(3),
  createdAt: fc.option(fc.nat(6), { nil: undefined, freq: 3 }),
})
const addresses = fc
  .uniqueArray(fc.record({ n: fc.nat(5), range: fc.nat(20) }), { selector: ({ n }) => n, maxLength: 5 })
  // Mostly the range an address always has, or hardly any allocator would live on.
  .map((list) => list.map(({ n, range }): SliceAddress => ({ ip: `a${n}`, ports: RANGES[range < 3 ? range : n % 3]! })))
const step = fc.record({
  judgements: fc.array(judgement, { maxLength: 6 }),
  /** Addresses that come, or take another place; those that are there stay where `replaced` does not say otherwise. */
  addresses: fc.option(addresses, { freq: 3, nil: undefined }),
  replaced: fc.boolean(),
})

/** The allocator, and all that allocating from nothing takes: tables as the allocator said last. */
class Model {
  readonly #portsPerSlice: number
  readonly #owners = new Map<string, SliceOwner>()
  #addresses: SliceAddress[] = []
  #tables: ExistingTable[] = []
  #allocator: SliceAllocator

  constructor(portsPerSlice: number) {
    this.#portsPerSlice = portsPerSlice
    this.#allocator = allocateSlices(this.#request()).allocator
    this.#allocator.settled([])
  }

  judge({ id, name, ip, createdAt }: { id: number; name: number; ip: number; createdAt?: number | undefined }): void {
    const uid = `u${id}`
    if (createdAt === undefined) {
      this.#owners.delete(uid)
      this.#allocator.unwant(uid)
    } else {
      const owner = { uid, name: `n${name}`, ip: `10.0.0.${ip}`, createdAt }
      this.#owners.set(uid, owner)
      this.#allocator.want(owner)
    }
  }

  useAddresses(next: SliceAddress[], replaced: boolean): void {
    const staying = replaced ? [] : this.#addresses.filter(({ ip }) => !next.some((each) => each.ip === ip))
    this.#addresses = [...next, ...staying]
  }

  /** @returns whether the allocator could go on */
  check(): boolean {
    const expected = plainAllocation(this.#request())
    const wentOn = this.#allocator.allocate(this.#addresses)
    if (wentOn) {
      expect({ displaced: [], damage: [], ...this.#said() }).toEqual(expected)
      for (const { ip, sections } of expected.tables) {
        const before = this.#tables.find((table) => table.ip === ip)?.sections
        if (!this.#allocator.isTouched(ip)) expect(sections).toEqual(before)
        expect(this.#allocator.sectionsOf(ip)).toEqual(sections)
        expect(this.#allocator.isEmpty(ip)).toBe(sections.length === 0)
      }
    } else {
      const allocated = allocateSlices({ ...this.#request(), owners: this.#allocator.owners })
      this.#allocator = allocated.allocator
      expect({ displaced: allocated.displaced, damage: allocated.damage, ...this.#said() }).toEqual(expected)
    }
    expect(this.#allocator.wanted).toBe(this.#owners.size)
    this.#tables = expected.tables.map(({ ip, sections }, index) => ({
      ip,
      sections: structuredClone(sections),
      ports: this.#addresses[index]!.ports,
      portsPerSlice: this.#portsPerSlice,
    }))
    this.#allocator.settled(this.#tables)
    return wentOn
  }

  #said() {
    return { tables: this.#allocator.tables(), pending: [...this.#allocator.pending] }
  }

  #request() {
    const owners = [...this.#owners.values()]
    return { addresses: this.#addresses, portsPerSlice: this.#portsPerSlice, existing: this.#tables, owners }
  }
}

describe('the allocator of slices', () => {
  it('equals a full allocation after every change', () => {
    let wentOn = 0
    let checks = 0
    fc.assert(
      fc.property(fc.constantFrom(...SIZES), fc.array(step, { maxLength: 40, size: 'max' }), (size, steps) => {
        const model = new Model(size)
        for (const { judgements, addresses, replaced } of steps) {
          for (const each of judgements) model.judge(each)
          if (addresses !== undefined) model.useAddresses(addresses, replaced)
          wentOn += Number(model.check())
          checks++
        }
      }),
      { numRuns: Number(process.env.PROPERTY_RUNS ?? 200) },
    )
    // Or the property would say nothing of the allocator.
    expect(wentOn / checks).toBeGreaterThan(0.5)
  })
})
