/** Time, handed in so that tests need not wait. */
export interface Clock {
  /** Milliseconds since some moment of this process; never goes back, never jumps. For durations and deadlines. */
  monotonic(): number
  /** Milliseconds since 1970. It may be set at any moment, so it is only for timestamps that people read. */
  wallTime(): number
  /** @returns function that cancels */
  after(milliseconds: number, callback: () => void): () => void
}

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wallTime: () => Date.now(),
  after(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds)
    return () => clearTimeout(timer)
  },
}

/** Its timers do not keep the process alive. */
export const backgroundClock: Clock = {
  ...systemClock,
  after(milliseconds, callback) {
    const timer = setTimeout(callback, milliseconds).unref()
    return () => clearTimeout(timer)
  },
}

/** RFC 3339, as in metadata and conditions. */
export function timestamp(clock: Clock): string {
  return new Date(clock.wallTime()).toISOString()
}
