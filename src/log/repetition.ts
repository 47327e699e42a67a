/** What was held back of a cause in one window. */
export interface HeldBack<T> {
  /** How many lines. */
  count: number
  /** The latest of them. */
  last: T
}

interface Window<T> {
  endsAt: number
  held: HeldBack<T> | undefined
}

/** Stands for all causes that come when there are too many to tell apart. */
const OTHER_CAUSES = '(other causes)'

/**
 * Decides which lines of a log are written when one cause can make many: the first at once, the others of its window
 * are counted. Pure: time is handed in, and never goes
 * back.
 *
 * Invariant: at most one line a cause and window, and no line goes uncounted. Memory is bounded by `maxCauses`; beyond
 * that new causes share one window.
 */
export class Repetition<T> {
  readonly #windowMs: number
  readonly #maxCauses: number
  /** In the order of their ends: all are equally long, and each is put in when it begins. */
  readonly #windows = new Map<string, Window<T>>()

  constructor(windowMs: number, maxCauses: number) {
    this.#windowMs = windowMs
    this.#maxCauses = maxCauses
  }

  /** @returns whether the line is to be written now; otherwise it is held back */
  admit(cause: string, line: T, now: number): boolean {
    const key = this.#windows.has(cause) || this.#windows.size < this.#maxCauses ? cause : OTHER_CAUSES
    const window = this.#windows.get(key)
    if (window === undefined) {
      this.#windows.set(key, { endsAt: now + this.#windowMs, held: undefined })
      return true
    }
    window.held = { count: (window.held?.count ?? 0) + 1, last: line }
    return false
  }

  /** When `takeEnded` has something to do next; undefined when nothing is open. */
  get nextEnd(): number | undefined {
    const [first] = this.#windows.values()
    return first?.endsAt
  }

  /**
   * What was held back in windows that have ended. A cause that held something back begins its next window, since that
   * line is written now; one that did not is removed.
   */
  takeEnded(now: number): HeldBack<T>[] {
    const ended: HeldBack<T>[] = []
    for (const [cause, window] of this.#windows) {
      if (window.endsAt > now) break
      this.#windows.delete(cause)
      if (window.held === undefined) continue
      ended.push(window.held)
      this.#windows.set(cause, { endsAt: now + this.#windowMs, held: undefined })
    }
    return ended
  }

  /** What is held back at present; every cause is removed. */
  takeAll(): HeldBack<T>[] {
    const all = [...this.#windows.values()].flatMap(({ held }) => held ?? [])
    this.#windows.clear()
    return all
  }
}
