// Carries operations out on the kernel's maps, in batches, and keeps the image true to what really got there.
import { decodeOne, encodeMany, encodeOne, u32Codec, viewOf } from '../dataplane/codec.ts'
import type { Binding, SliceState } from '../dataplane/generated/layouts.ts'
import {
  BindingKind,
  CallResult,
  flushArgsCodec,
  maps as layouts,
  sliceStateCodec,
} from '../dataplane/generated/layouts.ts'
import type { MapImage, SyncedMap, Table } from '../dataplane/image.ts'
import type { AddSlotBlock, Operation, Put, Remove } from '../dataplane/operations.ts'
import { blockOf } from '../dataplane/slot-numbers.ts'
import type { Affected } from '../dataplane/sync-failure.ts'
import { SyncFailure } from '../dataplane/sync-failure.ts'
import { messageOf, NatGwError } from '../errors/errors.ts'
import type { BpfProgram, ReadOnlyView } from '../native/load-native.ts'
import { BpfMap } from '../native/load-native.ts'
import { ipv4Address } from '../net/address.ts'
import type { DataplaneMaps } from './pinned-maps.ts'
import { keyForPeople, writeError } from './typed-map.ts'

export type WriteCounts = Partial<Record<SyncedMap, { put: number; removed: number }>>

export interface SyncResult {
  /** Entries written and deleted, by map; only maps where there was something to do. */
  written: WriteCounts
  /** Mappings freed because their slice lost its owner. */
  flushedMappings: number
  addedSlotBlocks: number
  /** What could not be had; everything else was done all the same. */
  failures: SyncFailure[]
}

/** New slot blocks for one call: 4 MiB and a descriptor each while it is prepared. */
const SLOT_BLOCKS_AT_ONCE = 64

export class KernelWriter {
  readonly #maps: DataplaneMaps
  readonly #flush: BpfProgram
  readonly #image: MapImage
  /** Slices one of whose operations failed, and why: nothing that builds on them is done in this run. */
  readonly #blocked = new Map<number, NatGwError>()
  /** Slot blocks that could not be added this time, and why. */
  readonly #lackingBlocks = new Map<number, NatGwError>()
  #states: ReadOnlyView | undefined
  #result: SyncResult = emptyResult()

  constructor(maps: DataplaneMaps, flush: BpfProgram, image: MapImage) {
    this.#maps = maps
    this.#flush = flush
    this.#image = image
  }

  /** Goes on after a failure with everything that does not build on what failed. */
  run(operations: readonly Operation[]): SyncResult {
    this.#result = emptyResult()
    this.#blocked.clear()
    this.#lackingBlocks.clear()
    for (let start = 0; start < operations.length;) {
      const first = operations[start]
      if (first === undefined) break
      let end = start + 1
      if (first.kind === 'put' || first.kind === 'remove') {
        while (end < operations.length && sameBatch(first, operations[end])) end++
        this.#write(operations.slice(start, end) as Put[] | Remove[])
      } else if (first.kind === 'slot-block') {
        while (operations[end]?.kind === 'slot-block' && end - start < SLOT_BLOCKS_AT_ONCE) end++
        this.#addSlotBlocks((operations.slice(start, end) as AddSlotBlock[]).map(({ number }) => number))
      } else this.#special(first)
      start = end
    }
    return this.#result
  }

  #special(operation: Exclude<Operation, Put | Remove | AddSlotBlock>): void {
    if (operation.kind === 'synchronize') {
      this.#waitForPrograms()
      return
    }
    if (this.#blocked.has(operation.index)) return
    try {
      this.#flushSlice(operation.index, operation.slice)
    } catch (error) {
      const failure = asWriteError(error, `slice ${operation.index} could not be flushed`)
      // Whoever was to get the slice next is told when that is found blocked.
      this.#fail(failure, { scope: 'no-interface' })
      this.#blocked.set(operation.index, failure)
    }
  }

