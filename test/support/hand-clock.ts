import type { Clock } from '../../src/time/clock.ts'

/** A clock that stands still until it is told to move; its wall clock can be set as an administrator or NTP does. */
export class HandClock implements Clock {
  #now = 0
  #offset = 1_700_000_000_000
  readonly #timers = new Set<{ at: number; callback: () => void }>()

  monotonic(): number {
    return this.#now
  }

  wallTime(): number {
    return this.#now + this.#offset
  }

  after(milliseconds: number, callback: () => void): () => void {
    const timer = { at: this.#now + milliseconds, callback }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** Steps the wall clock by so many milliseconds; what waits goes on waiting as long. */
  setWallClock(step: number): void {
    this.#offset += step
  }

  /** Moves on and lets what is due run to its end. */
  async advance(milliseconds: number): Promise<void> {
    this.#now += milliseconds
    for (const timer of this.#timers) {
      if (timer.at > this.#now) continue
      this.#timers.delete(timer)
      timer.callback()
    }
    await turns()
  }

  /** In how many milliseconds the timers are due. */
  get pending(): number[] {
    return [...this.#timers].map(({ at }) => at - this.#now)
  }
}

/** Some turns of the event loop: what is ready to run has run after it. */
export async function turns(): Promise<void> {
  for (let n = 0; n < 10; n++) await new Promise((resolve) => setImmediate(resolve))
}
