import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'natgw-asan-'))

const source = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } ring SEC(".maps");
SEC("xdp") int emit(struct xdp_md *ctx) {
  __u64 record = ctx->ingress_ifindex;
  bpf_ringbuf_output(&ring, &record, sizeof(record), 0);
  return bpf_xdp_adjust_head(ctx, -32) ? XDP_ABORTED : XDP_TX;
}
SEC("xdp") int bad(struct xdp_md *ctx) { return *(unsigned char *)(long)ctx->data; }
SEC("syscall") int twice(__u64 *ctx) { *ctx *= 2; return 0; }
char _license[] SEC("license") = "GPL";
`

const script = `
const { readFileSync } = await import('node:fs')
const { Worker, isMainThread, parentPort } = await import('node:worker_threads')
const n = await import(${JSON.stringify(join(root, 'src/native/load-native.ts'))})
const refused = (body) => { try { body() } catch (error) { return error.code ?? error.name } throw new Error('not refused: ' + body) }
const u32 = (...values) => new Uint8Array(new Uint32Array(values).buffer)
const range = (count) => Array.from({ length: count }, (_, i) => i)
const make = (options) => n.BpfMap.create({ name: 'a', type: 1, keySize: 4, valueSize: 8, maxEntries: 5000, ...options })

for (const options of [{}, { flags: 1 }, { type: 2 }, { type: 5 }, { type: 6, valueSize: 12 }, { type: 11, keySize: 8, flags: 1 }]) {
  const map = make(options)
  const key = options.keySize ?? 4
  const keys = new Uint8Array(100 * key)
  for (let i = 0; i < 100; i++) keys.set(key === 8 ? u32(32, i) : u32(i), i * key)
  const values = new Uint8Array(100 * map.userValueSize)
  map.updateBatch(keys, values)
  for (const [k, v] of [[keys, values.subarray(1)], [keys.subarray(1), values], [keys.subarray(key), values], [keys, new Uint8Array(0)]])
    refused(() => map.updateBatch(k, v))
  refused(() => map.deleteBatch(keys.subarray(1)))
  for (const length of range(20).filter((length) => length !== key)) refused(() => map.lookup(new Uint8Array(length)))
  refused(() => map.update(keys.subarray(0, key), values.subarray(0, map.userValueSize - 1)))
  map.lookup(keys.slice(0, key))
  map.nextKey(null)
  map.entries()
  if (options.type !== 2 && options.type !== 6) map.deleteBatch(keys)
  map.entries()
  map.close()
  map.close()
  refused(() => map.entries())
}

const detached = u32(1)
structuredClone(detached.buffer, { transfer: [detached.buffer] })
refused(() => make({}).lookup(detached))
refused(() => make({}).lookup(Object.create(Uint8Array.prototype)))

const array = make({ type: 2, flags: 1024 })
new Uint8Array(array.mmap()).fill(7)
const view = array.readOnlyView()
view.copy(0, 8)
for (const at of [-1, 5000 * 8, 2 ** 53]) refused(() => view.getUint32(at))
refused(() => view.copy(5000 * 8 - 4, 8))
array.close()
refused(() => view.getUint32(0))
refused(() => view.copy(0, 8))
make({ type: 2, flags: 1024 }).mmap()
const moved = make({ type: 2, flags: 1024 })
const memory = moved.mmap()
refused(() => structuredClone(memory, { transfer: [memory] }))
const taken = memory.transfer()
moved.close()
new Uint8Array(taken).fill(1)
refused(() => moved.mmap())
refused(() => moved.readOnlyView())

const grown = make({ type: 2, flags: 1024 }).mmap().transfer(8)
new Uint8Array(grown).fill(2)
globalThis.gc?.()

// A method is its own class's.
for (const other of [{}, Object.create(n.BpfMap.prototype), make({})]) {
  refused(() => n.RingBuffer.prototype.close.call(other))
  refused(() => n.BpfProgram.prototype.testRun.call(other, { data: new Uint8Array(64) }))
  refused(() => n.BpfObject.prototype.load.call(other))
}
refused(() => new n.BpfMap())
refused(() => n.BpfMap())
globalThis.gc?.()

const outer = make({ type: 13, valueSize: 4, inner: make({}) })
outer.updateInner(u32(1), [make({})])
refused(() => outer.updateInner(u32(1), {}))
refused(() => outer.updateInner(u32(1), [{}]))
refused(() => outer.updateInner(u32(1), [make({}), make({})]))

