// Bars of packets per second, as SVG. Pure.
import type { Row } from '../rows.ts'
import { formatNumber } from './table.ts'

const WIDTH = 960
const LEFT = 250
const BAR = 16
const GAP = 26
const COLOURS = ['#2563eb', '#dc2626', '#6b7280', '#a1a1aa', '#d97706', '#374151'] as const
const LEGEND = { columns: 3, width: 310, height: 20 }

interface Bar {
  series: string
  row: Row
}

/** One group of bars a scenario: every row in Mpps, named `<what>: <scenario>`. */
export function plot(rows: readonly Row[]): string {
  const bars = rows
    .filter(({ unit, value }) => unit === 'Mpps' && value !== null)
    .map((row): Bar => ({ series: row.figure.split(': ')[0] ?? '', row }))
  const series = [...new Set(bars.map((bar) => bar.series))]
  const groups = Map.groupBy(bars, ({ row }) => row.figure.split(': ')[1] ?? '')
  const most = Math.max(1, ...bars.map(({ row }) => row.max ?? 0))
  const scale = (value: number): number => (value / most) * (WIDTH - LEFT - 90)
  const parts: string[] = []
  let y = 36 + LEGEND.height * Math.ceil(series.length / LEGEND.columns)
  for (const [scenario, members] of groups) {
    parts.push(text(LEFT - 10, y + (members.length * BAR) / 2 + 4, scenario, 'end'))
    for (const { series: name, row } of members) {
      parts.push(bar(y, scale(row.value ?? 0), colour(series.indexOf(name))))
      parts.push(whisker(y + BAR / 2, LEFT + scale(row.min ?? 0), LEFT + scale(row.max ?? 0)))
      parts.push(text(LEFT + scale(row.max ?? 0) + 6, y + 12, formatNumber(row.value), 'start'))
      y += BAR
    }
    y += GAP
  }
  const legend = series.map((name, index) => {
    const left = 20 + (index % LEGEND.columns) * LEGEND.width
    const top = 30 + Math.floor(index / LEGEND.columns) * LEGEND.height
    const box = `<rect x="${left}" y="${top}" width="12" height="12" fill="${colour(index)}"/>`
    return box + text(left + 18, top + 10, name, 'start')
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="white"/>`,
    text(20, 20, 'Million packets per second on one CPU (generator, router and sink); whiskers: min and max', 'start'),
    ...legend,
    ...parts,
    '</svg>\n',
  ].join('\n')
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length] ?? 'black'
}

function bar(y: number, width: number, fill: string): string {
  return `<rect x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR - 2}" fill="${fill}"/>`
}

function whisker(y: number, from: number, to: number): string {
  return `<path d="M${from.toFixed(1)} ${y}H${to.toFixed(1)}" stroke="black"/>`
}

function text(x: number, y: number, content: string, anchor: 'start' | 'end'): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${x.toFixed(0)}" y="${y.toFixed(0)}" text-anchor="${anchor}">${escaped}</text>`
}
