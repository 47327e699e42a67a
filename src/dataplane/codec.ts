// What the generated layouts are made of. Little-endian hosts; network order only where C says __be16 or __be32.

type Reads = Pick<DataView, 'byteLength' | 'getUint8' | 'getUint16' | 'getUint32' | 'getInt32' | 'getBigUint64'>

/** What a value is read from: memory of this process, or of a map (ReadOnlyView of the addon). */
export type ByteSource = DataView | (Reads & { copy(offset: number, length: number): Uint8Array })

/** Turns one C value into bytes and back. `offset` is in bytes; encode writes all `size` bytes, padding as zero. */
export interface Codec<T> {
  readonly size: number
  encode(view: DataView, offset: number, value: T): void
  decode(view: ByteSource, offset: number): T
}

/** What the kernel has to agree with before a map is used. Sizes in bytes, type and flags as in linux/bpf.h. */
export interface MapShape {
  readonly name: string
  readonly type: number
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  readonly flags: number
}

export interface MapLayout<K, V> extends MapShape {
  readonly key: Codec<K>
  readonly value: Codec<V>
}

/** A map of maps: every value is a map of the shape `inner`. */
export interface OuterMapLayout extends MapShape {
  readonly key: Codec<number>
  readonly inner: MapShape
}

export const u32Codec: Codec<number> = {
  size: 4,
  encode: (view, offset, value) => view.setUint32(offset, value, true),
  decode: (view, offset) => view.getUint32(offset, true),
}

export const u64Codec: Codec<bigint> = {
  size: 8,
  encode: (view, offset, value) => view.setBigUint64(offset, value, true),
  decode: (view, offset) => view.getBigUint64(offset, true),
}

/** A u64 known to stay below 2^53 (packets, bytes, nanoseconds): a number is several times cheaper than a bigint. */
export function getCount(view: ByteSource, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32
}

export function setCount(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value >>> 0, true)
  view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true)
}

/** @returns a copy, so that the caller may keep it when the buffer is reused */
export function getBytes(view: ByteSource, offset: number, length: number): Uint8Array {
  if (!(view instanceof DataView)) return view.copy(offset, length)
  return new Uint8Array(view.buffer, view.byteOffset + offset, length).slice()
}

export function setBytes(view: DataView, offset: number, length: number, value: Uint8Array): void {
  if (value.length !== length) throw new RangeError(`${value.length} bytes where the layout has ${length}`)
  new Uint8Array(view.buffer, view.byteOffset + offset, length).set(value)
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function encodeOne<T>(codec: Codec<T>, value: T): Uint8Array {
  const bytes = new Uint8Array(codec.size)
  codec.encode(viewOf(bytes), 0, value)
  return bytes
}

export function decodeOne<T>(codec: Codec<T>, bytes: Uint8Array): T {
  return codec.decode(viewOf(bytes), 0)
}

/** All values back to back, as the batch calls of bpf(2) take them. */
export function encodeMany<T>(codec: Codec<T>, values: readonly T[]): Uint8Array {
  const bytes = new Uint8Array(codec.size * values.length)
  const view = viewOf(bytes)
  let offset = 0
  for (const value of values) {
    codec.encode(view, offset, value)
    offset += codec.size
  }
  return bytes
}