const elf = readFileSync(${JSON.stringify(join(folder, 'test.o'))})
refused(() => new n.BpfObject(elf.subarray(0, 3000), 'cut'))
refused(() => new n.BpfObject(new Uint8Array(64), 'zero'))
const bad = new n.BpfObject(elf, 'bad')
refused(() => bad.load())
bad.close()
const object = new n.BpfObject(elf, 'good')
object.skipProgram('bad')
object.load()
const emit = object.program('emit')
refused(() => emit.testRun({ data: new Uint8Array(100), dataOutSize: 110 }))
emit.testRun({ data: new Uint8Array(100), ctx: (() => { const c = new Uint8Array(24); c[4] = 100; c[12] = 1; return c })() })
object.program('twice').testRun({ ctx: new Uint8Array(8) })
const getter = { get data() { return detached }, repeat: 1 }
refused(() => emit.testRun(getter))

let records = 0
const ring = new n.RingBuffer(object.map('ring'), 8, (bytes, count) => { records += count; if (records > 500) ring.close() })
for (let i = 0; i < 1000; i++) emit.testRun({ data: new Uint8Array(60) })
const left = new n.RingBuffer(make({ type: 27, keySize: 0, valueSize: 0, maxEntries: 4096 }), 8, () => undefined)
left.unref()
refused(() => new n.RingBuffer(make({}), 8, () => undefined))

const netlink = new n.NetlinkSocket([1, 5], () => undefined, () => undefined)
netlink.unref()
const dump = new Uint8Array(32)
new DataView(dump.buffer).setUint32(0, 32, true)
dump.set([18, 0, 1, 3], 4)
netlink.request(dump)
await netlink.dump(dump)
const running = netlink.dump(dump)
refused(() => netlink.dump(dump))
await running
dump[18] = 1
await netlink.dump(dump).catch(() => undefined)
refused(() => netlink.request(dump))
for (const length of range(32)) refused(() => netlink.request(dump.subarray(0, length)))
const shut = new n.NetlinkSocket([1], () => undefined)
shut.close()
shut.close()
refused(() => shut.request(dump))
refused(() => shut.dump(dump))
// The environment ends, or the socket is closed, while a dump runs.
dump[18] = 0
new n.NetlinkSocket([]).dump(dump)
const dropped = new n.NetlinkSocket([])
dropped.dump(dump)
dropped.close()

const lock = ${JSON.stringify(join(folder, 'lock'))} + (isMainThread ? '' : '-worker')
const held = n.lockFile(lock)
if (n.lockFile(lock) !== -1) throw new Error('locked twice')
for (const fd of [-1, 0, held + 1000, 1.5, 2 ** 40, '3']) refused(() => n.unlockFile(fd))
if (isMainThread) n.unlockFile(held)

for (const path of ['', 'a\\0b', 5]) refused(() => n.fileSystemType(path))
n.inNetworkNamespace('/proc/self/ns/net', () => n.ifIndex('lo'))
refused(() => n.inNetworkNamespace('/proc/self/ns/net', () => { throw Object.assign(new Error(), { code: 'X' }) }))

while (records <= 500) await new Promise((resolve) => setTimeout(resolve, 10))
ring.close()
object.close()
refused(() => object.map('ring'))
if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { execArgv: [] })
  await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject))
  await worker.terminate()
  n.unlockFile(n.lockFile(lock + '-worker'))
  globalThis.gc()
  console.log('all done')
} else parentPort.postMessage('done')
`

beforeAll(() => {
  execFileSync(join(root, 'scripts/build-native-asan'), { stdio: 'inherit' })
  const multiarch = execFileSync('gcc', ['-dumpmachine'], { encoding: 'utf8' }).trim()
  writeFileSync(join(folder, 'test.c'), source)
  writeFileSync(join(folder, 'script.mjs'), script)
  const flags = ['-g', '-O2', '-target', 'bpf', '-mcpu=v3', `-I/usr/include/${multiarch}`]
  execFileSync('clang-19', [...flags, '-c', join(folder, 'test.c'), '-o', join(folder, 'test.o')])
}, 300_000)
afterAll(() => {
  rmSync(folder, { recursive: true })
})

test('the sanitizers find no fault in right and wrong calls of the addon', () => {
  const library = (name: string) => execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim()
  const done = spawnSync(join(root, 'node_modules/.bin/node'), ['--expose-gc', join(folder, 'script.mjs')], {
    encoding: 'utf8',
    timeout: 60_000,
    env: {
      ...process.env,
      NATGW_ADDON: join(root, 'build-asan/Release/natgw.node'),
      // libstdc++ too: libasan looks for __cxa_throw before node has loaded the addon and with it libstdc++.
      LD_PRELOAD: `${library('libasan.so')} ${library('libstdc++.so.6')}`,
      ASAN_OPTIONS: 'detect_leaks=0',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    },
  })
  expect(done.stderr).not.toMatch(/ERROR: AddressSanitizer|runtime error/)
  expect(done.stderr).toBe('')
  expect(done).toMatchObject({ status: 0, stdout: 'all done\n' })
})
