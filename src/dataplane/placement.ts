// Where things are: which indexes of `slices` a public address has, and which cells of the slot arena a slice has.
// What is placed never moves. What is given back is handed out again only after settle(): until then packets may use it.
import { Limits, SliceFlags } from './generated/layouts.ts'
import type { Address, Slice } from './generated/layouts.ts'
import type { MapImage } from './image.ts'
import { Ranges } from './ranges.ts'

/** The slices of one public address: index first_slice + (port − firstPort) ÷ sliceSize. */
export interface Block {
  firstSlice: number
  capacity: number
  firstPort: number
  lastPort: number
  sliceSize: number
}

export type Geometry = Pick<Block, 'firstPort' | 'lastPort' | 'sliceSize'>

/** First slot of each protocol's run: chunk << 16 | cell. */
export type Runs = Slice['runs']

export function capacityOf({ firstPort, lastPort, sliceSize }: Geometry): number {
  return sliceSize <= 0 ? 0 : Math.floor((lastPort - firstPort + 1) / sliceSize)
}

/** A slice has slots as long as it has a size: active, or closed and not flushed yet. */
export function hasRuns(slice: Slice): boolean {
  return slice.size > 0
}

export function isActive(slice: Slice): boolean {
  return (slice.flags & SliceFlags.SLICE_ACTIVE) !== 0
}

export class Placement {
  readonly #indexes: Ranges
  readonly #blocks = new Map<number, Block>()
  readonly #arena = new Arena()
  /** Indexes outside of any block that still hold an active slice, and slices whose runs overlap another's. */
  readonly #orphans = new Set<number>()
  readonly #broken = new Set<number>()
  #released: (() => void)[] = []

  /** @param maxSlices entries of the map `slices` */
  constructor(maxSlices: number) {
    this.#indexes = new Ranges(maxSlices)
  }

  /** Takes over what is in the maps. What contradicts itself there is left out, and so placed anew. */
  static fromImage(image: MapImage, maxSlices: number): Placement {
    const placement = new Placement(maxSlices)
    for (const [{ address }, entry] of image.addresses.entries()) placement.#takeOverBlock(address, entry)
    for (const [index, slice] of image.slices.entries()) {
      if (!hasRuns(slice)) continue
      if (!placement.#arena.claim(slice.runs, slice.size)) placement.#broken.add(index)
      // No packet finds a closed slice that no address leads to: a crash left it, and its index may be taken at once.
      if (isActive(slice) && placement.#indexes.claim(index, 1)) placement.#orphans.add(index)
    }
    return placement
  }

  block(address: number): Block | undefined {
    return this.#blocks.get(address)
  }

  blocks(): IterableIterator<[number, Block]> {
    return this.#blocks.entries()
  }

  /** Whether the cells of the slice at `index` are its own, so that they may be flushed and given back. */
  ownsRuns(index: number): boolean {
    return !this.#broken.has(index)
  }

  /** slices[0 … end − 1] may be in use. */
  get end(): number {
    let end = 0
    for (const { firstSlice, capacity } of this.#blocks.values()) end = Math.max(end, firstSlice + capacity)
    for (const index of this.#orphans) end = Math.max(end, index + 1)
    return end
  }

  /** @returns undefined when there is no room for so many slices in a row */
  placeBlock(address: number, geometry: Geometry): Block | undefined {
    const capacity = capacityOf(geometry)
    const firstSlice = this.#indexes.allocate(capacity)
    if (firstSlice === undefined) return undefined
    const block = { ...geometry, capacity, firstSlice }
    this.#blocks.set(address, block)
    return block
  }

  releaseBlock(address: number): void {
    const block = this.#blocks.get(address)
    if (block === undefined) return
    this.#blocks.delete(address)
    this.#released.push(() => {
      this.#indexes.release(block.firstSlice, block.capacity)
    })
  }

  /** @returns three runs of `size` slots, undefined when the arena has no room left */
  allocateRuns(size: number): Runs | undefined {
    return this.#arena.allocate(size)
  }

  /** Gives back what the slice at `index` had. */
  releaseSlice(index: number, { runs, size }: Slice): void {
    if (this.#orphans.delete(index)) {
      this.#released.push(() => {
        this.#indexes.release(index, 1)
      })
    }
    if (this.#broken.delete(index)) return
    this.#released.push(() => {
      this.#arena.release(runs, size)
    })
  }

  get hasReleased(): boolean {
    return this.#released.length > 0
  }

  /** What was released may be handed out again: no packet uses it any more. */
  settle(): void {
    for (const release of this.#released) release()
    this.#released = []
  }

  #takeOverBlock(address: number, { firstSlice, firstPort, lastPort, sliceSize }: Address): void {
    const capacity = capacityOf({ firstPort, lastPort, sliceSize })
    if (!this.#indexes.claim(firstSlice, capacity)) return
    this.#blocks.set(address, { firstSlice, capacity, firstPort, lastPort, sliceSize })
  }
}

/** The slots of all chunks. A run lies within one chunk: its slots are neighbours there. */
class Arena {
  readonly #chunks: Ranges[] = []
  /** Run length → the first chunk that may have room for one, so that a long row of full chunks is walked only once. */
  readonly #from = new Map<number, number>()

  allocate(size: number): Runs | undefined {
    const runs: number[] = []
    while (runs.length < 3) {
      const run = this.#allocateRun(size)
      if (run === undefined) {
        this.#releaseAll(runs, size)
        return undefined
      }
      runs.push(run)
    }
    return runs as Runs
  }

  claim(runs: Runs, size: number): boolean {
    const claimed: number[] = []
    for (const run of runs) {
      if (!this.#chunk(run >>> 16)?.claim(run & 0xffff, size)) {
        this.#releaseAll(claimed, size)
        return false
      }
      claimed.push(run)
    }
    return true
  }

  release(runs: Runs, size: number): void {
    this.#releaseAll(runs, size)
  }

  #allocateRun(size: number): number | undefined {
    let number = this.#from.get(size) ?? 0
    let cell: number | undefined
    while (number < Limits.MAX_CHUNKS && (cell = this.#chunk(number)?.allocate(size)) === undefined) number++
    this.#from.set(size, number)
    return cell === undefined ? undefined : ((number << 16) | cell) >>> 0
  }

  #releaseAll(runs: readonly number[], size: number): void {
    for (const run of runs) {
      const number = run >>> 16
      this.#chunk(number)?.release(run & 0xffff, size)
      for (const [length, from] of this.#from) if (from > number) this.#from.set(length, number)
    }
  }

  #chunk(number: number): Ranges | undefined {
    if (number >= Limits.MAX_CHUNKS) return undefined
    while (this.#chunks.length <= number) this.#chunks.push(new Ranges(Limits.CHUNK_SLOTS))
    return this.#chunks[number]
  }
}
