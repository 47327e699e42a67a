import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  BpfMap,
  fileSystemType,
  ifIndex,
  inNetworkNamespace,
  lockFile,
  mountBpffs,
  possibleCpus,
  unlockFile,
} from '../../src/native/load-native.ts'
import type { NativeFailure } from '../../src/native/native.d.ts'

const HASH = 1
const ARRAY = 2
const PERCPU_HASH = 5
const PERCPU_ARRAY = 6
const LPM_TRIE = 11
const ARRAY_OF_MAPS = 12
const HASH_OF_MAPS = 13
const NO_PREALLOC = 1
const MMAPABLE = 1 << 10
const NOEXIST = 1
const BPF_FS_MAGIC = 0xcafe4a11

const node = join(import.meta.dirname, '../../node_modules/.bin/node')
const loader = join(import.meta.dirname, '../../src/native/load-native.ts')

const opened: BpfMap[] = []
function create(options: Partial<Parameters<typeof BpfMap.create>[0]> = {}): BpfMap {
  const map = BpfMap.create({ name: 'test', type: HASH, keySize: 4, valueSize: 8, maxEntries: 1000, ...options })
  opened.push(map)
  return map
}
afterEach(() => {
  for (const map of opened.splice(0)) map.close()
})

const u32 = (...values: number[]) => new Uint8Array(new Uint32Array(values).buffer)
const u64 = (...values: number[]) => new Uint8Array(new BigUint64Array(values.map(BigInt)).buffer)
const range = (n: number) => Array.from({ length: n }, (_, i) => i)
const asU32 = (bytes: Uint8Array) => [...new Uint32Array(bytes.slice().buffer)]
const asU64 = (bytes: Uint8Array) => [...new BigUint64Array(bytes.slice().buffer)].map(Number)

function failure(body: () => unknown): NativeFailure {
  try {
    body()
  } catch (error) {
    return error as NativeFailure
  }
  throw new Error('did not throw')
}

const codeOf = (body: () => unknown) => failure(body).code

beforeAll(() => {
  if (fileSystemType('/sys/fs/bpf') !== BPF_FS_MAGIC) mountBpffs('/sys/fs/bpf')
})

describe('single entries', () => {
  test('a value that was put is found, and is gone after delete', () => {
    const map = create()
    map.update(u32(7), u64(70))
    expect(asU64(map.lookup(u32(7))!)).toEqual([70])
    expect(map.delete(u32(7))).toBe(true)
    expect(map.delete(u32(7))).toBe(false)
    expect(map.lookup(u32(7))).toBeUndefined()
  })

  test('info describes the map that the kernel made', () => {
    const map = create({ name: 'natgw_info', maxEntries: 42, flags: NO_PREALLOC })
    expect(map.info).toMatchObject({
      name: 'natgw_info',
      type: HASH,
      keySize: 4,
      valueSize: 8,
      maxEntries: 42,
      flags: 1,
    })
    const again = BpfMap.openById(map.info.id)
    opened.push(again)
    expect(again.info).toEqual(map.info)
  })

  test('a walk by nextKey visits every key once', () => {
    const map = create()
    for (const key of [1, 2, 3]) map.update(u32(key), u64(key))
    const seen: number[] = []
    for (let key = map.nextKey(null); key; key = map.nextKey(key)) seen.push(...asU32(key))
    expect(seen.sort()).toEqual([1, 2, 3])
  })

  test('failures carry errno, its name and the system call', () => {
    const map = create({ maxEntries: 1 })
    map.update(u32(1), u64(1))
    expect(failure(() => map.update(u32(2), u64(2)))).toMatchObject({
      code: 'E2BIG',
      errno: 7,
      syscall: 'bpf_map_update_elem',
    })
    expect(codeOf(() => map.update(u32(1), u64(1), NOEXIST))).toBe('EEXIST')
    expect(codeOf(() => BpfMap.openPinned('/sys/fs/bpf/natgw-no-such-pin'))).toBe('ENOENT')
    expect(codeOf(() => BpfMap.openById(0xfffffff0))).toBe('ENOENT')
    expect(codeOf(() => create({ type: 9999 }))).toBe('EINVAL')
  })
})

