import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sliceAt, sliceCapacity, sliceIndexOf } from '../../../src/allocation/port-range.ts'
import type { ExistingTable } from '../../../src/allocation/port-slices.ts'
import type { SliceOwner } from '../../../src/allocation/slice-owner.ts'
import { plainAllocation } from '../../support/plain-allocation.ts'

const portRange = fc
  .tuple(fc.integer({ min: 1, max: 65535 }), fc.integer({ min: 1, max: 65535 }))
  .map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) }))
const portsPerSlice = fc.oneof(fc.constantFrom(1, 2, 64, 2048, 32768, 64512), fc.integer({ min: 1, max: 64512 }))
const owners = fc
  .array(fc.record({ id: fc.integer({ min: 0, max: 40 }), createdAt: fc.integer({ min: 0, max: 5 }) }), {
    maxLength: 30,
  })
  .map((list) => [...new Map(list.map((each) => [each.id, each])).values()])
  .map((list) =>
    list.map(({ id, createdAt }): SliceOwner => ({ uid: `u${id}`, name: `n${id}`, ip: `10.0.0.${id}`, createdAt })),
  )
const addresses = (max: number) =>
  fc.array(portRange, { maxLength: max }).map((list) => list.map((ports, index) => ({ ip: `a${index}`, ports })))
const section = fc.record({
  ip: fc.constant('10.0.0.1'),
  port: fc.integer({ min: 0, max: 65535 }),
  endPort: fc.integer({ min: 0, max: 65535 }),
  targetRef: fc.integer({ min: 0, max: 40 }).map((id) => ({ name: `n${id}`, uid: `u${id}` })),
})
/** Tables as anyone might have left them. */
const anyTables = fc.array(
  fc.record({
    ip: fc.integer({ min: 0, max: 5 }).map((n) => `a${n}`),
    ports: portRange,
    portsPerSlice: fc.integer({ min: 0, max: 70000 }),
    sections: fc.array(section, { maxLength: 10 }),
  }),
  { maxLength: 4 },
)

type Request = Parameters<typeof plainAllocation>[0]

function expectSound(request: Request, result: ReturnType<typeof plainAllocation>): void {
  const served: string[] = []
  let capacity = 0
  for (const [index, { ip, ports }] of request.addresses.entries()) {
    const { sections } = result.tables[index]!
    expect(result.tables[index]!.ip).toBe(ip)
    capacity += sliceCapacity(ports, request.portsPerSlice)
    let end = ports.first - 1
    for (const each of sections) {
      expect(each.port).toBeGreaterThan(end)
      expect(sliceIndexOf(ports, request.portsPerSlice, each)).toBeDefined()
      end = each.endPort
      served.push(each.targetRef.uid)
    }
    expect(end).toBeLessThanOrEqual(ports.last)
  }
  expect(new Set(served).size).toBe(served.length)
  const all = [...served, ...result.pending.map(({ uid }) => uid)]
  expect(all.sort()).toEqual(request.owners.map(({ uid }) => uid).sort())
  expect(served.length).toBe(Math.min(capacity, request.owners.length))
}

const tablesOf = (request: Request, result: ReturnType<typeof plainAllocation>): ExistingTable[] =>
  result.tables.map(({ ip, sections }, index) => ({
    ip,
    sections,
    ports: request.addresses[index]!.ports,
    portsPerSlice: request.portsPerSlice,
  }))

