// A copy of the maps of one instance: it shows what has to be written, and what other processes changed.
import type { Codec, MapLayout } from './codec.ts'
import { viewOf } from './codec.ts'
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

/**
 * Entries of one map as raw bytes, without an object for each: there are 100,000. Of an array only entries that are not
 * all zero count as there.
 */
export class Table<K, V> {
  readonly layout: MapLayout<K, V>
  readonly isArray: boolean
  /** Values back to back: of an array by index, of a hash wherever there was room. Zero where there is none. */
  #values = Buffer.alloc(0)
  #valuesView = viewOf(this.#values)
  /** Of a hash: where in #values an entry's value is, counted in values. */
  readonly #places = new Map<KeyId, number>()
  readonly #freePlaces: number[] = []
  readonly #zero: Buffer
  readonly #keyScratch: Buffer
  readonly #valueScratch: Buffer
  readonly #keyView: DataView
  readonly #valueView: DataView

  constructor(layout: MapLayout<K, V>) {
    this.layout = layout
    this.isArray = layout.type === BPF_MAP_TYPE_ARRAY
    this.#zero = Buffer.alloc(layout.valueSize)
    this.#keyScratch = Buffer.alloc(layout.keySize)
    this.#valueScratch = Buffer.alloc(layout.valueSize)
    this.#keyView = viewOf(this.#keyScratch)
    this.#valueView = viewOf(this.#valueScratch)
  }

  get(key: K): V | undefined {
    const place = this.#find(this.keyId(key))
    return place === undefined ? undefined : this.#decodeValue(place)
  }

  has(key: K): boolean {
    return this.#find(this.keyId(key)) !== undefined
  }

  /** Whether the entry is there with exactly this value; all zero in an array is the same as not there. */
  holds(key: K, value: V): boolean {
    const place = this.#find(this.keyId(key))
    if (place === undefined && !this.isArray) return false
    this.layout.value.encode(this.#valueView, 0, value)
    return place === undefined ? this.#isZero(this.#valueScratch, 0) : this.#isAt(place, this.#valueScratch, 0)
  }

  /** @param keys and values as read from the kernel */
  replaceAll(keys: Uint8Array, values: Uint8Array, count: number): void {
    const { valueSize } = this.layout
    const keyBytes = bufferOf(keys)
    this.#setValues(Buffer.from(values))
    this.#places.clear()
    this.#freePlaces.length = 0
    if (this.isArray) return
    for (let index = 0; index < count; index++) {
      const place = this.#placeFor(this.#idAt(keyBytes, index))
      this.#values.copyWithin(place * valueSize, index * valueSize, (index + 1) * valueSize)
    }
  }

  set(key: K, value: V): void {
    this.layout.value.encode(this.#valueView, 0, value)
    this.setBytes(key, this.#valueScratch, 0)
  }

  /** @param values bytes that hold the value at `offset` */
  setBytes(key: K, values: Buffer, offset: number): void {
    const { valueSize } = this.layout
    const place = this.#placeFor(this.keyId(key))
    if (this.#values.length < (place + 1) * valueSize) this.#grow(place + 1)
    values.copy(this.#values, place * valueSize, offset, offset + valueSize)
  }

  delete(key: K): void {
    const { valueSize } = this.layout
    const id = this.keyId(key)
    const place = this.#find(id)
    if (place === undefined) return
    this.#values.fill(0, place * valueSize, (place + 1) * valueSize)
    if (this.#places.delete(id)) this.#freePlaces.push(place)
  }

  *keys(): Generator<K> {
    for (const [id] of this.#all()) yield this.#decodeKey(id)
  }

  *entries(): Generator<[K, V]> {
    for (const [id, place] of this.#all()) yield [this.#decodeKey(id), this.#decodeValue(place)]
  }

  /** @returns the entries that must be put or deleted for the kernel's contents to be these again */
  repairs(keys: Uint8Array, values: Uint8Array, count: number): { put: [K, V][]; remove: K[] } {
    const put: [K, V][] = []
    const remove: K[] = []
    const keyBytes = bufferOf(keys)
    const valueBytes = bufferOf(values)
    if (this.isArray && this.#values.equals(valueBytes)) return { put, remove }
    let known = 0
    for (let index = 0; index < count; index++) {
      const id = this.#idAt(keyBytes, index)
      const place = this.#find(id)
      if (place !== undefined) {
        known++
        if (!this.#isAt(place, valueBytes, index)) put.push([this.#decodeKey(id), this.#decodeValue(place)])
      } else if (!this.isArray || !this.#isZero(valueBytes, index)) remove.push(this.#decodeKey(id))
    }
    const all = [...this.#all()]
    if (known === all.length) return { put, remove }
    const present = new Set(Array.from({ length: count }, (_, index) => this.#idAt(keyBytes, index)))
    for (const [id, place] of all) {
      if (!present.has(id)) put.push([this.#decodeKey(id), this.#decodeValue(place)])
    }
    return { put, remove }
  }

  keyId(key: K): KeyId {
    if (this.isArray) return key as number
    this.layout.key.encode(this.#keyView, 0, key)
    return this.#keyScratch.toString('latin1')
  }

  /** @returns the place of an entry that is there */
  #find(id: KeyId): number | undefined {
    if (typeof id === 'string') return this.#places.get(id)
    return (id + 1) * this.layout.valueSize <= this.#values.length && !this.#isZero(this.#values, id) ? id : undefined
  }

  /** @returns the place of an entry that is about to be written */
  #placeFor(id: KeyId): number {
    if (typeof id === 'number') return id
    let place = this.#places.get(id)
    if (place === undefined) {
      place = this.#freePlaces.pop() ?? this.#places.size
      this.#places.set(id, place)
    }
    return place
  }

  *#all(): Generator<[KeyId, number]> {
    if (!this.isArray) yield* this.#places
    else {
      const count = this.#values.length / this.layout.valueSize
      for (let index = 0; index < count; index++) if (!this.#isZero(this.#values, index)) yield [index, index]
    }
  }

  #grow(places: number): void {
    const values = Buffer.alloc(Math.max(places * this.layout.valueSize, this.#values.length * 2))
    this.#values.copy(values)
    this.#setValues(values)
  }

  #setValues(values: Buffer<ArrayBuffer>): void {
    this.#values = values
    this.#valuesView = viewOf(values)
  }

  #isAt(place: number, values: Buffer, index: number): boolean {
    const { valueSize } = this.layout
    return isSame(this.#values, place * valueSize, values, index * valueSize, valueSize)
  }

  #isZero(values: Buffer, index: number): boolean {
    const { valueSize } = this.layout
    return isSame(values, index * valueSize, this.#zero, 0, valueSize)
  }

  #idAt(keys: Buffer, index: number): KeyId {
    const { keySize } = this.layout
    return this.isArray
      ? keys.readUInt32LE(index * keySize)
      : keys.toString('latin1', index * keySize, (index + 1) * keySize)
  }

  #decodeKey(id: KeyId): K {
    if (typeof id === 'number') return id as K
    this.#keyScratch.write(id, 'latin1')
    return this.layout.key.decode(this.#keyView, 0)
  }

  #decodeValue(place: number): V {
    return this.layout.value.decode(this.#valuesView, place * this.layout.valueSize)
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** By hand: for so few bytes a call of Buffer.compare costs several times as much. */
function isSame(a: Buffer, aStart: number, b: Buffer, bStart: number, length: number): boolean {
  for (let at = 0; at < length; at++) if (a[aStart + at] !== b[bStart + at]) return false
  return true
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
  /** Slot blocks that exist. */
  readonly slotBlocks = new Set<number>()
}
