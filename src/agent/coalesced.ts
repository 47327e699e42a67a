/**
 * Runs `body` some milliseconds after it is asked for, once for all that asked meanwhile, and never twice at a time: what
 * is asked for during a run makes one more.
 */
export class Coalesced {
  readonly #body: () => Promise<void> | void
  readonly #onError: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #dueAt = Infinity
  #endedAt = -Infinity
  #running: Promise<void> | undefined
  #startedAt = 0
  #closed = false

  /** @param onError gets what `body` throws; it may ask for another run */
  constructor(body: () => Promise<void> | void, onError: (error: unknown) => void) {
    this.#body = body
    this.#onError = onError
  }

  /** How long the present run has taken; 0 when there is none. */
  get runningForMs(): number {
    return this.#running === undefined ? 0 : performance.now() - this.#startedAt
  }

  /** The sooner of this and what was asked for already counts. */
  ask(delayMs: number): void {
    const dueAt = performance.now() + delayMs
    if (this.#closed || dueAt >= this.#dueAt) return
    this.#dueAt = dueAt
    if (this.#running !== undefined) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.runNow().catch(this.#onError)
    }, delayMs)
  }

  /** At once, but not within so many milliseconds after a run: what comes alone does not wait, what comes in a stream does. */
  askSpaced(spacingMs: number): void {
    const since = this.#running === undefined ? performance.now() - this.#endedAt : 0
    this.ask(Math.max(0, spacingMs - since))
  }

  /** Not to be called during a run. @throws what `body` throws, which `onError` does not get then */
  async runNow(): Promise<void> {
    clearTimeout(this.#timer)
    this.#dueAt = Infinity
    this.#startedAt = performance.now()
    const run = (async () => this.#body())()
    this.#running = run.catch(() => undefined)
    try {
      await run
    } finally {
      this.#running = undefined
      this.#endedAt = performance.now()
      const dueAt = this.#dueAt
      this.#dueAt = Infinity
      if (dueAt !== Infinity) this.ask(Math.max(0, dueAt - performance.now()))
    }
  }

  /** Lets a run that is under way end; there is none after. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#running
  }
}
