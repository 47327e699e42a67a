// Memory of maps in the kernel, by the kernel's own account (memlock in fdinfo).
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DataplaneMaps } from '../../src/kernel/pinned-maps.ts'
import { BpfMap } from '../../src/native/load-native.ts'

export interface MapMemory {
  /** Bytes of the slot blocks. */
  slots: number
  /** Bytes of the maps that hold an entry for each interface. */
  interfaces: number
}

export function mapMemory(maps: DataplaneMaps): MapMemory {
  const { values, count } = maps.slotBlocks.entries()
  const ids = new DataView(values.buffer, values.byteOffset, values.byteLength)
  const blocks = Array.from({ length: count }, (_, index) => BpfMap.openById(ids.getUint32(index * 4, true)))
  try {
    const bytes = memoryById()
    const of = (map: BpfMap): number => bytes.get(map.info.id) ?? NaN
    return {
      slots: blocks.reduce((sum, block) => sum + of(block), 0),
      interfaces: of(maps.interfaces.native) + of(maps.slices.native) + of(maps.sliceStates.native),
    }
  } finally {
    for (const block of blocks) block.close()
  }
}

/** Of the maps that this process has open. */
function memoryById(): Map<number, number> {
  const found = new Map<number, number>()
  for (const fd of readdirSync('/proc/self/fdinfo')) {
    let text: string
    try {
      text = readFileSync(join('/proc/self/fdinfo', fd), 'utf8')
    } catch {
      continue // the descriptor of the listing itself
    }
    const field = (name: string): number => Number(new RegExp(`^${name}:\\s*(\\d+)$`, 'm').exec(text)?.[1] ?? NaN)
    if (!Number.isNaN(field('map_id'))) found.set(field('map_id'), field('memlock'))
  }
  return found
}