  #write(batch: Put[] | Remove[]): void {
    const possible = batch.filter((operation) => !this.#refuseBlocked(operation)) as Put[] | Remove[]
    const [first] = possible
    if (first === undefined) return
    const { map } = first
    const table = this.#image[map] as Table<unknown, unknown>
    const { keySize, valueSize } = table.layout
    const keys = Buffer.alloc(keySize * possible.length)
    // An array has no deletion: an entry of zeros says the same.
    const values = Buffer.alloc(valueSize * possible.length)
    const deletes = first.kind === 'remove' && !table.isArray
    const keyView = viewOf(keys)
    const valueView = viewOf(values)
    possible.forEach((operation, index) => {
      table.layout.key.encode(keyView, index * keySize, operation.key)
      if (operation.kind === 'put') table.layout.value.encode(valueView, index * valueSize, operation.value)
    })
    const { native } = this.#maps[map]
    const confirm = (operation: Put | Remove, index: number) => {
      if (deletes) table.delete(operation.key)
      else table.setBytes(operation.key, values, index * valueSize)
    }

    try {
      if (possible.length > 1) {
        if (deletes) native.deleteBatch(keys)
        else native.updateBatch(keys, values)
        possible.forEach(confirm)
        this.#count(map, first.kind, possible.length)
        return
      }
    } catch {
      // Which entry it was, the kernel does not say: one by one, then.
    }
    possible.forEach((operation, index) => {
      const key = keys.subarray(index * keySize, (index + 1) * keySize)
      try {
        if (deletes) native.delete(key)
        else native.update(key, values.subarray(index * valueSize, (index + 1) * valueSize))
        confirm(operation, index)
        this.#count(map, first.kind, 1)
      } catch (error) {
        const failure = writeError(native, table.layout.name, error, `entry ${keyForPeople(operation.key)}`)
        this.#fail(failure, affectedBy(operation))
        if (operation.map === 'slices') this.#blocked.set(operation.key, failure)
      }
    })
  }

