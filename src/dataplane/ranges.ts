/** Whole numbers 0 … limit − 1, handed out in contiguous ranges: the first gap that is wide enough. */
export class Ranges {
  readonly limit: number
  /** Gaps in ascending order, never empty and never touching each other. */
  readonly #gaps: { start: number; end: number }[]

  constructor(limit: number) {
    this.limit = limit
    this.#gaps = [{ start: 0, end: limit }]
  }

  /** @returns the first number of the range, undefined when no gap is wide enough */
  allocate(length: number): number | undefined {
    const index = this.#gaps.findIndex(({ start, end }) => end - start >= length)
    const gap = this.#gaps[index]
    if (gap === undefined) return undefined
    const { start } = gap
    this.#take(index, start, length)
    return start
  }

  /** Takes exactly this range. @returns false, and takes nothing, when any of it is taken or outside */
  reserve(start: number, length: number): boolean {
    const index = this.#firstGapEndingAfter(start)
    const gap = this.#gaps[index]
    if (length <= 0 || gap === undefined || gap.start > start || gap.end < start + length) return false
    this.#take(index, start, length)
    return true
  }

  /** Gives back a range that was taken as a whole. */
  release(start: number, length: number): void {
    const end = start + length
    const index = this.#firstGapEndingAfter(start)
    const next = this.#gaps[index]
    if (end > this.limit || (next !== undefined && next.start < end)) throw new Error(`${start}+${length} is not taken`)
    const previous = this.#gaps[index - 1]
    const joinsPrevious = previous?.end === start
    const joinsNext = next?.start === end
    if (joinsPrevious && joinsNext) {
      previous.end = next.end
      this.#gaps.splice(index, 1)
    } else if (joinsPrevious) previous.end = end
    else if (joinsNext) next.start = start
    else this.#gaps.splice(index, 0, { start, end })
  }

  get free(): number {
    return this.#gaps.reduce((sum, { start, end }) => sum + end - start, 0)
  }

  /** Widest range that allocate() can still give. */
  get widest(): number {
    return this.#gaps.reduce((widest, { start, end }) => Math.max(widest, end - start), 0)
  }

  #take(index: number, start: number, length: number): void {
    const gap = this.#gaps[index]
    if (gap === undefined) return
    const end = start + length
    if (gap.start === start && gap.end === end) this.#gaps.splice(index, 1)
    else if (gap.start === start) gap.start = end
    else if (gap.end === end) gap.end = start
    else {
      this.#gaps.splice(index + 1, 0, { start: end, end: gap.end })
      gap.end = start
    }
  }

  #firstGapEndingAfter(position: number): number {
    let low = 0
    let high = this.#gaps.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#gaps[middle]?.end ?? 0) > position) high = middle
      else low = middle + 1
    }
    return low
  }
}
