import type { Logger } from '../log/logger.ts'
import { RateLimitedLog } from '../log/rate-limited-log.ts'
import type { Clock } from '../time/clock.ts'
import { backgroundClock } from '../time/clock.ts'
import type { LastingProblem, Problem } from './problem.ts'
import { describeProblem, problemKey } from './problem.ts'

/** Where parts of the gateway report what is wrong. */
export interface ProblemSink {
  /**
   * All problems of a source. What the source reported before and leaves out now has ended.
   * @param source who reports: `manifests`, `routes`; a source with many subjects reports each apart: `device eth1`
   */
  report(source: string, problems: readonly Problem[]): void
}

interface Entry {
  problem: Problem
  since: number
}

/** Takes no notice. */
export const NO_SINK: ProblemSink = { report: () => undefined }

/** Of more problems of one reason in a minute the log has one line and their number. */
const LINES_PER_REASON = 50
const MINUTE_MS = 60_000

/**
 * The one list of what is wrong at present. A problem is logged when it appears and when it ends, however often its source
 * reports it between.
 */
export class ProblemList implements ProblemSink {
  readonly #log: RateLimitedLog
  readonly #clock: Clock
  readonly #bySource = new Map<string, Map<string, Entry>>()
  readonly #listeners = new Set<() => void>()
  #minute = { begin: -Infinity, lines: new Map<string, number>() }

  constructor(log: Logger, clock: Clock = backgroundClock) {
    this.#log = new RateLimitedLog(log, clock)
    this.#clock = clock
  }

  report(source: string, problems: readonly Problem[]): void {
    const before = this.#bySource.get(source) ?? new Map<string, Entry>()
    const after = new Map<string, Entry>()
    let changed = false
    for (const problem of problems) {
      const key = problemKey(problem)
      if (after.has(key)) continue
      const known = before.get(key)
      after.set(key, { problem, since: known?.since ?? this.#clock.monotonic() })
      if (known !== undefined) continue
      changed = true
      this.#write(problem.severity === 'error' ? 'error' : 'warn', problem, '')
    }
    for (const [key, { problem }] of before) {
      if (after.has(key)) continue
      changed = true
      this.#write('info', problem, 'solved: ')
    }
    if (after.size === 0) this.#bySource.delete(source)
    else this.#bySource.set(source, after)
    if (changed) for (const listener of this.#listeners) listener()
  }

  /** In the order in which they appeared. */
  list(): LastingProblem[] {
    const now = this.#clock.monotonic()
    return [...this.#bySource.values()]
      .flatMap((entries) => [...entries.values()])
      .sort((a, b) => a.since - b.since)
      .map(({ problem, since }) => ({ ...problem, sinceSeconds: Math.floor((now - since) / 1000) }))
  }

  /** @param listener called when a problem appeared or ended. @returns function that ends it */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Writes the lines that are held back. */
  close(): void {
    this.#log.close()
  }

  #write(level: 'info' | 'warn' | 'error', problem: Problem, prefix: string): void {
    const { reason, object } = problem
    const cause = this.#hasRoomFor(prefix + reason) ? prefix + problemKey(problem) : prefix + reason
    this.#log[level](cause, { reason, object }, prefix + describeProblem(problem))
  }

  #hasRoomFor(kind: string): boolean {
    const now = this.#clock.monotonic()
    if (now - this.#minute.begin >= MINUTE_MS) this.#minute = { begin: now, lines: new Map() }
    const lines = (this.#minute.lines.get(kind) ?? 0) + 1
    this.#minute.lines.set(kind, lines)
    return lines <= LINES_PER_REASON
  }
}
