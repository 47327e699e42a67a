// The machine that the figures depend on.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import type { Bench } from './bench.ts'

export interface Machine {
  lines: string[]
}

export function describeMachine({ scale, cpu }: Bench): Machine {
  const model = /^model name\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown CPU'
  const load = loadavg()[0] ?? 0
  return {
    lines: [
      `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC, commit ${commit()}`,
      `kernel ${release()}; ${cpus().length} × ${model}, ${(totalmem() / 2 ** 30).toFixed(0)} GB`,
      `veth in native XDP mode; generator, router and sink on CPU ${cpu} (serial mode), frames as 64 B with FCS`,
      `gateway: natgw run, default configuration (2,048 ports an interface, counters on, expiry and drift check running)`,
      `${scale.name} run: ${scale.repetitions} repetitions, interleaved; medians of ratios within a repetition`,
      ...(load > 1 ? [`other work on this machine while it ran: load ${load.toFixed(1)} at the start`] : []),
    ],
  }
}

function commit(): string {
  try {
    const text = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim()
    const changed = text('status', '--porcelain', 'bpf', 'src', 'native') === '' ? '' : ' with changes'
    return `${text('rev-parse', '--short', 'HEAD')}${changed}`
  } catch {
    return 'unknown'
  }
}
