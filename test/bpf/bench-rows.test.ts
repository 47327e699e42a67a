import { describe, expect, test } from 'vitest'
import { strideFor, timeQuantile } from '../bench/flows.ts'
import { formatMarkdown, formatNumber } from '../bench/report/table.ts'
import { replaceMeasured } from '../bench/report/write.ts'
import { exponent, quantile, ratios, row, summarise } from '../bench/rows.ts'

describe('figures of the bench', () => {
  test('a median is the middle sample, or between the two in the middle', () => {
    expect(summarise([5, 1, 9])).toEqual({ value: 5, min: 1, max: 9 })
    expect(summarise([4, 1, 2, 9])).toEqual({ value: 3, min: 1, max: 9 })
  })

  test('a quantile is a sample that was seen', () => {
    const samples = Array.from({ length: 100 }, (_, i) => i + 1)
    expect(quantile(samples, 0.99)).toBe(99)
    expect(quantile([7], 0.99)).toBe(7)
    const times = [
      { microseconds: 1, count: 98 },
      { microseconds: 5, count: 2 },
    ]
    expect([timeQuantile(times, 0.5), timeQuantile(times, 0.99)]).toEqual([1, 5])
  })

  test('ratios compare samples of the same repetition', () => {
    expect(ratios([2, 6], [1, 2])).toEqual([2, 3])
  })

  test('an exponent tells how cost grows with size', () => {
    const points = [10, 100, 1000].map((size) => ({ size, cost: 3 * size ** 1.5 }))
    expect(exponent(points)).toBeCloseTo(1.5)
  })

  test('a row says whether its target is met, and null without a target or a measurement', () => {
    const more = { atLeast: 4, aim: 5, better: 'more' } as const
    const less = { atLeast: 4, aim: 1, better: 'less' } as const
    expect(row('f', '×', [4.5], more).met).toBe(true)
    expect(row('f', '×', [3.5], more).met).toBe(false)
    expect(row('f', 's', [3.5], less).met).toBe(true)
    expect(row('f', 's', [4.5], less).met).toBe(false)
    expect(row('f', 's', [1]).met).toBeNull()
    expect(row('f', 's', [], less, 'no such device')).toMatchObject({ value: null, met: false, note: 'no such device' })
  })

  test('a stride leads to every flow and never to a neighbour', () => {
    for (const flows of [1, 2, 1000, 4096, 100_000]) {
      const step = strideFor(flows)
      const seen = new Set<number>()
      for (let flow = 0, n = 0; n < flows; n++, flow = (flow + step) % flows) seen.add(flow)
      expect(seen.size).toBe(flows)
      if (flows > 100) expect(Math.min(step, flows - step)).toBeGreaterThan(flows / 4)
    }
  })
})

describe('the report of the bench', () => {
  const page = '# P\n\n<!-- written by npm run bench: begin -->\nold\n<!-- written by npm run bench: end -->\n\nmine\n'

  test('text around the figures stays', () => {
    const written = replaceMeasured(page, 'new')
    expect(written).toContain('# P')
    expect(written).toContain('new')
    expect(written).not.toContain('old')
    expect(written.endsWith('\n\nmine\n')).toBe(true)
    expect(replaceMeasured(written, 'newer')).toContain('newer')
  })

  test('a page without a place for them is refused', () => {
    expect(() => replaceMeasured('# P', 'new')).toThrow(/lacks the lines/)
  })

  test('numbers have three digits that count', () => {
    expect([0.01234, 0.5, 4.2, 42.345, 1234.5, null].map(formatNumber)).toEqual([
      '0.0123',
      '0.500',
      '4.20',
      '42.3',
      '1,235',
      '–',
    ])
  })

  test('the table shows every row', () => {
    const rows = [row('this gateway: 1 flow', 'Mpps', [1, 2, 3]), row('nftables <x>: 1 flow', 'Mpps', [0.5])]
    expect(formatMarkdown(rows).split('\n')).toHaveLength(4)
  })
})
