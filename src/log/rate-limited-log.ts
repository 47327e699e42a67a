import type { Clock } from '../time/clock.ts'
import { backgroundClock } from '../time/clock.ts'
import type { Logger } from './logger.ts'
import type { HeldBack } from './repetition.ts'
import { Repetition } from './repetition.ts'

const WINDOW_MS = 60_000
/** Causes kept apart at a time. */
const MAX_CAUSES = 1_000

type Level = 'info' | 'warn' | 'error'

interface Line {
  level: Level
  fields: object
  message: string
}

/**
 * A log for what can repeat without bound: one line a cause and minute, with the number of those it stands for. All others
 * are still written at `debug`, where somebody asked for everything.
 *
 * The cause is a text that the caller chooses. It names what went wrong, not the object it went wrong for: a full disk is
 * one cause for 3,000 interfaces.
 */
export class RateLimitedLog {
  readonly #log: Logger
  readonly #clock: Clock
  readonly #repetition = new Repetition<Line>(WINDOW_MS, MAX_CAUSES)
  #cancelTimer: (() => void) | undefined

  constructor(log: Logger, clock: Clock = backgroundClock) {
    this.#log = log
    this.#clock = clock
  }

  info(cause: string, fields: object, message: string): void {
    this.#write(cause, { level: 'info', fields, message })
  }

  warn(cause: string, fields: object, message: string): void {
    this.#write(cause, { level: 'warn', fields, message })
  }

  error(cause: string, fields: object, message: string): void {
    this.#write(cause, { level: 'error', fields, message })
  }

  /** Writes what is held back. What is logged afterwards begins again. */
  close(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    for (const held of this.#repetition.takeAll()) this.#writeHeldBack(held)
  }

  #write(cause: string, line: Line): void {
    const { level, fields, message } = line
    const now = this.#clock.monotonic()
    // A busy event loop may run the timer late.
    this.#writeEnded(now)
    if (this.#repetition.admit(cause, line, now)) this.#log[level](fields, message)
    else this.#log.debug(fields, message)
    this.#schedule(now)
  }

  #writeEnded(now: number): void {
    for (const held of this.#repetition.takeEnded(now)) this.#writeHeldBack(held)
  }

  #writeHeldBack({ count, last: { level, fields, message } }: HeldBack<Line>): void {
    if (count === 1) this.#log[level](fields, message)
    else this.#log[level]({ ...fields, repeated: count }, `${message} (${count} such lines since the last one)`)
  }

  #schedule(now: number): void {
    if (this.#cancelTimer !== undefined) return
    const { nextEnd } = this.#repetition
    if (nextEnd === undefined) return
    this.#cancelTimer = this.#clock.after(Math.max(0, nextEnd - now), () => {
      this.#cancelTimer = undefined
      const then = this.#clock.monotonic()
      this.#writeEnded(then)
      this.#schedule(then)
    })
  }
}