describe('arguments', () => {
  test('keys and values of a wrong length are refused before any system call', () => {
    const map = create()
    for (const wrong of [new Uint8Array(0), new Uint8Array(3), new Uint8Array(5), new Uint8Array(1 << 16)]) {
      expect(failure(() => map.lookup(wrong))).toMatchObject({ code: 'EARG', errno: 0 })
      expect(codeOf(() => map.update(wrong, u64(1)))).toBe('EARG')
      expect(codeOf(() => map.update(u32(1), wrong))).toBe('EARG')
      expect(codeOf(() => map.delete(wrong))).toBe('EARG')
      expect(codeOf(() => map.nextKey(wrong))).toBe('EARG')
    }
    expect(map.entries().count).toBe(0)
  })

  test('batches whose keys and values do not agree write nothing', () => {
    const map = create()
    expect(codeOf(() => map.updateBatch(u32(...range(300)), u64(...range(200))))).toBe('EARG')
    expect(codeOf(() => map.updateBatch(new Uint8Array(401), u64(...range(100))))).toBe('EARG')
    expect(codeOf(() => map.deleteBatch(new Uint8Array(6)))).toBe('EARG')
    expect(map.entries().count).toBe(0)
  })

  test('values other than Uint8Array, and detached ones, are refused', () => {
    const map = create()
    const detached = u32(1)
    structuredClone(detached.buffer, { transfer: [detached.buffer] })
    for (const wrong of [undefined, null, 'abcd', 1, [1, 2, 3, 4], new Uint32Array(1), new ArrayBuffer(4), detached])
      expect(codeOf(() => map.lookup(wrong as Uint8Array))).toBe('EARG')
  })

  test('a view into a larger buffer is read at its own offset', () => {
    const map = create()
    const bytes = new Uint8Array([9, 9, 9, ...u32(5), 9])
    map.update(bytes.subarray(3, 7), u64(50))
    expect(asU64(map.lookup(u32(5))!)).toEqual([50])
  })

  test('an object of another class is not taken for a map', () => {
    const map = create({ type: HASH_OF_MAPS, valueSize: 4, inner: create() })
    for (const wrong of [undefined, 3, {}, Object.create(BpfMap.prototype)])
      expect(codeOf(() => map.updateInner(u32(1), [wrong as BpfMap]))).toBe('EARG')
  })

  test('flags that are no unsigned integer, and paths with NUL, are refused', () => {
    const map = create()
    for (const flags of [-1, 0.5, NaN, 2 ** 32]) expect(codeOf(() => map.update(u32(1), u64(1), flags))).toBe('EARG')
    expect(codeOf(() => map.pin('/sys/fs/bpf/natgw\0cut'))).toBe('EARG')
  })

  test('a closed map says so, and may be closed again', () => {
    const map = create({ name: 'shut' })
    map.close()
    map.close()
    expect(failure(() => map.lookup(u32(1)))).toMatchObject({ code: 'EARG', message: 'map shut is closed' })
    expect(codeOf(() => map.info)).toBe('EARG')
    expect(codeOf(() => map.entries())).toBe('EARG')
  })

  test('classes of descriptors cannot be constructed', () => {
    expect(codeOf(() => Reflect.construct(BpfMap, []))).toBe('EARG')
    expect(codeOf(() => Reflect.construct(BpfMap, [3]))).toBe('EARG')
  })
})

