import { describe, expect, it } from 'vitest'
import { Ranges } from '../../../src/dataplane/ranges.ts'

describe('ranges', () => {
  it('are taken from the first gap that is wide enough', () => {
    const ranges = new Ranges(100)
    expect([ranges.allocate(10), ranges.allocate(20), ranges.allocate(5)]).toEqual([0, 10, 30])
    ranges.release(0, 10)
    ranges.release(10, 20)
    expect(ranges.allocate(25)).toBe(0)
    expect(ranges.allocate(5)).toBe(25)
  })

  it('grow together again when all are given back, in whatever order', () => {
    const ranges = new Ranges(12)
    for (let start = 0; start < 12; start += 3) ranges.allocate(3)
    for (const start of [3, 9, 0, 6]) ranges.release(start, 3)
    expect([ranges.free, ranges.widest]).toEqual([12, 12])
  })

  it('can be reserved only where nothing is taken', () => {
    const ranges = new Ranges(10)
    expect(ranges.reserve(4, 3)).toBe(true)
    expect(ranges.reserve(6, 2)).toBe(false)
    expect(ranges.reserve(8, 3)).toBe(false)
    expect(ranges.reserve(7, 3)).toBe(true)
    expect(ranges.free).toBe(4)
  })

  it('that are not taken cannot be given back', () => {
    const ranges = new Ranges(10)
    ranges.allocate(4)
    expect(() => {
      ranges.release(2, 4)
    }).toThrow('2+4 is not taken')
  })

  it('are refused when no gap is wide enough, even if there is room in all', () => {
    const ranges = new Ranges(6)
    ranges.reserve(2, 2)
    expect(ranges.allocate(3)).toBeUndefined()
    expect(ranges.free).toBe(4)
  })
})
