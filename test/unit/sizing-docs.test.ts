import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { GRACE_SECONDS } from '../../src/dataplane/entries.ts'
import { parseConfig } from '../../src/config/load.ts'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

it('the rates in docs/sizing.md follow from ports and timers', () => {
  const { timers } = parseConfig(read('examples/gateway.yaml'), '/examples/gateway.yaml').config
  const cells = (line: string): string[] => line.split('|').slice(1, -1)
  const number = (text: string): number => Number(/\d[\d.,]*/.exec(text)![0].replaceAll(',', ''))
  const [head, , ...rows] = read('docs/sizing.md')
    .split('\n')
    .filter((line) => line.startsWith('|'))
  const seconds = cells(head!).slice(1).map(number)
  expect(seconds[0]).toBe(timers.tcpTransitory)
  expect(seconds.at(-1)).toBe(timers.udp)
  expect(rows.length).toBeGreaterThan(5)
  for (const row of rows) {
    const [ports = 0, ...rates] = cells(row).map(number)
    expect(rates).toHaveLength(seconds.length)
    rates.forEach((rate, column) => {
      const exact = ports / (seconds[column]! + GRACE_SECONDS)
      expect(Math.abs(rate - exact)).toBeLessThan(0.05 * exact)
    })
  }
})
