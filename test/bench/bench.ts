// The arguments and the result of a case.
import type { Row } from './rows.ts'

export interface Scale {
  name: 'quick' | 'default' | 'full'
  repetitions: number
  /** Turns of each variant in a repetition. They are short: a machine's pace may change by half within a second. */
  turns: number
  /** Of one run of the generator. */
  packets: number
  /** Largest number of flows. */
  maxFlows: number
}

export const SCALES: Record<Scale['name'], Scale> = {
  quick: { name: 'quick', repetitions: 3, turns: 4, packets: 300_000, maxFlows: 1_000_000 },
  default: { name: 'default', repetitions: 5, turns: 12, packets: 1_048_576, maxFlows: 1_000_000 },
  full: { name: 'full', repetitions: 7, turns: 12, packets: 2_097_152, maxFlows: 4_000_000 },
}

export interface Bench {
  scale: Scale
  /** The CPU of serial mode. */
  cpu: number
  say(text: string): void
}

export interface Case {
  /** As --only takes it. */
  name: string
  title: string
  /** Part of --quick. */
  quick: boolean
  run(bench: Bench): Promise<Row[]>
}
