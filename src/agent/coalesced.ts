/**
 * Runs `body` some milliseconds after it is asked for, once for all that asked meanwhile, and never twice at a time: what
 * is asked for during a run makes one more.
 */
export class Coalesced {
  readonly #body: () => Promise<void> | void
  readonly #onError: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #dueAt = Infinity
  #running: Promise<void> | undefined
  #closed = false

  /** @param onError told what `body` throws; it may ask for another run */
  constructor(body: () => Promise<void> | void, onError: (error: unknown) => void) {
    this.#body = body
    this.#onError = onError
  }

  /** The sooner of this and what was asked for already counts. */
  ask(delayMs: number): void {
    const dueAt = performance.now() + delayMs
    if (this.#closed || dueAt >= this.#dueAt) return
    this.#dueAt = dueAt
    if (this.#running !== undefined) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#running = this.#run()
    }, delayMs)
  }

  /** Lets a run that is under way end; there is none after. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#running
  }

  async #run(): Promise<void> {
    this.#dueAt = Infinity
    try {
      await this.#body()
    } catch (error) {
      this.#onError(error)
    }
    this.#running = undefined
    const dueAt = this.#dueAt
    if (dueAt === Infinity) return
    this.#dueAt = Infinity
    this.ask(Math.max(0, dueAt - performance.now()))
  }
}
