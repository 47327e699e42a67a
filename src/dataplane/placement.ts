// Which indexes of `slices` a public address has, and which slots a slice has.
// What is placed never moves. What is given back is handed out again only after settle(): until then packets may use it.
import type { Address as IpAddress } from '../net/address.ts'
import { ipv4Address } from '../net/address.ts'
import type { Address, Binding } from './generated/layouts.ts'
import { BindingKind, Limits, SlotConstants } from './generated/layouts.ts'
import type { MapImage } from './image.ts'
import { Ranges } from './ranges.ts'
import { blockOf, indexInBlock, slotNumber } from './slot-numbers.ts'

/** The slices of one public address: index first_slice + (port − firstPort) ÷ sliceSize. */
export interface Block {
  firstSlice: number
  capacity: number
  firstPort: number
  lastPort: number
  sliceSize: number
}

export type Geometry = Pick<Block, 'firstPort' | 'lastPort' | 'sliceSize'>

/** Number of the first slot of each protocol's range. */
export type FirstSlots = Binding['firstSlots']

export function capacityOf({ firstPort, lastPort, sliceSize }: Geometry): number {
  return sliceSize <= 0 ? 0 : Math.floor((lastPort - firstPort + 1) / sliceSize)
}

/** A slice has slots as long as it has a size: active, or disabled and not flushed yet. */
export function hasSlots(slice: Binding): boolean {
  return slice.size > 0
}

export function isActive(slice: Binding): boolean {
  return slice.kind !== BindingKind.BINDING_NONE
}

export class Placement {
  readonly #indexes: Ranges
  readonly #blocks = new Map<IpAddress, Block>()
  readonly #slots = new SlotStore()
  /** Indexes outside of any block that still hold an active slice, and slices whose slots overlap another's. */
  readonly #orphans = new Set<number>()
  readonly #broken = new Set<number>()
  #released: (() => void)[] = []

  /** @param maxSlices entries of the map `slices` */
  constructor(maxSlices: number) {
    this.#indexes = new Ranges(maxSlices)
  }

  /** Adopts what is in the maps. Entries that contradict each other are left out, and so are placed again. */
  static fromImage(image: MapImage, maxSlices: number): Placement {
    const placement = new Placement(maxSlices)
    for (const [{ address }, entry] of image.addresses.entries()) {
      placement.#adoptBlock(ipv4Address(address), entry)
    }
    for (const [index, slice] of image.slices.entries()) {
      if (!hasSlots(slice)) continue
      if (!placement.#slots.take(slice.firstSlots, slice.size)) placement.#broken.add(index)
      // A disabled slice outside of any block is left from a crash; no packet finds it, so its index is free.
      if (isActive(slice) && placement.#indexes.reserve(index, 1)) placement.#orphans.add(index)
    }
    return placement
  }

  block(address: IpAddress): Block | undefined {
    return this.#blocks.get(address)
  }

  blocks(): IterableIterator<[IpAddress, Block]> {
    return this.#blocks.entries()
  }

  /** Whether the slots of the slice at `index` are its own, so that they may be flushed and given back. */
  ownsSlots(index: number): boolean {
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
  placeBlock(address: IpAddress, geometry: Geometry): Block | undefined {
    const capacity = capacityOf(geometry)
    const firstSlice = this.#indexes.allocate(capacity)
    if (firstSlice === undefined) return undefined
    const block = { ...geometry, capacity, firstSlice }
    this.#blocks.set(address, block)
    return block
  }

  releaseBlock(address: IpAddress): void {
    const block = this.#blocks.get(address)
    if (block === undefined) return
    this.#blocks.delete(address)
    this.#released.push(() => {
      this.#indexes.release(block.firstSlice, block.capacity)
    })
  }

  /** @returns three ranges of `size` slots, undefined when there is no room left */
  allocateSlots(size: number): FirstSlots | undefined {
    return this.#slots.allocate(size)
  }

  /** Gives back the slots of the slice at `index`. */
  releaseSlice(index: number, { firstSlots, size }: Binding): void {
    if (this.#orphans.delete(index)) {
      this.#released.push(() => {
        this.#indexes.release(index, 1)
      })
    }
    if (this.#broken.delete(index)) return
    this.#released.push(() => {
      this.#slots.release(firstSlots, size)
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

  #adoptBlock(address: IpAddress, { firstSlice, firstPort, lastPort, sliceSize }: Address): void {
    const capacity = capacityOf({ firstPort, lastPort, sliceSize })
    if (!this.#indexes.reserve(firstSlice, capacity)) return
    this.#blocks.set(address, { firstSlice, capacity, firstPort, lastPort, sliceSize })
  }
}

/** The slots of all blocks. A range lies within one block: its slots are neighbours there. */
class SlotStore {
  readonly #blocks: Ranges[] = []
  /** Length of a range → the first block that may have room for one, so that full blocks are walked only once. */
  readonly #from = new Map<number, number>()

  allocate(size: number): FirstSlots | undefined {
    const firstSlots: number[] = []
    while (firstSlots.length < 3) {
      const first = this.#allocateRange(size)
      if (first === undefined) {
        this.release(firstSlots, size)
        return undefined
      }
      firstSlots.push(first)
    }
    return firstSlots as FirstSlots
  }

  /** Reserves these slots. @returns false, and reserves none, where a range overlaps another */
  take(firstSlots: FirstSlots, size: number): boolean {
    const taken: number[] = []
    for (const first of firstSlots) {
      if (!this.#block(blockOf(first))?.reserve(indexInBlock(first), size)) {
        this.release(taken, size)
        return false
      }
      taken.push(first)
    }
    return true
  }

  release(firstSlots: readonly number[], size: number): void {
    for (const first of firstSlots) {
      const number = blockOf(first)
      this.#block(number)?.release(indexInBlock(first), size)
      for (const [length, from] of this.#from) if (from > number) this.#from.set(length, number)
    }
  }

  #allocateRange(size: number): number | undefined {
    let number = this.#from.get(size) ?? 0
    let index: number | undefined
    while (number < Limits.MAX_SLOT_BLOCKS && (index = this.#block(number)?.allocate(size)) === undefined) number++
    this.#from.set(size, number)
    return index === undefined ? undefined : slotNumber(number, index)
  }

  #block(number: number): Ranges | undefined {
    if (number >= Limits.MAX_SLOT_BLOCKS) return undefined
    while (this.#blocks.length <= number) this.#blocks.push(new Ranges(SlotConstants.BLOCK_SLOTS))
    return this.#blocks[number]
  }
}
