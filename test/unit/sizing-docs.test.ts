import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { gatewayJsonSchema, keysOf } from '../../scripts/docs/json-schemas.ts'
import { parseConfig } from '../../src/config/load.ts'
import { PORT_REUSE_DELAY_SECONDS } from '../../src/dataplane/entries.ts'
import { maps, SlotConstants } from '../../src/dataplane/generated/layouts.ts'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

it('the rates in docs/sizing.md follow from ports and timers', () => {
  const { timers } = parseConfig(read('examples/gateway.yaml'), '/examples/gateway.yaml').config
  const cells = (line: string): string[] => line.split('|').slice(1, -1)
  const number = (text: string): number => Number(/\d[\d.,]*/.exec(text)![0].replaceAll(',', ''))
  const [, section = ''] = read('docs/sizing.md').split('\n## The rate of new connections\n')
  const [head, , ...rows] = section.split('\n').filter((line) => line.startsWith('|'))
  const seconds = cells(head!).slice(1).map(number)
  expect(seconds[0]).toBe(timers.tcpTransitory)
  expect(seconds.at(-1)).toBe(timers.udp)
  expect(rows.length).toBeGreaterThan(5)
  for (const row of rows) {
    const [ports = 0, ...rates] = cells(row).map(number)
    expect(rates).toHaveLength(seconds.length)
    rates.forEach((rate, column) => {
      const exact = ports / (seconds[column]! + PORT_REUSE_DELAY_SECONDS)
      expect(Math.abs(rate - exact)).toBeLessThan(0.05 * exact)
    })
  }
})

it('the limits in docs/sizing.md are those of gateway.yaml', () => {
  const [, section = ''] = read('docs/sizing.md').split('\n## Limits\n')
  const shown = new Map(
    [...section.matchAll(/^\| `([\w.]+)` \| ([\d,]+) \|/gm)].map(([, name, value]) => [name, value]),
  )
  const limits = keysOf(gatewayJsonSchema()).filter(({ path }) => /^limits\.|newFlowsPerSecond/.test(path))
  expect(limits).toHaveLength(5)
  for (const { path, schema } of limits) {
    expect([path, shown.get(path)]).toEqual([path, Number(schema.default).toLocaleString('en')])
  }
})

it('the memory in docs/sizing.md is that of the maps', () => {
  const { slotBlocks, slices, sliceStates } = maps
  const slot = (slotBlocks.inner.maxEntries * slotBlocks.inner.valueSize) / SlotConstants.BLOCK_SLOTS
  const page = read('docs/sizing.md')
  expect(page).toContain(`3 × ${Math.round(slot)} bytes a port`)
  expect(page).toContain(`${Math.round((64 * 3 * slot) / 1024)} KiB with 64 ports`)
  expect(page).toContain(`\`limits.maxSlices\` | ${slices.valueSize + sliceStates.valueSize} bytes each`)
})
