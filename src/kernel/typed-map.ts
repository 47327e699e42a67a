// BPF maps in terms of the generated layouts: objects in, objects out, and errors that say which limit was hit.
import type { MapLayout, MapShape } from '../dataplane/codec.ts'
import { decodeOne, encodeMany, encodeOne, viewOf } from '../dataplane/codec.ts'
import { messageOf, NatGwError } from '../errors/errors.ts'
import type { BpfMap, NativeFailure } from '../native/load-native.ts'

/** Which line of gateway.yaml raises the limit of a map. Maps without one have a fixed size. */
const CONFIG_KEYS: Readonly<Record<string, string>> = {
  devices: 'limits.maxDevices',
  interfaces: 'limits.maxInterfaces',
  slices: 'limits.maxSlices',
  slice_states: 'limits.maxSlices',
  sessions: 'limits.maxSessions',
}

/** A thrown value of the addon, or undefined when it is something else. */
export function asNativeFailure(error: unknown): NativeFailure | undefined {
  return error instanceof Error && 'errno' in error && 'syscall' in error ? (error as NativeFailure) : undefined
}

/** @throws ERR_MAP_LAYOUT when the kernel's map is not what this build was made for; maxEntries may differ */
export function checkLayout(map: BpfMap, layout: MapShape, where: string): void {
  const { info } = map
  for (const field of ['type', 'keySize', 'valueSize', 'flags'] as const) {
    if (info[field] === layout[field]) continue
    throw new NatGwError(
      'ERR_MAP_LAYOUT',
      `map ${layout.name} at ${where} has ${field} ${info[field]}, this build expects ${layout[field]}: ` +
        'it was made by another version; `natgw unload` takes it away, and its flows with it',
      { map: layout.name, field, found: info[field], expected: layout[field], path: where },
    )
  }
}

/** An error of a write to a map, named after the map and, where that is what went wrong, its limit. */
export function writeError(map: BpfMap, name: string, error: unknown, subject: string): NatGwError {
  const failure = asNativeFailure(error)
  const limit = map.info.maxEntries
  if (failure !== undefined && (failure.code === 'E2BIG' || failure.code === 'ENOSPC')) {
    const configKey = CONFIG_KEYS[name]
    const remedy =
      configKey === undefined ? 'this size is fixed' : `raise ${configKey}, then \`natgw unload\` and start again`
    return new NatGwError(
      'ERR_MAP_FULL',
      `${subject} does not fit into map ${name}, which holds at most ${limit} entries: ${remedy}`,
      { map: name, limit, configKey, subject },
      { cause: error },
    )
  }
  return new NatGwError(
    'ERR_MAP_WRITE',
    `${subject} could not be written to map ${name}: ${messageOf(error)}`,
    { map: name, subject, errno: failure?.code },
    { cause: error },
  )
}

/** Owns `native`: closing this closes the descriptor. */
export class TypedMap<K, V> {
  readonly native: BpfMap
  readonly layout: MapLayout<K, V>

  /** @param where pin path or object file, for messages. @throws ERR_MAP_LAYOUT */
  constructor(native: BpfMap, layout: MapLayout<K, V>, where: string) {
    checkLayout(native, layout, where)
    this.native = native
    this.layout = layout
  }

  get limit(): number {
    return this.native.info.maxEntries
  }

  get(key: K): V | undefined {
    const bytes = this.native.lookup(encodeOne(this.layout.key, key))
    return bytes === undefined ? undefined : decodeOne(this.layout.value, bytes)
  }

  /** @throws ERR_MAP_FULL, ERR_MAP_WRITE */
  set(key: K, value: V): void {
    try {
      this.native.update(encodeOne(this.layout.key, key), encodeOne(this.layout.value, value))
    } catch (error) {
      throw writeError(this.native, this.layout.name, error, `entry ${keyForPeople(key)}`)
    }
  }

  /** @returns false when there was no such entry */
  delete(key: K): boolean {
    return this.native.delete(encodeOne(this.layout.key, key))
  }

  /** One system call for all. @throws ERR_MAP_FULL, ERR_MAP_WRITE; some of the entries may have been written then */
  setMany(entries: readonly (readonly [K, V])[]): void {
    if (entries.length === 0) return
    const keys = entries.map(([key]) => key)
    const values = entries.map(([, value]) => value)
    try {
      this.native.updateBatch(encodeMany(this.layout.key, keys), encodeMany(this.layout.value, values))
    } catch (error) {
      throw writeError(this.native, this.layout.name, error, `a batch of ${entries.length} entries`)
    }
  }

  /** Every entry; of an array every index, used or not. */
  *entries(): Generator<[K, V]> {
    const { keys, values, count } = this.native.entries()
    const keyView = viewOf(keys)
    const valueView = viewOf(values)
    const { key, value } = this.layout
    for (let index = 0; index < count; index++) {
      yield [key.decode(keyView, index * key.size), value.decode(valueView, index * value.size)]
    }
  }

  close(): void {
    this.native.close()
  }
}

/** A per-CPU array of u64, or of rows of u64, read as sums over the CPUs. */
export class CounterMap {
  readonly native: BpfMap
  readonly #name: string

  constructor(native: BpfMap, layout: MapShape, where: string) {
    checkLayout(native, layout, where)
    this.native = native
    this.#name = layout.name
  }

  /** @returns the sum of each u64, row after row */
  sums(): number[] {
    const { values, count } = this.native.entries()
    const view = viewOf(values)
    const stride = this.native.userValueSize
    const row = this.native.info.valueSize
    if (values.length !== stride * count) {
      throw new NatGwError(
        'ERR_MAP_LAYOUT',
        `map ${this.#name}: ${values.length} bytes for ${count} entries of ${stride}`,
      )
    }
    const perRow = row / 8
    return Array.from({ length: count * perRow }, (_, index) => {
      const first = Math.floor(index / perRow) * stride
      let sum = 0n
      for (let at = first + (index % perRow) * 8; at < first + stride; at += row) sum += view.getBigUint64(at, true)
      return Number(sum)
    })
  }

  close(): void {
    this.native.close()
  }
}

/** A map's key for people. */
export function keyForPeople(key: unknown): string {
  return JSON.stringify(key, (_, part: unknown) => (part instanceof Uint8Array ? [...part] : part))
}
