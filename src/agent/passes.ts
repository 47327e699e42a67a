import { Coalesced } from './coalesced.ts'

/** Milliseconds between passes: changes in a stream, as those of one gateway can be, make few of them. */
const SPACING_MS = 5
const RETRY_MS = 5_000

export interface PassHandlers {
  /** @param verify compare with what the kernel has, instead of with what was written last */
  run: (verify: boolean) => Promise<void>
  /** A pass got through. */
  onSuccess: () => void
  /** It did not, and is tried again by itself. */
  onFailure: (error: unknown) => void
}

/** When the agent brings things up to date: one pass at a time, and another after one that failed. */
export class Passes {
  readonly #handlers: PassHandlers
  readonly #runs: Coalesced
  #verifyDue = false

  constructor(handlers: PassHandlers) {
    this.#handlers = handlers
    this.#runs = new Coalesced(
      () => this.#run(),
      (error) => {
        handlers.onFailure(error)
        this.#runs.ask(RETRY_MS)
      },
    )
  }

  /** How long the present pass has taken; 0 when there is none. */
  get runningForMs(): number {
    return this.#runs.runningForMs
  }

  /** Something changed. */
  askForChange(): void {
    this.#runs.askSpaced(SPACING_MS)
  }

  askAtOnce(): void {
    this.#runs.ask(0)
  }

  askToVerify(): void {
    this.#verifyDue = true
    this.#runs.ask(0)
  }

  /** @throws what the pass throws, which `onFailure` does not get then */
  runNow(): Promise<void> {
    return this.#runs.runNow()
  }

  /** Lets a pass that is under way end; there is none after. */
  close(): Promise<void> {
    return this.#runs.close()
  }

  async #run(): Promise<void> {
    const verify = this.#verifyDue
    this.#verifyDue = false
    try {
      await this.#handlers.run(verify)
      this.#handlers.onSuccess()
    } catch (error) {
      // The next pass does what this one did not get to.
      this.#verifyDue ||= verify
      throw error
    }
  }
}