describe('batches', () => {
  test('a large batch is written, read back and deleted', () => {
    const count = 100_000
    const map = create({ maxEntries: count })
    expect(map.updateBatch(u32(...range(count)), u64(...range(count)))).toBe(count)
    const read = map.entries()
    expect(read.count).toBe(count)
    const keys = asU32(read.keys)
    const values = asU64(read.values)
    expect(keys.every((key, i) => key === values[i])).toBe(true)
    expect(new Set(keys).size).toBe(count)
    expect(map.deleteBatch(read.keys)).toBe(count)
    expect(map.entries().count).toBe(0)
  })

  test('keys that are missing do not stop a deletion and are not counted', () => {
    const map = create()
    map.updateBatch(u32(2, 4, 6), u64(2, 4, 6))
    expect(map.deleteBatch(u32(1, 2, 3, 4, 5, 6, 7))).toBe(3)
    expect(map.deleteBatch(u32(1, 2))).toBe(0)
  })

  test('flags that the kernel takes only one by one work in a batch', () => {
    const map = create()
    expect(map.updateBatch(u32(1, 2), u64(1, 2), NOEXIST)).toBe(2)
    expect(failure(() => map.updateBatch(u32(3, 2, 4), u64(9, 9, 9), NOEXIST))).toMatchObject({
      code: 'EEXIST',
      count: 1,
    })
  })

  test('a batch that does not fit reports how much was written', () => {
    const map = create({ maxEntries: 3 })
    expect(failure(() => map.updateBatch(u32(...range(5)), u64(...range(5))))).toMatchObject({
      code: 'E2BIG',
      count: 3,
    })
    expect(map.entries().count).toBe(3)
  })

  test('an empty batch and an empty map are no errors', () => {
    const map = create()
    expect(map.updateBatch(new Uint8Array(0), new Uint8Array(0))).toBe(0)
    expect(map.deleteBatch(new Uint8Array(0))).toBe(0)
    expect(map.entries()).toMatchObject({ count: 0, keys: new Uint8Array(0), values: new Uint8Array(0) })
  })

  test('an array gives all its entries, and a deletion from it fails', () => {
    const map = create({ type: ARRAY, maxEntries: 10 })
    map.updateBatch(u32(1, 3), u64(10, 30))
    expect(asU64(map.entries().values)).toEqual([0, 10, 0, 30, 0, 0, 0, 0, 0, 0])
    expect(codeOf(() => map.deleteBatch(u32(1)))).toBe('EINVAL')
  })

  test('a longest-prefix map is filled, read and emptied in batches', () => {
    const map = create({ type: LPM_TRIE, keySize: 8, valueSize: 4, flags: NO_PREALLOC })
    const keys = u32(...range(50).flatMap((i) => [24, 10 | (i << 16)]))
    expect(map.updateBatch(keys, u32(...range(50)))).toBe(50)
    expect(asU32(map.lookup(u32(32, 10 | (7 << 16) | (9 << 24)))!)).toEqual([7])
    const read = map.entries()
    expect(read.count).toBe(50)
    expect(asU32(read.values).sort((a, b) => a - b)).toEqual(range(50))
    expect(map.deleteBatch(u32(24, 10, 24, 99))).toBe(1)
    expect(map.deleteBatch(read.keys)).toBe(49)
  })

  test('entries survives another process that changes the map meanwhile', async () => {
    const map = create({ maxEntries: 5000 })
    const fixed = range(1000)
    map.updateBatch(u32(...fixed), u64(...fixed))
    const churn = `
      const { BpfMap } = await import(${JSON.stringify(loader)})
      const map = BpfMap.openById(${map.info.id})
      const keys = new Uint8Array(Uint32Array.from({ length: 3000 }, (_, i) => 10000 + i).buffer)
      const values = new Uint8Array(8 * 3000)
      console.log('ready')
      for (const end = Date.now() + 1500; Date.now() < end; ) { map.updateBatch(keys, values); map.deleteBatch(keys) }`
    const child = spawn(node, ['--input-type=module', '-e', churn], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = new Promise<number | null>((resolve) => child.on('exit', resolve))
    await new Promise((resolve) => child.stdout.once('data', resolve))
    let reads = 0
    for (const end = Date.now() + 1000; Date.now() < end; reads++) {
      const keys = asU32(map.entries().keys)
      expect(new Set(keys).size).toBe(keys.length)
      expect(keys.filter((key) => key < 1000)).toHaveLength(1000)
    }
    expect(reads).toBeGreaterThan(10)
    expect(await exited).toBe(0)
  })
})

describe('special map types', () => {
  test.each([PERCPU_HASH, PERCPU_ARRAY])(
    'a per-CPU value (type %i) has one aligned part for each possible CPU',
    (type) => {
      const map = create({ type, valueSize: 12, maxEntries: 4 })
      expect(map.userValueSize).toBe(16 * possibleCpus())
      const value = new Uint8Array(map.userValueSize)
      for (let cpu = 0; cpu < possibleCpus(); cpu++) value.fill(cpu + 1, cpu * 16, cpu * 16 + 12)
      map.update(u32(1), value)
      expect(map.lookup(u32(1))).toEqual(value)
      expect(map.updateBatch(u32(2, 3), new Uint8Array([...value, ...value]))).toBe(2)
      expect(map.lookup(u32(3))).toEqual(value)
      const read = map.entries()
      expect(read.values).toHaveLength(read.count * map.userValueSize)
      expect(codeOf(() => map.update(u32(1), new Uint8Array(12)))).toBe('EARG')
    },
  )

  test('a mapped array shares its memory with the kernel until it is closed', () => {
    const map = create({ type: ARRAY, valueSize: 12, maxEntries: 100, flags: MMAPABLE })
    const memory = map.mmap()
    expect(memory.byteLength).toBe(16 * 100)
    new Uint32Array(memory)[4 * 5] = 77
    expect(asU32(map.lookup(u32(5))!)).toEqual([77, 0, 0])
    map.update(u32(6), u32(1, 2, 3))
    const readOnly = map.readOnlyView()
    expect([0, 4, 8].map((at) => readOnly.getUint32(16 * 6 + at, true))).toEqual([1, 2, 3])
    expect(asU32(readOnly.copy(16 * 6, 12))).toEqual([1, 2, 3])
    const view = new Uint8Array(memory)
    map.close()
    expect(memory.detached).toBe(true)
    expect(view).toHaveLength(0)
    expect(() => readOnly.getUint32(0)).toThrow(TypeError)
  })

  test('a reader of a mapped array cannot write into it', () => {
    const map = create({ type: ARRAY, valueSize: 8, maxEntries: 4, flags: MMAPABLE })
    const view = map.readOnlyView()
    expect(Object.getOwnPropertyNames(view)).toEqual([])
    expect('mmapReadOnly' in map).toBe(false)
    view.copy(0, 8).fill(1)
    expect(() => DataView.prototype.setUint8.call(view as unknown as DataView, 0, 1)).toThrow(TypeError)
    expect(() => view.getUint32(29)).toThrow(RangeError)
    expect(view.getUint32(0)).toBe(0)
  })

  test('a mapped array whose memory was moved to another buffer is there until that has gone', () => {
    const map = create({ type: ARRAY, valueSize: 8, maxEntries: 512, flags: MMAPABLE })
    const memory = map.mmap()
    new Uint8Array(memory)[7] = 5
    const moved = memory.transfer()
    map.close()
    expect(new Uint8Array(moved)[7]).toBe(5)
  })

  test('a map that cannot be mapped is refused', () => {
    expect(codeOf(() => create().mmap())).toBe('EARG')
    expect(codeOf(() => create({ type: ARRAY }).mmap())).toBe('EARG')
  })

  test('a map of maps leads to the inner map that was put there', () => {
    const inner = create({ name: 'inner' })
    const outer = create({ type: HASH_OF_MAPS, valueSize: 4, inner })
    outer.updateInner(u32(3), [inner])
    expect(asU32(outer.lookup(u32(3))!)).toEqual([inner.info.id])
    expect(codeOf(() => outer.updateInner(u32(4), [create({ valueSize: 4 })]))).toBe('EINVAL')
    inner.close()
    expect(codeOf(() => outer.updateInner(u32(4), [inner]))).toBe('EARG')
  })

  test('a map of maps takes many inner maps in one call, and says how many it took before one it refuses', () => {
    const inner = Array.from({ length: 20 }, () => create({ type: ARRAY, maxEntries: 2 }))
    const outer = create({ type: ARRAY_OF_MAPS, valueSize: 4, maxEntries: 32, inner: inner[0]! })
    const keys = new Uint8Array(Uint32Array.from(inner.keys()).buffer)
    outer.updateInner(keys, inner)
    inner.forEach((map, i) => expect(asU32(outer.lookup(u32(i))!)).toEqual([map.info.id]))
    expect(codeOf(() => outer.updateInner(keys, inner.slice(1)))).toBe('EARG')
    const wrong = [inner[0]!, create({ type: ARRAY, valueSize: 4, maxEntries: 2 })]
    expect(failure(() => outer.updateInner(keys.subarray(0, 8), wrong))).toMatchObject({ code: 'EINVAL', count: 1 })
  })

  test('only a map of maps takes an inner map', () => {
    expect(codeOf(() => create().updateInner(u32(1), [create()]))).toBe('EARG')
  })
})

describe('pins', () => {
  const path = `/sys/fs/bpf/natgw-test-${process.pid}`
  afterEach(() => {
    rmSync(path, { force: true })
  })

  test('a pinned map outlives its handle', () => {
    const map = create()
    map.update(u32(1), u64(11))
    map.pin(path)
    map.close()
    const again = BpfMap.openPinned(path)
    opened.push(again)
    expect(asU64(again.lookup(u32(1))!)).toEqual([11])
    expect(codeOf(() => again.pin(path))).toBe('EEXIST')
  })
})

describe('the process', () => {
  const openMaps = () => {
    const folder = '/proc/self/fd'
    return readdirSync(folder).filter((fd) => {
      try {
        return readlinkSync(join(folder, fd)).includes('bpf-map')
      } catch {
        return false
      }
    }).length
  }

  test('close gives the descriptor back', () => {
    const before = openMaps()
    const map = create()
    expect(openMaps()).toBe(before + 1)
    map.close()
    expect(openMaps()).toBe(before)
  })

  test('the limit of locked memory is left alone', () => {
    const limit = () => /Max locked memory.*/.exec(readFileSync('/proc/self/limits', 'utf8'))![0]
    const before = limit()
    create({ maxEntries: 1_000_000 })
    expect(limit()).toBe(before)
  })

  test('a lock excludes a second process until it is given back', () => {
    const folder = mkdtempSync(join(tmpdir(), 'natgw-lock-'))
    const path = join(folder, 'lock')
    const other = () => {
      const script = `console.log((await import(${JSON.stringify(loader)})).lockFile(${JSON.stringify(path)}))`
      return Number(execFileSync(node, ['--input-type=module', '-e', script], { encoding: 'utf8' }))
    }
    try {
      const fd = lockFile(path)
      expect(fd).toBeGreaterThanOrEqual(0)
      expect(other()).toBe(-1)
      expect(lockFile(path)).toBe(-1)
      unlockFile(fd)
      expect(other()).toBeGreaterThanOrEqual(0)
      expect(codeOf(() => unlockFile(fd))).toBe('EARG')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('a lock goes with the worker that took it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'natgw-lock-'))
    const path = join(folder, 'lock')
    const take = `import(${JSON.stringify(loader)}).then(({ lockFile }) =>
      require('node:worker_threads').parentPort.postMessage(lockFile(${JSON.stringify(path)})))
      setInterval(() => undefined, 1000)`
    try {
      const worker = new Worker(take, { eval: true })
      const fd = await new Promise((resolve) => worker.once('message', resolve))
      expect(fd).toBeGreaterThanOrEqual(0)
      expect(lockFile(path)).toBe(-1)
      await worker.terminate()
      const mine = lockFile(path)
      expect(mine).toBeGreaterThanOrEqual(0)
      unlockFile(mine)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('mounting a BPF file system where one is already leaves it alone', () => {
    const mounts = () => readFileSync('/proc/mounts', 'utf8')
    const before = mounts()
    mountBpffs('/sys/fs/bpf')
    expect(mounts()).toBe(before)
  })

  test('devices are found by name', () => {
    expect(ifIndex('lo')).toBe(1)
    expect(codeOf(() => ifIndex('natgw-none'))).toBe('ENODEV')
    expect(codeOf(() => ifIndex('a-name-longer-than-any-device'))).toBe('ENODEV')
  })

  test('a file that is no network namespace leaves the thread where it is', () => {
    const here = readlinkSync('/proc/thread-self/ns/net')
    expect(codeOf(() => inNetworkNamespace('/etc/hostname', () => 0))).toBe('EINVAL')
    expect(codeOf(() => inNetworkNamespace('/nonexistent', () => 0))).toBe('ENOENT')
    expect(readlinkSync('/proc/thread-self/ns/net')).toBe(here)
  })

  test('a worker can use maps, and its end closes what it left open', async () => {
    const before = openMaps()
    const worker = new Worker(
      `import(${JSON.stringify(loader)}).then(({ BpfMap }) => {
        const map = BpfMap.create({ name: 'worker', type: 1, keySize: 4, valueSize: 4, maxEntries: 8 })
        map.update(new Uint8Array(4), new Uint8Array(4))
        globalThis.kept = map
        require('node:worker_threads').parentPort.postMessage(map.entries().count)
      })`,
      { eval: true, execArgv: [] },
    )
    const count = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    expect(count).toBe(1)
    await worker.terminate()
    expect(openMaps()).toBe(before)
  })
})
