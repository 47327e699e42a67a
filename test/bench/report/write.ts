// docs/performance.{md,svg,json} from a run. What people wrote around the marks stays.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Machine } from '../machine.ts'
import type { Row } from '../rows.ts'
import { plot } from './plot.ts'
import { formatMarkdown } from './table.ts'

export interface Result {
  title: string
  rows: Row[]
}

const docs = join(import.meta.dirname, '../../../docs')
const BEGIN = '<!-- written by npm run bench: begin -->'
const END = '<!-- written by npm run bench: end -->'
export async function writeReport(results: readonly Result[], machine: Machine): Promise<void> {
  const rows = results.flatMap((result) => result.rows)
  const page = join(docs, 'performance.md')
  writeFileSync(page, replaceMeasured(readFileSync(page, 'utf8'), measured(results, machine)))
  writeFileSync(join(docs, 'performance.svg'), await plot(rows))
  writeFileSync(join(docs, 'performance.json'), `${JSON.stringify({ machine: machine.lines, rows }, null, 2)}\n`)
}

/** @throws Error when the page has no place for it */
export function replaceMeasured(page: string, text: string): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin === -1 || end < begin) throw new Error(`docs/performance.md lacks the lines "${BEGIN}" and "${END}"`)
  return `${page.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${page.slice(end)}`
}

function measured(results: readonly Result[], machine: Machine): string {
  const rows = results.flatMap((result) => result.rows)
  const asked = rows.filter(({ met }) => met !== null)
  return [
    machine.lines.map((line) => `* ${line}`).join('\n'),
    '## Targets',
    formatMarkdown(asked),
    '![packets per second by number of flows](performance.svg)',
    '## All figures',
    ...results.map(({ title, rows: own }) => `### ${title}\n\n${formatMarkdown(own)}`),
    'Raw rows: [performance.json](performance.json).',
  ].join('\n\n')
}
