// npm run bench: measures the gateway beside what it is compared with. scripts/bench sets up and builds first.
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { messageOf } from '../../src/errors/errors.ts'
import type { Bench, Case } from './bench.ts'
import { SCALES } from './bench.ts'
import { CASES } from './cases/index.ts'
import { describeMachine } from './machine.ts'
import { formatTable } from './report/table.ts'
import { writeReport } from './report/write.ts'
import type { Row } from './rows.ts'
import { row } from './rows.ts'

const USAGE = `usage: npm run bench [-- options]
  --quick        about a minute: fewer repetitions, cases and packets
  --full         everything, up to 4 million flows; writes docs/performance.{md,svg,json}
  --write        write docs/performance.* after any run
  --only CASE    one case, can be given several times: ${CASES.map(({ name }) => name).join(', ')}
  --json FILE    rows as JSON: figure, value, unit, min, max, atLeast, aim, met
  --check        exit with status 1 when a figure misses its target
  --cpu N        the CPU of generator, gateway and sink (default: the last one)`

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
    check: { type: 'boolean', default: false },
    cpu: { type: 'string', default: String(cpus().length - 1) },
    help: { type: 'boolean', default: false },
  },
})

function chosenCases(): Case[] {
  const unknown = options.only.find((name) => !CASES.some((each) => each.name === name))
  if (unknown !== undefined) throw new Error(`there is no case "${unknown}"\n${USAGE}`)
  if (options.only.length > 0) return CASES.filter(({ name }) => options.only.includes(name))
  return CASES.filter(({ quick }) => quick || !options.quick)
}

async function main(): Promise<void> {
  const scale = SCALES[options.full ? 'full' : options.quick ? 'quick' : 'default']
  const bench: Bench = { scale, cpu: Number(options.cpu), say: progress }
  const machine = describeMachine(bench)
  console.log(machine.lines.map((line) => `bench: ${line}`).join('\n'))
  const results: { title: string; rows: Row[] }[] = []
  for (const each of chosenCases()) {
    caseName = each.name
    const started = performance.now()
    const rows = await rowsOf(each, bench)
    progress('')
    console.log(`\n${each.title} (${((performance.now() - started) / 1000).toFixed(0)} s)`)
    console.log(formatTable(rows))
    results.push({ title: each.title, rows })
  }
  const rows = results.flatMap((result) => result.rows)
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(rows, null, 2)}\n`)
  if (options.write || options.full) await writeReport(results, machine)
  const missed = rows.filter(({ met }) => met === false)
  if (missed.length > 0) console.log(`\nTargets missed:\n${missed.map((r) => `  ${r.figure}`).join('\n')}`)
  if (options.check && missed.length > 0) process.exitCode = 1
}

/** A case that this machine cannot run must not take the figures of the others with it. */
async function rowsOf(each: Case, bench: Bench): Promise<Row[]> {
  try {
    return await each.run(bench)
  } catch (error) {
    process.exitCode = 1
    console.error(error)
    return [row(each.title, '', [], undefined, `not measured: ${messageOf(error).split('\n')[0]}`)]
  }
}

let caseName = ''
/** On a terminal one line that is written over; in a log a line a step. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text === '' ? '' : `${caseName}: ${text}`}`)
  else if (text !== '') process.stderr.write(`${caseName}: ${text}\n`)
}

if (options.help) console.log(USAGE)
else if (process.getuid?.() !== 0) {
  console.error('bench: network namespaces and BPF programs need root: run with sudo')
  process.exitCode = 1
} else await main()
