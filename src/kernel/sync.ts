// Makes the kernel's maps say what is desired, writes nothing that is there already, and repairs what others changed.
import { randomFillSync } from 'node:crypto'
import type { DesiredState } from '../dataplane/desired-state.ts'
import type { PlanContext } from '../dataplane/diff.ts'
import { planChanges } from '../dataplane/diff.ts'
import type { SyncedMap, Table } from '../dataplane/image.ts'
import { MapImage, SYNCED_MAPS } from '../dataplane/image.ts'
import type { Operation } from '../dataplane/operations.ts'
import { Plan } from '../dataplane/operations.ts'
import { Placement } from '../dataplane/placement.ts'
import type { SyncFailure } from '../dataplane/sync-failure.ts'
import type { BpfProgram } from '../native/load-native.ts'
import type { SyncResult, WriteCounts } from './kernel-writer.ts'
import { KernelWriter } from './kernel-writer.ts'
import type { Dataplane } from './loader.ts'
import type { DataplaneMaps } from './pinned-maps.ts'
import { readSlotBlocks } from './slot-blocks.ts'

export type { SyncResult } from './kernel-writer.ts'

export interface VerifyResult {
  /** Entries that were not as they should be, by map. */
  repaired: Partial<Record<SyncedMap | 'slotBlocks', number>>
  failures: SyncFailure[]
}

export class DataplaneSync {
  readonly #maps: DataplaneMaps
  readonly #hz: number
  readonly #writer: KernelWriter
  readonly #slotBlocks: BpfProgram
  readonly #image = new MapImage()
  readonly #randomSecret: () => bigint
  #placement: Placement
  /** What is in the maps completely; undefined when the next apply must compare everything. */
  #applied: DesiredState | undefined

  /** Reads back what the maps hold. @param randomSecret unpredictable and never 0 */
  constructor(
    dataplane: Pick<Dataplane, 'maps' | 'hz'> & {
      programs: Pick<Dataplane['programs'], 'nat_flush' | 'nat_slot_blocks'>
    },
    randomSecret: () => bigint = cryptoSecret,
  ) {
    this.#maps = dataplane.maps
    this.#slotBlocks = dataplane.programs.nat_slot_blocks
    this.#hz = dataplane.hz
    this.#randomSecret = randomSecret
    this.#writer = new KernelWriter(dataplane.maps, dataplane.programs.nat_flush, this.#image)
    readBack(dataplane.maps, this.#image)
    for (const block of readSlotBlocks(this.#slotBlocks)) this.#image.slotBlocks.add(block)
    this.#placement = this.#newPlacement()
  }

  /**
   * Writes the difference to what was last written. Interfaces that are the same objects as last time are taken as
   * unchanged. After a failure, or an exception, the next call compares everything.
   */
  apply(desired: DesiredState): SyncResult {
    const first = this.#applyOnce(desired)
    // What was given back can serve those that found no room, now that no packet uses it any more.
    if (!first.freed || !first.failures.some(({ code }) => code === 'ERR_MAP_FULL')) return first
    const second = this.#applyOnce(desired)
    return {
      written: addCounts(first.written, second.written),
      flushedMappings: first.flushedMappings + second.flushedMappings,
      addedSlotBlocks: first.addedSlotBlocks + second.addedSlotBlocks,
      failures: second.failures,
    }
  }

  /** Compares every entry in the kernel with what it should be and puts it right. */
  verify(): VerifyResult {
    const plan = new Plan()
    const repaired: VerifyResult['repaired'] = {}
    for (const map of SYNCED_MAPS) {
      const count = planRepairs(this.#maps, this.#image, map, plan)
      if (count > 0) repaired[map] = count
    }
    const present = readSlotBlocks(this.#slotBlocks)
    const lost = [...this.#image.slotBlocks].filter((block) => !present.has(block))
    if (lost.length > 0) repaired.slotBlocks = lost.length
    for (const number of lost) plan.add({ kind: 'slot-block', number })
    return { repaired, failures: this.#writer.run(plan.operations).failures }
  }

  #applyOnce(desired: DesiredState): SyncResult & { freed: boolean } {
    const previous = this.#applied
    this.#applied = undefined
    const context: PlanContext = {
      image: this.#image,
      placement: this.#placement,
      randomSecret: this.#randomSecret,
      hz: this.#hz,
      sessions: this.#maps.sessions.limit,
    }
    const { plan, needsFullCompare } = planChanges(context, desired, previous)
    const result = this.#writer.run(plan.operations)
    const freed = this.#placement.hasReleased
    if (result.failures.length > 0) this.#placement = this.#newPlacement()
    else this.#placement.settle()
    if (result.failures.length === 0 && !needsFullCompare) this.#applied = desired
    return { ...result, failures: [...plan.failures, ...result.failures], freed }
  }

  #newPlacement(): Placement {
    return Placement.fromImage(this.#image, this.#maps.slices.limit)
  }
}

function readBack(maps: DataplaneMaps, image: MapImage): void {
  for (const name of SYNCED_MAPS) {
    const { keys, values, count } = maps[name].native.entries()
    image[name].replaceAll(keys, values, count)
  }
}

function planRepairs(maps: DataplaneMaps, image: MapImage, map: SyncedMap, plan: Plan): number {
  const { keys, values, count } = maps[map].native.entries()
  const table = image[map] as Table<unknown, unknown>
  const { put, remove } = table.repairs(keys, values, count)
  for (const [key, value] of put) plan.add({ kind: 'put', map, key, value } as Operation)
  for (const key of remove) plan.add({ kind: 'remove', map, key } as Operation)
  return put.length + remove.length
}

function addCounts(a: WriteCounts, b: WriteCounts): WriteCounts {
  const sum = { ...a }
  for (const [map, { put, removed }] of Object.entries(b) as [SyncedMap, WriteCounts[SyncedMap] & object][]) {
    const before = sum[map] ?? { put: 0, removed: 0 }
    sum[map] = { put: before.put + put, removed: before.removed + removed }
  }
  return sum
}

/** Drawn by the thousand: one call of the generator costs as much as writing a slice. */
const secrets = new BigUint64Array(1024)
let drawn = secrets.length

function cryptoSecret(): bigint {
  if (drawn === secrets.length) {
    randomFillSync(secrets)
    drawn = 0
  }
  const secret = secrets[drawn] ?? 0n
  secrets[drawn++] = 0n
  return secret || cryptoSecret()
}
