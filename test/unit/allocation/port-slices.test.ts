import { describe, expect, it } from 'vitest'
import { sliceAt, sliceCapacity, sliceIndexOf } from '../../../src/allocation/port-range.ts'
import type { ExistingTable } from '../../../src/allocation/port-slices.ts'
import type { SliceOwner } from '../../../src/allocation/slice-owner.ts'
import type { NATTableSection } from '../../../src/api/index.ts'
import { plainAllocation } from '../../support/plain-allocation.ts'

const ports = { first: 1024, last: 65535 }
const owner = (name: string, createdAt = 0): SliceOwner => ({ uid: `uid-${name}`, name, ip: '10.0.0.1', createdAt })
const section = (name: string, port: number, size: number): NATTableSection => ({
  ip: '10.0.0.1',
  port,
  endPort: port + size - 1,
  targetRef: { name, uid: `uid-${name}` },
})
const table = (sections: NATTableSection[], portsPerSlice = 64, ip = 'a'): ExistingTable => ({
  ip,
  ports,
  portsPerSlice,
  sections,
})
const placed = (result: ReturnType<typeof plainAllocation>): Record<string, string> =>
  Object.fromEntries(
    result.tables.flatMap(({ ip, sections }) =>
      sections.map(({ targetRef, port, endPort }) => [targetRef.name, `${ip}:${port}-${endPort}`]),
    ),
  )

describe('the arithmetic of slices', () => {
  it.each([
    [1, 64512, 65535, 65535],
    [64, 1008, 65472, 65535],
    [2048, 31, 62464, 64511],
    [4096, 15, 58368, 62463],
    [16384, 3, 33792, 50175],
    [32768, 1, 1024, 33791],
    [64512, 1, 1024, 65535],
  ])('puts slices of %i ports %i times into an address, the last on %i–%i', (size, capacity, first, last) => {
    expect(sliceCapacity(ports, size)).toBe(capacity)
    expect(sliceAt(ports, size, 0).port).toBe(1024)
    expect(sliceAt(ports, size, capacity - 1)).toEqual({ port: first, endPort: last })
    expect(sliceIndexOf(ports, size, { port: first, endPort: last })).toBe(capacity - 1)
  })

  it('has no room for a slice larger than the range', () => {
    expect(sliceCapacity({ first: 1024, last: 1087 }, 65)).toBe(0)
    expect(sliceCapacity({ first: 1024, last: 1087 }, 64)).toBe(1)
  })

  it('takes nothing for a slice that is off a boundary, of another size or beyond the end', () => {
    expect(sliceIndexOf(ports, 64, { port: 1025, endPort: 1088 })).toBeUndefined()
    expect(sliceIndexOf(ports, 64, { port: 1024, endPort: 1086 })).toBeUndefined()
    expect(sliceIndexOf(ports, 2048, { port: 64512, endPort: 66559 })).toBeUndefined()
    expect(sliceIndexOf(ports, 64, { port: 960, endPort: 1023 })).toBeUndefined()
  })

  it.each([0, -1, 1.5, NaN])('refuses slices of %d ports', (portsPerSlice) => {
    const request = { addresses: [], portsPerSlice, existing: [], owners: [] }
    expect(() => plainAllocation(request)).toThrow('a whole number of ports')
  })
})

