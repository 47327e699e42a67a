import type { Clock } from '../../time/clock.ts'

/** A run that waited for something stuck must not make its key wait as long once more. */
const LONGEST_REST_MS = 1_000

export interface WorkQueueOptions {
  clock: Clock
  /** Keys worked on at once. */
  concurrency: number
  /**
   * Milliseconds between a key being added and its run, so that a burst of changes makes one run. A key added while it
   * was being worked on waits for at least as long as that run took, up to a second: under load half of the time stays
   * free.
   */
  coalesceMs?: number
  /** Milliseconds before the first retry, doubled with each failure in a row up to the cap. */
  backOff?: { base: number; cap: number }
  /** 0 … 1; spreads retries over the upper half of their delay. */
  random?: () => number
  run: (key: string) => Promise<void>
  /** Told of every failed run. `attempt` counts from 1. */
  onError: (key: string, error: unknown, retry: { attempt: number; delayMs: number }) => void
  /** Told of the run that succeeds after failed ones. */
  onRecovery?: (key: string) => void
}

/**
 * Keys to be worked on, each at most once in the queue and never twice at once. A key added while it is worked on is
 * worked on again afterwards; one that failed is tried again after a growing delay, which adding it does not shorten (a
 * failing run that causes its own events would not back off otherwise).
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions
  readonly #backOff: { base: number; cap: number }
  readonly #ready = new Set<string>()
  /** Keys that wait for a moment to come, and how to cancel that. */
  readonly #delayed = new Map<string, () => void>()
  readonly #running = new Set<string>()
  /** Added while running. */
  readonly #again = new Set<string>()
  readonly #failures = new Map<string, number>()
  #idleWaiters: (() => void)[] = []
  #state: 'paused' | 'running' | 'stopped' = 'paused'
  #scheduled = false

  constructor(options: WorkQueueOptions) {
    this.#options = options
    this.#backOff = options.backOff ?? { base: 5, cap: 30_000 }
  }

  /** Keys that wait or are being worked on. */
  get size(): number {
    return this.#ready.size + this.#delayed.size + this.#running.size
  }

  add(key: string): void {
    if (this.#state === 'stopped' || this.#ready.has(key) || this.#delayed.has(key)) return
    if (this.#running.has(key)) this.#again.add(key)
    else this.#addIn(key, this.#options.coalesceMs ?? 0)
  }

  /** Nothing runs before. */
  start(): void {
    if (this.#state !== 'paused') return
    this.#state = 'running'
    this.#schedule()
  }

  /** Drops what waits. @returns promise that resolves when nothing runs any more */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    for (const cancel of this.#delayed.values()) cancel()
    this.#delayed.clear()
    this.#ready.clear()
    this.#again.clear()
    this.#tellIdle()
    await this.idle()
  }

  /** Resolves when no key waits (for a retry either) and none is being worked on. */
  idle(): Promise<void> {
    if (this.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idleWaiters.push(resolve))
  }

  #addIn(key: string, delayMs: number): void {
    if (delayMs <= 0) {
      this.#ready.add(key)
      this.#schedule()
      return
    }
    const cancel = this.#options.clock.after(delayMs, () => {
      this.#delayed.delete(key)
      this.#ready.add(key)
      this.#schedule()
    })
    this.#delayed.set(key, cancel)
  }

  /** A turn of the event loop for every round, so that a long queue starves neither timers nor I/O. */
  #schedule(): void {
    if (this.#scheduled || this.#state !== 'running' || this.#ready.size === 0) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      for (const key of this.#ready) {
        if (this.#state !== 'running' || this.#running.size >= this.#options.concurrency) break
        this.#ready.delete(key)
        void this.#work(key)
      }
    })
  }

  async #work(key: string): Promise<void> {
    const { clock, run, onError, onRecovery, coalesceMs = 0 } = this.#options
    this.#running.add(key)
    const began = clock.monotonic()
    let delayMs = 0
    try {
      await run(key)
      if (this.#failures.delete(key)) onRecovery?.(key)
      if (coalesceMs > 0) delayMs = Math.max(coalesceMs, Math.min(clock.monotonic() - began, LONGEST_REST_MS))
    } catch (error) {
      const attempt = (this.#failures.get(key) ?? 0) + 1
      this.#failures.set(key, attempt)
      delayMs = this.#retryDelay(attempt)
      this.#again.add(key)
      onError(key, error, { attempt, delayMs })
    }
    this.#running.delete(key)
    if (this.#again.delete(key) && this.#state !== 'stopped') this.#addIn(key, delayMs)
    this.#schedule()
    this.#tellIdle()
  }

  #retryDelay(attempt: number): number {
    const { base, cap } = this.#backOff
    const random = this.#options.random ?? Math.random
    // 2^30 × base is beyond any cap; more would overflow to Infinity.
    const full = Math.min(cap, base * 2 ** Math.min(attempt - 1, 30))
    return full / 2 + (full / 2) * random()
  }

  #tellIdle(): void {
    if (this.size > 0) return
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    for (const tell of waiters) tell()
  }
}
