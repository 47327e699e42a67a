// What the maps of one instance hold, kept in memory: to find out what to write, and to notice what others changed.
import { viewOf } from './codec.ts'
import type { Codec, MapLayout } from './codec.ts'
import { maps as layouts } from './generated/layouts.ts'

/** The maps that the agent alone writes. */
export const SYNCED_MAPS = [
  'settings',
  'devices',
  'interfaces',
  'addresses',
  'slices',
  'routes',
  'nextHops',
  'hostAddresses',
] as const
export type SyncedMap = (typeof SYNCED_MAPS)[number]

export type KeyOf<M extends SyncedMap> = (typeof layouts)[M]['key'] extends Codec<infer K> ? K : never
export type ValueOf<M extends SyncedMap> = (typeof layouts)[M]['value'] extends Codec<infer V> ? V : never

const BPF_MAP_TYPE_ARRAY = 2

/** A key as the number or string it is indexed by: of an array the index, else the bytes, one character each. */
export type KeyId = number | string

/** Entries of one map as raw bytes. Of an array only entries that are not all zero count as there. */
export class Table<K, V> {
  readonly layout: MapLayout<K, V>
  readonly isArray: boolean
  /** Values as bytes, one character each: a string is the cheapest thing that compares by content. */
  readonly #entries = new Map<KeyId, string>()
  readonly #zero: string
  readonly #keyScratch: Buffer
  readonly #valueScratch: Buffer
  readonly #keyView: DataView
  readonly #valueView: DataView

  constructor(layout: MapLayout<K, V>) {
    this.layout = layout
    this.isArray = layout.type === BPF_MAP_TYPE_ARRAY
    this.#zero = '\0'.repeat(layout.valueSize)
    this.#keyScratch = Buffer.alloc(layout.keySize)
    this.#valueScratch = Buffer.alloc(layout.valueSize)
    this.#keyView = viewOf(this.#keyScratch)
    this.#valueView = viewOf(this.#valueScratch)
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: K): V | undefined {
    const value = this.#entries.get(this.keyId(key))
    return value === undefined ? undefined : this.#decodeValue(value)
  }

  has(key: K): boolean {
    return this.#entries.has(this.keyId(key))
  }

  /** Whether the entry is there with exactly this value; all zero in an array is the same as not there. */
  holds(key: K, value: V): boolean {
    const held = this.#entries.get(this.keyId(key)) ?? (this.isArray ? this.#zero : undefined)
    return held !== undefined && held === this.#valueText(value)
  }

  /** @param keys and values as read from the kernel */
  replaceAll(keys: Uint8Array, values: Uint8Array, count: number): void {
    this.#entries.clear()
    for (const [key, value] of this.#parse(keys, values, count)) this.#entries.set(key, value)
  }

  set(key: K, value: V): void {
    this.#setText(this.keyId(key), this.#valueText(value))
  }

  /** @param values bytes that hold the value at `offset` */
  setBytes(key: K, values: Buffer, offset: number): void {
    this.#setText(this.keyId(key), values.toString('latin1', offset, offset + this.layout.valueSize))
  }

  delete(key: K): void {
    this.#entries.delete(this.keyId(key))
  }

  *keys(): Generator<K> {
    for (const id of this.#entries.keys()) yield this.#decodeKey(id)
  }

  *entries(): Generator<[K, V]> {
    for (const [id, value] of this.#entries) yield [this.#decodeKey(id), this.#decodeValue(value)]
  }

  /** @returns the entries that must be put or deleted for the kernel's contents to be these again */
  repairs(keys: Uint8Array, values: Uint8Array, count: number): { put: [K, V][]; remove: K[] } {
    const put: [K, V][] = []
    const remove: K[] = []
    let matching = 0
    const seen = new Set<KeyId>()
    for (const [key, value] of this.#parse(keys, values, count)) {
      const expected = this.#entries.get(key)
      if (expected === value) {
        matching++
        continue
      }
      if (expected === undefined) remove.push(this.#decodeKey(key))
      else put.push([this.#decodeKey(key), this.#decodeValue(expected)])
      seen.add(key)
    }
    if (matching + put.length < this.#entries.size) {
      const present = new Set([...this.#parse(keys, values, count)].map(([key]) => key))
      for (const [key, value] of this.#entries) {
        if (!present.has(key) && !seen.has(key)) put.push([this.#decodeKey(key), this.#decodeValue(value)])
      }
    }
    return { put, remove }
  }

  keyId(key: K): KeyId {
    if (this.isArray) return key as number
    this.layout.key.encode(this.#keyView, 0, key)
    return this.#keyScratch.toString('latin1')
  }

  #setText(id: KeyId, value: string): void {
    if (this.isArray && value === this.#zero) this.#entries.delete(id)
    else this.#entries.set(id, value)
  }

  #valueText(value: V): string {
    this.layout.value.encode(this.#valueView, 0, value)
    return this.#valueScratch.toString('latin1')
  }

  #decodeKey(id: KeyId): K {
    if (typeof id === 'number') return id as K
    this.#keyScratch.write(id, 'latin1')
    return this.layout.key.decode(this.#keyView, 0)
  }

  #decodeValue(text: string): V {
    this.#valueScratch.write(text, 'latin1')
    return this.layout.value.decode(this.#valueView, 0)
  }

  *#parse(keys: Uint8Array, values: Uint8Array, count: number): Generator<[KeyId, string]> {
    const { keySize, valueSize } = this.layout
    const keyBytes = Buffer.from(keys.buffer, keys.byteOffset, keys.byteLength)
    const valueBytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength)
    const zero = Buffer.alloc(valueSize)
    for (let index = 0; index < count; index++) {
      const at = index * valueSize
      if (this.isArray && valueBytes.compare(zero, 0, valueSize, at, at + valueSize) === 0) continue
      yield [
        this.isArray
          ? keyBytes.readUInt32LE(index * keySize)
          : keyBytes.toString('latin1', index * keySize, (index + 1) * keySize),
        valueBytes.toString('latin1', at, at + valueSize),
      ]
    }
  }
}

type Tables = { readonly [M in SyncedMap]: Table<KeyOf<M>, ValueOf<M>> }

export class MapImage implements Tables {
  readonly settings = new Table(layouts.settings)
  readonly devices = new Table(layouts.devices)
  readonly interfaces = new Table(layouts.interfaces)
  readonly addresses = new Table(layouts.addresses)
  readonly slices = new Table(layouts.slices)
  readonly routes = new Table(layouts.routes)
  readonly nextHops = new Table(layouts.nextHops)
  readonly hostAddresses = new Table(layouts.hostAddresses)
  /** Chunks of the slot arena that exist. */
  readonly chunks = new Set<number>()
}