describe('allocating slices', () => {
  const addresses = [
    { ip: 'a', ports },
    { ip: 'b', ports },
  ]

  it('serves the oldest first, from the lowest free slice of the first address', () => {
    const owners = [owner('young', 30), owner('old', 10), owner('b-middle', 20), owner('a-middle', 20)]
    const result = plainAllocation({ addresses, portsPerSlice: 21504, existing: [], owners })
    expect(placed(result)).toEqual({
      old: 'a:1024-22527',
      'a-middle': 'a:22528-44031',
      'b-middle': 'a:44032-65535',
      young: 'b:1024-22527',
    })
  })

  it('leaves those without room pending, oldest first', () => {
    const owners = ['e', 'd', 'c', 'b', 'a'].map((name) => owner(name))
    const result = plainAllocation({ addresses, portsPerSlice: 32768, existing: [], owners })
    expect(Object.keys(placed(result))).toEqual(['a', 'b'])
    expect(result.pending.map(({ name }) => name)).toEqual(['c', 'd', 'e'])
  })

  it('lets slices of one port stay as well', () => {
    const existing = [table([section('x', 65535, 1)], 1)]
    const result = plainAllocation({ addresses, portsPerSlice: 1, existing, owners: [owner('x')] })
    expect(placed(result)).toEqual({ x: 'a:65535-65535' })
    expect(result.displaced).toEqual([])
  })

  it('gives a freed slice to the next owner and moves no other', () => {
    const existing = [table([section('x', 1024, 64), section('gone', 1088, 64), section('z', 1152, 64)])]
    const owners = [owner('z', 1), owner('new', 0), owner('x', 2)]
    const result = plainAllocation({ addresses, portsPerSlice: 64, existing, owners })
    expect(placed(result)).toEqual({ x: 'a:1024-1087', new: 'a:1088-1151', z: 'a:1152-1215' })
  })

  it('keeps address and index where the size changes, before any owner gets another', () => {
    const existing = [table([section('far', 1024 + 40 * 64, 64), section('near', 1024 + 64, 64)])]
    const owners = [owner('far', 1), owner('near', 2), owner('new', 0)]
    const result = plainAllocation({ addresses, portsPerSlice: 2048, existing, owners })
    expect(placed(result)).toEqual({ far: 'a:1024-3071', near: 'a:3072-5119', new: 'a:5120-7167' })
    expect(result.damage).toEqual([])
  })

  it('serves owners that lose their address before owners that never had one', () => {
    const existing = [table([section('had', 1024, 32768)], 32768, 'withdrawn')]
    const owners = [owner('had', 9), owner('new', 1)]
    const request = { addresses: [{ ip: 'a', ports }], portsPerSlice: 32768, existing, owners }
    expect(placed(plainAllocation(request))).toEqual({ had: 'a:1024-33791' })
  })

  it('corrects the inside address and the name of a section in place', () => {
    const renamed = { ...owner('x'), ip: '10.0.0.9' }
    const result = plainAllocation({
      addresses,
      portsPerSlice: 64,
      existing: [table([section('x', 1088, 64)])],
      owners: [renamed],
    })
    expect(result.tables[0]?.sections).toEqual([{ ...section('x', 1088, 64), ip: '10.0.0.9' }])
  })

  describe('repairs damaged tables and keeps the first', () => {
    it.each([
      ['two owners on one slice', [section('x', 1024, 64), section('y', 1024, 64)], 'overlap'],
      ['a section off its boundary', [section('x', 1024, 64), section('y', 1030, 64)], 'misaligned'],
      ['a section that is too long', [section('x', 1024, 64), section('y', 1088, 100)], 'misaligned'],
    ] as const)('%s', (_, sections, problem) => {
      const result = plainAllocation({
        addresses,
        portsPerSlice: 64,
        existing: [table([...sections])],
        owners: [owner('x'), owner('y')],
      })
      expect(placed(result)).toEqual({ x: 'a:1024-1087', y: 'a:1088-1151' })
      expect(result.damage).toMatchObject([{ ip: 'a', problem, section: { targetRef: { name: 'y' } } }])
    })

    it('two slices of one owner', () => {
      const existing = [table([section('x', 1088, 64)]), table([section('x', 1024, 64)], 64, 'b')]
      const result = plainAllocation({ addresses, portsPerSlice: 64, existing, owners: [owner('x')] })
      expect(placed(result)).toEqual({ x: 'a:1088-1151' })
      expect(result.damage).toMatchObject([{ ip: 'b', problem: 'second slice of its owner' }])
    })

    it('a table with slices of no ports', () => {
      const existing = [table([section('x', 1024, 7)], 0)]
      const result = plainAllocation({ addresses, portsPerSlice: 64, existing, owners: [owner('x')] })
      expect(placed(result)).toEqual({ x: 'a:1024-1087' })
    })
  })
})
