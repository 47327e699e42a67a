// Bars of packets per second, as SVG. Vega lays out labels and legend, so that none of them is cut off.
import { parse, View } from 'vega'
import type { TopLevelSpec } from 'vega-lite'
import { compile } from 'vega-lite'
import type { Row } from '../rows.ts'

/** Pixels a bar takes, from one to the next. */
const BAR_STEP = 15

interface Bar {
  series: string
  scenario: string
  value: number
  min: number
  max: number
}

/** One group of bars a scenario: every row in Mpps, named `<series>: <scenario>`. @returns a whole SVG document */
export async function plot(rows: readonly Row[]): Promise<string> {
  const view = new View(parse(compile(chartOf(barsOf(rows))).spec), { renderer: 'none' })
  try {
    return `${await view.toSVG()}\n`
  } finally {
    view.finalize()
  }
}

/** Rows that could be measured, in their own order. */
export function barsOf(rows: readonly Row[]): Bar[] {
  return rows.flatMap(({ figure, unit, value, min, max }) => {
    if (unit !== 'Mpps' || value === null) return []
    const [series = '', scenario = ''] = figure.split(': ')
    return [{ series, scenario, value, min: min ?? value, max: max ?? value }]
  })
}

function chartOf(bars: Bar[]): TopLevelSpec {
  const series = [...new Set(bars.map((bar) => bar.series))]
  const y = { field: 'scenario', type: 'nominal', sort: null, title: null, axis: { labelLimit: 0 } } as const
  const offset = { field: 'series', sort: series } as const
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: 'Million packets per second on one CPU (generator, router and sink); whiskers: min and max',
    background: 'white',
    padding: 12,
    width: 620,
    height: { step: BAR_STEP, for: 'offset' },
    data: { values: bars },
    encoding: { y, yOffset: offset },
    layer: [
      {
        mark: 'bar',
        encoding: {
          x: { field: 'value', type: 'quantitative', title: 'Mpps' },
          color: {
            field: 'series',
            type: 'nominal',
            sort: series,
            title: null,
            legend: { orient: 'top', columns: 2, labelLimit: 0 },
          },
        },
      },
      {
        mark: { type: 'rule', color: 'black' },
        encoding: { x: { field: 'min', type: 'quantitative' }, x2: { field: 'max' } },
      },
      {
        mark: { type: 'text', align: 'left', dx: 5, fontSize: 9 },
        encoding: {
          x: { field: 'max', type: 'quantitative' },
          text: { field: 'value', type: 'quantitative', format: '.3~r' },
        },
      },
    ],
  }
}
