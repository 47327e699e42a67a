// What is laid out in the pinned maps of an instance, kept beside them in a map of its own: bpffs holds nothing else.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { LaidOut } from '../dataplane/compatibility.ts'
import { BpfMap } from '../native/load-native.ts'
import { instanceFolder } from './pins.ts'

const SHAPE = { name: 'layout', type: 2, keySize: 4, valueSize: 1 << 17, maxEntries: 1 }

/** By name of the map. */
export type LayoutRecord = Readonly<Record<string, LaidOut>>

/** @returns undefined when there is none, or none that can be read */
export function readLayoutRecord(instance: string): LayoutRecord | undefined {
  const path = recordPath(instance)
  if (!existsSync(path)) return undefined
  const map = BpfMap.openPinned(path)
  try {
    const bytes = map.lookup(new Uint8Array(SHAPE.keySize)) ?? new Uint8Array()
    const text = new TextDecoder().decode(bytes)
    return JSON.parse(text.slice(0, text.indexOf('\0'))) as LayoutRecord
  } catch {
    return undefined
  } finally {
    map.close()
  }
}

export function writeLayoutRecord(instance: string, record: LayoutRecord): void {
  const path = recordPath(instance)
  const map = existsSync(path) ? BpfMap.openPinned(path) : BpfMap.create(SHAPE)
  try {
    const value = new Uint8Array(SHAPE.valueSize)
    const text = new TextEncoder().encode(JSON.stringify(record))
    if (text.length >= value.length) throw new RangeError(`the layouts take ${text.length} bytes of ${value.length}`)
    value.set(text)
    map.update(new Uint8Array(SHAPE.keySize), value)
    if (!existsSync(path)) map.pin(path)
  } finally {
    map.close()
  }
}

function recordPath(instance: string): string {
  return join(instanceFolder(instance), 'layout')
}
