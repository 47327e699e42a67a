/** Milliseconds of work before others have their turn. */
const SLICE_MS = 5

/** Cuts long work into slices: timers and I/O have their turn between them. */
export class Turns {
  #began = performance.now()

  /** To be awaited between small steps. */
  async next(): Promise<void> {
    if (performance.now() - this.#began < SLICE_MS) return
    await new Promise((resolve) => setImmediate(resolve))
    this.#began = performance.now()
  }
}