describe('slices', () => {
  it('cover the range exactly: first and last port, no gap, for every size', () => {
    fc.assert(
      fc.property(portRange, portsPerSlice, (ports, size) => {
        const capacity = sliceCapacity(ports, size)
        const length = ports.last - ports.first + 1
        expect(capacity * size).toBeLessThanOrEqual(length)
        expect((capacity + 1) * size).toBeGreaterThan(length)
        if (capacity === 0) return
        expect(sliceAt(ports, size, 0).port).toBe(ports.first)
        expect(sliceAt(ports, size, capacity - 1).endPort).toBe(ports.first + capacity * size - 1)
        const middle = Math.floor(capacity / 2)
        expect(sliceIndexOf(ports, size, sliceAt(ports, size, middle))).toBe(middle)
        expect(sliceIndexOf(ports, size, sliceAt(ports, size, capacity))).toBeUndefined()
      }),
    )
  })

  it('have their arithmetic right for each of the 64512 sizes of a full address', () => {
    const ports = { first: 1024, last: 65535 }
    for (let size = 1; size <= 64512; size++) {
      const capacity = sliceCapacity(ports, size)
      const last = sliceAt(ports, size, capacity - 1)
      if (last.endPort > 65535 || last.endPort + size <= 65535 || sliceIndexOf(ports, size, last) !== capacity - 1) {
        expect.fail(`${size} ports: ${capacity} slices, the last ${last.port}–${last.endPort}`)
      }
    }
  })

  it('never overlap, serve all that fit and nobody twice, whatever was in the tables', () => {
    fc.assert(
      fc.property(addresses(5), portsPerSlice, anyTables, owners, (addresses, portsPerSlice, existing, owners) => {
        const request = { addresses, portsPerSlice, existing, owners }
        const result = plainAllocation(request)
        expectSound(request, result)
        const again = { ...request, existing: tablesOf(request, result) }
        expect(plainAllocation(again)).toEqual({ ...result, displaced: [], damage: [] })
      }),
    )
  })

  it('stay where they are when owners come and go and addresses are added, in whatever order all are given', () => {
    fc.assert(
      fc.property(addresses(5), fc.nat(5), portsPerSlice, owners, owners, fc.func(fc.integer()), (...given) => {
        const [all, some, portsPerSlice, before, after, shuffle] = given
        const request = { addresses: all.slice(0, some), portsPerSlice, existing: [], owners: before }
        const first = plainAllocation(request)
        const shuffled = [...after].sort((a, b) => shuffle(a.uid) - shuffle(b.uid))
        const existing = tablesOf(request, first).reverse()
        const second = plainAllocation({ addresses: all, portsPerSlice, existing, owners: shuffled })
        expectSound({ ...request, addresses: all, owners: after }, second)
        const staying = new Set(after.map(({ uid }) => uid))
        const kept = first.tables.map(({ sections }) => sections.filter(({ targetRef }) => staying.has(targetRef.uid)))
        for (const [index, sections] of kept.entries()) {
          expect(second.tables[index]!.sections).toEqual(expect.arrayContaining(sections))
        }
        expect(second).toEqual(plainAllocation({ addresses: all, portsPerSlice, existing, owners: after }))
      }),
    )
  })

  it('stay on their address when their size changes, as far as it has room', () => {
    fc.assert(
      fc.property(addresses(3), portsPerSlice, portsPerSlice, owners, (addresses, before, after, owners) => {
        const request = { addresses, portsPerSlice: before, existing: [], owners }
        const first = plainAllocation(request)
        const next = { addresses, portsPerSlice: after, existing: tablesOf(request, first), owners }
        const second = plainAllocation(next)
        expectSound(next, second)
        for (const [index, { sections }] of first.tables.entries()) {
          const had = new Set(sections.map(({ targetRef }) => targetRef.uid))
          const have = second.tables[index]!.sections.filter(({ targetRef }) => had.has(targetRef.uid))
          const room = sliceCapacity(addresses[index]!.ports, after)
          expect(have.length).toBe(Math.min(had.size, room))
        }
      }),
    )
  })

  it('are allocated to 100,000 owners in time that grows with their number, not with its square', () => {
    const many = Array.from({ length: 100_000 }, (_, n): SliceOwner => ({
      uid: `u${n}`,
      name: `n${n}`,
      ip: 'x',
      createdAt: n % 7,
    }))
    const addresses = Array.from({ length: 256 }, (_, n) => ({ ip: `a${n}`, ports: { first: 1024, last: 65535 } }))
    for (const size of [1, 64, 2048, 64512]) {
      const request = { addresses, portsPerSlice: size, existing: [], owners: many }
      const began = performance.now()
      const again = { ...request, existing: tablesOf(request, plainAllocation(request)) }
      expect(plainAllocation(again).displaced).toEqual([])
      // Two allocations; on a loaded machine of two cores each takes a tenth of this. A quadratic one takes minutes.
      expect(performance.now() - began).toBeLessThan(5_000)
    }
  })
})