  /** An update of a map of maps returns only when every program that was running has ended. */
  #waitForPrograms(): void {
    const [number] = this.#image.slotBlocks
    if (number === undefined) return
    const key = encodeOne(u32Codec, number)
    const id = this.#maps.slotBlocks.lookup(key)
    if (id === undefined) return
    const block = BpfMap.openById(decodeOne(u32Codec, id))
    try {
      this.#maps.slotBlocks.updateInner(key, [block])
    } finally {
      block.close()
    }
  }

  #flushSlice(index: number, { firstSlots, size }: Binding): void {
    const { used, peak, refused } = this.#stateOf(index)
    firstSlots.forEach((firstSlot, protocol) => {
      // Counted before a mapping is seen and after it is gone: none counted, none there.
      if (used[protocol] === 0 && peak[protocol] === 0 && refused === 0) return
      const args = { slice: index, protocol, firstSlot, size, freed: 0 }
      const { retval, ctx } = this.#flush.testRun({ ctx: encodeOne(flushArgsCodec, args) })
      // A block that does not exist holds nothing.
      if (retval !== CallResult.CALL_DONE && this.#image.slotBlocks.has(blockOf(firstSlot))) {
        const why =
          retval === CallResult.CALL_LOCKED
            ? 'its lock was not had in time, which the next attempt may'
            : `it returned ${retval}`
        throw new NatGwError(
          'ERR_MAP_WRITE',
          `nat_flush did not free the slots of slice ${index} from ${firstSlot} on: ${why}`,
        )
      }
      this.#result.flushedMappings += decodeOne(flushArgsCodec, ctx).freed
    })
  }

  #stateOf(index: number): SliceState {
    this.#states ??= this.#maps.sliceStates.native.readOnlyView()
    return sliceStateCodec.decode(this.#states, index * sliceStateCodec.size)
  }

  /** After a refusal one by one, so that as many as there is memory for are had. */
  #addSlotBlocks(numbers: readonly number[]): void {
    const { type, keySize, valueSize, maxEntries, flags } = layouts.slotBlocks.inner
    const blocks: BpfMap[] = []
    try {
      while (blocks.length < numbers.length) {
        blocks.push(BpfMap.create({ name: 'slot_block', type, keySize, valueSize, maxEntries, flags }))
      }
      this.#maps.slotBlocks.updateInner(encodeMany(u32Codec, numbers), blocks)
      for (const number of numbers) this.#image.slotBlocks.add(number)
      this.#result.addedSlotBlocks += numbers.length
    } catch (error) {
      if (numbers.length > 1) for (const number of numbers) this.#addSlotBlocks([number])
      else {
        const failure = asWriteError(error, `slot block ${numbers[0]} could not be added`)
        // Interfaces are told when their slices are found blocked.
        this.#fail(failure, { scope: 'no-interface' })
        for (const number of numbers) this.#lackingBlocks.set(number, failure)
      }
    } finally {
      for (const block of blocks) block.close()
    }
  }

  /** Slices whose slot block is missing, and interfaces whose slice failed, must not be opened: that is their owner's failure. */
  #refuseBlocked(operation: Put | Remove): boolean {
    if (operation.kind === 'remove') return false
    const cause = this.#causeOfBlock(operation)
    if (cause === undefined) return false
    this.#fail(cause, affectedBy(operation))
    if (operation.map === 'slices') this.#blocked.set(operation.key, cause)
    return true
  }

  #causeOfBlock(operation: Put): NatGwError | undefined {
    if (operation.map === 'interfaces') return this.#blocked.get(operation.value.slice)
    if (operation.map !== 'slices') return undefined
    const cause = this.#blocked.get(operation.key)
    const { kind, firstSlots } = operation.value
    if (cause !== undefined || kind === BindingKind.BINDING_NONE) return cause
    const lacking = firstSlots.map(blockOf).find((block) => !this.#image.slotBlocks.has(block))
    if (lacking === undefined) return undefined
    return (
      this.#lackingBlocks.get(lacking) ??
      new NatGwError('ERR_MAP_WRITE', `slot block ${lacking} is missing`, { map: 'slot_blocks' })
    )
  }

  #fail(error: NatGwError, affects: Affected): void {
    this.#result.failures.push(SyncFailure.from(error, affects))
  }

  #count(map: SyncedMap, kind: 'put' | 'remove', entries: number): void {
    const counts = (this.#result.written[map] ??= { put: 0, removed: 0 })
    if (kind === 'put') counts.put += entries
    else counts.removed += entries
  }
}

function emptyResult(): SyncResult {
  return { written: {}, flushedMappings: 0, addedSlotBlocks: 0, failures: [] }
}

function sameBatch(first: Put | Remove, other: Operation | undefined): boolean {
  return other?.kind === first.kind && other.map === first.map
}

/** Who goes without when an entry is not written. */
function affectedBy(operation: Put | Remove): Affected {
  switch (operation.map) {
    case 'settings':
      return { scope: 'every-interface' }
    case 'devices':
      return { scope: 'device', ifindex: operation.key }
    case 'addresses':
      return { scope: 'public-address', address: ipv4Address(operation.key.address) }
    case 'interfaces':
      return { scope: 'inside-address', vni: operation.key.vni, address: ipv4Address(operation.key.address) }
    case 'slices':
      return operation.kind === 'put' && operation.value.size > 0
        ? { scope: 'inside-address', vni: operation.value.vni, address: ipv4Address(operation.value.insideAddress) }
        : { scope: 'no-interface' }
    case 'routes':
    case 'nextHops':
    case 'hostAddresses':
      return { scope: 'no-interface' }
  }
}

function asWriteError(error: unknown, what: string): NatGwError {
  if (error instanceof NatGwError) return error
  return new NatGwError('ERR_MAP_WRITE', `${what}: ${messageOf(error)}`, {}, { cause: error })
}
