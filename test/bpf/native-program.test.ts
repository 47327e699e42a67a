import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  BpfLink,
  BpfMap,
  BpfObject,
  BpfProgram,
  fileSystemType,
  ifIndex,
  inNetworkNamespace,
  mountBpffs,
  RingBuffer,
} from '../../src/native/load-native.ts'
import type { NativeFailure } from '../../src/native/native.d.ts'

const XDP_DROP = 1
const XDP_TX = 3
const LIVE_FRAMES = 1 << 1

const source = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct event { __u32 ifindex; __u32 length; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 65536); } ring SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } hits SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS); __uint(max_entries, 8); __uint(key_size, 4); __uint(value_size, 4); } outer SEC(".maps");
SEC("xdp") int emit(struct xdp_md *ctx) {
  unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
  if (data + 14 > end) return XDP_DROP;
  struct event *event = bpf_ringbuf_reserve(&ring, sizeof(*event), 0);
  if (!event) return XDP_ABORTED;
  event->ifindex = ctx->ingress_ifindex;
  event->length = end - data;
  bpf_ringbuf_submit(event, 0);
  data[0] = 0xee;
  return XDP_TX;
}
SEC("xdp") int grow(struct xdp_md *ctx) { return bpf_xdp_adjust_head(ctx, -40) ? XDP_ABORTED : XDP_PASS; }
SEC("xdp") int count(struct xdp_md *ctx) {
  __u32 key = 1;
  __u64 *value = bpf_map_lookup_elem(&hits, &key);
  if (value) __sync_fetch_and_add(value, 1);
  return XDP_DROP;
}
SEC("xdp") int pass(struct xdp_md *ctx) { return XDP_PASS; }
struct sum { __u32 a, b, sum; };
SEC("syscall") int add(struct sum *ctx) {
  __u64 odd = 1;
  ctx->sum = ctx->a + ctx->b;
  if (ctx->a == 99) bpf_ringbuf_output(&ring, &odd, 3, 0);
  return 5;
}
SEC("syscall") int probe(struct sum *ctx) {
  __u32 key = ctx->a;
  void *inner = bpf_map_lookup_elem(&outer, &key);
  if (!inner) return 1;
  __u64 *value = bpf_map_lookup_elem(inner, &key);
  ctx->sum = value ? *value : 0;
  return 0;
}
char _license[] SEC("license") = "GPL";
`
const badSource = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("xdp") int fine(struct xdp_md *ctx) { return XDP_PASS; }
SEC("xdp") int bad(struct xdp_md *ctx) { return *(unsigned char *)(long)ctx->data; }
char _license[] SEC("license") = "GPL";
`

const node = join(import.meta.dirname, '../../node_modules/.bin/node')
const loader = join(import.meta.dirname, '../../src/native/load-native.ts')
const pin = `/sys/fs/bpf/natgw-test-${process.pid}`
const netns = `natgw-test-${process.pid}`
const folder = mkdtempSync(join(tmpdir(), 'natgw-native-'))

function compile(name: string, text: string): Uint8Array {
  const multiarch = execFileSync('gcc', ['-dumpmachine'], { encoding: 'utf8' }).trim()
  const object = join(folder, `${name}.o`)
  writeFileSync(join(folder, `${name}.c`), text)
  const flags = ['-g', '-O2', '-target', 'bpf', '-mcpu=v3', `-I/usr/include/${multiarch}`]
  execFileSync('clang-19', [...flags, '-c', join(folder, `${name}.c`), '-o', object])
  return readFileSync(object)
}

let elf: Uint8Array
const handles: { close(): void }[] = []
function keep<T extends { close(): void }>(handle: T): T {
  handles.push(handle)
  return handle
}

const newInner = () => keep(BpfMap.create({ name: 'inner', type: 1, keySize: 4, valueSize: 8, maxEntries: 8 }))

function load(prepare: (object: BpfObject) => void = () => undefined): BpfObject {
  const object = keep(new BpfObject(elf, 'natgw_test'))
  object.setInnerMap('outer', newInner())
  prepare(object)
  object.load()
  return object
}

const u32 = (...values: number[]) => new Uint8Array(new Uint32Array(values).buffer)
const u64 = (...values: number[]) => new Uint8Array(new BigUint64Array(values.map(BigInt)).buffer)
const asU32 = (bytes: Uint8Array) => [...new Uint32Array(bytes.slice().buffer)]
const frame = (length = 64) => new Uint8Array(length).fill(0xab)

function failure(body: () => unknown): NativeFailure {
  try {
    body()
  } catch (error) {
    return error as NativeFailure
  }
  throw new Error('did not throw')
}

beforeAll(() => {
  if (fileSystemType('/sys/fs/bpf') !== 0xcafe4a11) mountBpffs('/sys/fs/bpf')
  elf = compile('good', source)
})
afterEach(() => {
  for (const handle of handles.splice(0).reverse()) handle.close()
  for (const suffix of ['', '-link']) rmSync(pin + suffix, { force: true })
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

describe('objects', () => {
  test('names of maps and programs are known before the load', () => {
    const object = keep(new BpfObject(elf, 'natgw_test'))
    expect(object.mapNames.filter((name) => !name.includes('.'))).toEqual(['ring', 'hits', 'outer'])
    expect(object.programNames).toEqual(['emit', 'grow', 'count', 'pass', 'add', 'probe'])
    expect(failure(() => object.map('hits')).code).toBe('EARG')
    expect(failure(() => object.setMaxEntries('nothing', 1))).toMatchObject({ code: 'ENOENT' })
  })

  test('a map can be resized, another be reused, and a program be left out', () => {
    const existing = keep(BpfMap.create({ name: 'hits', type: 2, keySize: 4, valueSize: 8, maxEntries: 4 }))
    existing.update(u32(2), u64(22))
    const object = load((unloaded) => {
      unloaded.setMaxEntries('ring', 131072)
      unloaded.reuseMap('hits', existing)
      unloaded.skipProgram('emit')
    })
    expect(keep(object.map('ring')).info.maxEntries).toBe(131072)
    expect(keep(object.map('hits')).info.id).toBe(existing.info.id)
    expect(failure(() => object.program('emit')).code).toBe('EARG')
    expect(failure(() => object.setMaxEntries('ring', 4096)).code).toBe('EARG')
    expect(failure(() => object.load()).code).toBe('EARG')
  })

  test('handles outlive the object they came from', () => {
    const object = load()
    const hits = keep(object.map('hits'))
    const count = keep(object.program('count'))
    object.close()
    object.close()
    expect(failure(() => object.mapNames)).toMatchObject({ code: 'EARG', message: 'object natgw_test is closed' })
    expect(count.testRun({ data: frame() }).retval).toBe(XDP_DROP)
    expect(hits.lookup(u32(1))).toEqual(u64(1))
  })

  test('programs see the inner map that was put into a map of maps', () => {
    const object = load()
    const inner = newInner()
    inner.update(u32(6), u64(600))
    keep(object.map('outer')).updateInner(u32(6), [inner])
    const { retval, ctx } = keep(object.program('probe')).testRun({ ctx: u32(6, 0, 0) })
    expect([retval, ...asU32(ctx)]).toEqual([0, 6, 0, 600])
  })

  test('a program the verifier refuses is reported with its name and the reason', () => {
    const object = keep(new BpfObject(compile('bad', badSource), 'bad'))
    const error = failure(() => object.load())
    expect(error).toMatchObject({ code: 'EACCES', syscall: 'bpf_object_load' })
    expect(error.log).toContain("prog 'bad'")
    expect(error.log).toContain('invalid access to packet')
    expect(error.log).toContain('END PROG LOAD LOG')
  })

  test('a long verifier log arrives whole', () => {
    const steps = Array.from({ length: 1500 }, (_, i) => `if (ctx->rx_queue_index == ${i * 3 + 1}) sum += ${i};`)
    const body = `int sum = 0;\n${steps.join('\n')}\nreturn sum + *(unsigned char *)(long)ctx->data;`
    const text = badSource.replace('return *(unsigned char *)(long)ctx->data;', body)
    const error = failure(() => keep(new BpfObject(compile('long', text), 'long')).load())
    const log = error.log ?? ''
    expect(log.length).toBeGreaterThan(200_000)
    expect(/^0: \(/m.test(log) && /^processed \d+ insns/m.test(log) && log.includes('END PROG LOAD LOG')).toBe(true)
    expect(log.includes('invalid access to packet')).toBe(true)
  })

  test('bytes that are no BPF object are refused with libbpf’s text', () => {
    expect(failure(() => new BpfObject(new Uint8Array(100), 'zero'))).toMatchObject({
      syscall: 'bpf_object_open',
      log: expect.stringContaining('libbpf') as string,
    })
    expect(failure(() => new BpfObject(new Uint8Array(0), 'empty')).code).toBe('EARG')
    expect(failure(() => new BpfObject(elf.subarray(0, 2000), 'cut')).syscall).toBe('bpf_object_open')
    const shifted = new Uint8Array(elf.length + 1)
    shifted.set(elf, 1)
    keep(new BpfObject(shifted.subarray(1), 'odd_offset'))
  })
})

describe('test runs', () => {
  test('a packet comes back with the verdict, as the program left it', () => {
    const emit = keep(load().program('emit'))
    const packet = frame(100)
    const result = emit.testRun({ data: packet })
    expect(result.retval).toBe(XDP_TX)
    expect(result.data).toHaveLength(100)
    expect(result.data[0]).toBe(0xee)
    expect(packet[0]).toBe(0xab)
  })

  test('a packet that grew comes back whole, and fails with ENOSPC where there is no room for it', () => {
    const grow = keep(load().program('grow'))
    expect(grow.testRun({ data: frame(100) }).data).toHaveLength(140)
    expect(failure(() => grow.testRun({ data: frame(100), dataOutSize: 120 })).code).toBe('ENOSPC')
  })

  test('the context of an XDP run names the device a packet came in by', async () => {
    const object = load()
    const events: number[] = []
    keep(new RingBuffer(keep(object.map('ring')), 8, (records) => events.push(...asU32(records))))
    const ctx = new Uint8Array(24)
    new DataView(ctx.buffer).setUint32(4, 60, true)
    new DataView(ctx.buffer).setUint32(12, ifIndex('lo'), true)
    keep(object.program('emit')).testRun({ data: frame(60), ctx })
    await expect.poll(() => events).toEqual([1, 60])
  })

  test('a syscall program gives back its context and result', () => {
    const { retval, ctx, data } = keep(load().program('add')).testRun({ ctx: u32(2, 3, 0) })
    expect([retval, ...asU32(ctx)]).toEqual([5, 2, 3, 5])
    expect(data).toHaveLength(0)
  })

  test('repeated runs measure the time of one', () => {
    const { durationNs } = keep(load().program('pass')).testRun({ data: frame(), repeat: 10_000 })
    expect(durationNs).toBeGreaterThan(0)
    expect(durationNs).toBeLessThan(10_000)
  })

  test('live frames run for real, and no packet comes back', () => {
    const object = load()
    const options = { data: frame(), repeat: 64, flags: LIVE_FRAMES, batchSize: 32 }
    expect(keep(object.program('count')).testRun(options).data).toHaveLength(0)
    const hits = new BigUint64Array(keep(object.map('hits')).lookup(u32(1))!.slice().buffer)[0]
    expect(hits).toBeGreaterThanOrEqual(64n)
  })

  test('wrong options are refused', () => {
    const pass = keep(load().program('pass'))
    expect(failure(() => pass.testRun({ data: 'x' as unknown as Uint8Array })).code).toBe('EARG')
    expect(failure(() => pass.testRun({ data: frame(), repeat: -1 })).code).toBe('EARG')
    expect(failure(() => pass.testRun({ data: frame(4) })).code).toBe('EINVAL')
    pass.close()
    pass.close()
    expect(failure(() => pass.testRun({ data: frame() })).message).toBe('program pass is closed')
  })
})

describe('ring buffers', () => {
  test('records of one wake-up arrive in one call, in order', async () => {
    const object = load()
    const calls: number[][] = []
    const ring = keep(
      new RingBuffer(keep(object.map('ring')), 8, (records, count) => {
        expect(records).toHaveLength(count * 8)
        calls.push(asU32(records).filter((_, i) => i % 2 === 1))
      }),
    )
    const emit = keep(object.program('emit'))
    for (let length = 60; length < 90; length++) emit.testRun({ data: frame(length) })
    await expect.poll(() => calls.flat()).toEqual(Array.from({ length: 30 }, (_, i) => 60 + i))
    expect(calls).toHaveLength(1)
    ring.close()
    ring.close()
    expect(failure(() => ring.ref()).code).toBe('EARG')
    emit.testRun({ data: frame() })
    await sleep(20)
    expect(calls).toHaveLength(1)
  })

  test('a record of another size is skipped and counted', async () => {
    const object = load()
    const lengths: number[] = []
    const ring = keep(new RingBuffer(keep(object.map('ring')), 8, (records) => lengths.push(records.length)))
    keep(object.program('add')).testRun({ ctx: u32(99, 0, 0) })
    keep(object.program('emit')).testRun({ data: frame() })
    await expect.poll(() => lengths).toEqual([8])
    expect(ring.mismatched).toBe(1)
  })

  test('a buffer can be closed from inside its own callback', async () => {
    const object = load()
    let calls = 0
    const ring = keep(
      new RingBuffer(keep(object.map('ring')), 8, () => {
        calls++
        ring.close()
      }),
    )
    const emit = keep(object.program('emit'))
    emit.testRun({ data: frame() })
    await expect.poll(() => calls).toBe(1)
    emit.testRun({ data: frame() })
    await sleep(20)
    expect(calls).toBe(1)
  })

  test('a map that is no ring buffer and a record size of 0 are refused', () => {
    const object = load()
    const hits = keep(object.map('hits'))
    expect(failure(() => new RingBuffer(hits, 8, () => undefined))).toMatchObject({ code: 'EINVAL' })
    expect(failure(() => new RingBuffer(hits, 0, () => undefined)).code).toBe('EARG')
    expect(failure(() => new RingBuffer({} as BpfMap, 8, () => undefined)).code).toBe('EARG')
  })

  function child(body: string): { status: number | null; lines: string[] } {
    const script = `
      const { BpfObject, BpfMap, RingBuffer } = await import(${JSON.stringify(loader)})
      const { readFileSync } = await import('node:fs')
      const object = new BpfObject(readFileSync(${JSON.stringify(join(folder, 'good.o'))}), 'child')
      object.setInnerMap('outer', BpfMap.create({ name: 'i', type: 1, keySize: 4, valueSize: 8, maxEntries: 8 }))
      object.load()
      const emit = () => object.program('emit').testRun({ data: new Uint8Array(64) })
      ${body}`
    const done = spawnSync(node, ['--input-type=module', '-e', script], { encoding: 'utf8', timeout: 20_000 })
    return { status: done.status, lines: (done.stdout + done.stderr).trim().split('\n') }
  }

  test('an exception of a callback is uncaught, and the next records still arrive', () => {
    const { status, lines } = child(`
      let calls = 0
      process.on('uncaughtException', (error) => { console.log('caught ' + error.message); setTimeout(emit, 10) })
      const ring = new RingBuffer(object.map('ring'), 8, () => {
        Promise.resolve().then(() => console.log('microtask'))
        process.nextTick(() => console.log('tick'))
        if (++calls === 1) throw new Error('first')
        console.log('second')
        ring.close()
      })
      emit()`)
    expect(status).toBe(0)
    expect(lines[0]).toBe('caught first')
    expect(lines).toContain('second')
    expect(lines.slice(-2)).toEqual(['tick', 'microtask'])
  })

  test('a buffer keeps the process alive until it is unreferenced', () => {
    const { status, lines } = child(`
      const ring = new RingBuffer(object.map('ring'), 8, () => { console.log('record'); ring.unref() })
      setTimeout(emit, 100).unref()`)
    expect({ status, lines }).toEqual({ status: 0, lines: ['record'] })
  })

  test('a buffer that a worker leaves open is closed with the worker', () => {
    const { status, lines } = child(`
      const { Worker } = await import('node:worker_threads')
      const id = object.map('ring').info.id
      const worker = new Worker(\`
        import(${JSON.stringify(loader)}).then(({ BpfMap, RingBuffer }) => {
          const { parentPort } = require('node:worker_threads')
          globalThis.ring = new RingBuffer(BpfMap.openById(\${id}), 8, (_, count) => parentPort.postMessage(count))
          parentPort.postMessage('ready')
        })\`, { eval: true, execArgv: [] })
      worker.on('message', async (message) => {
        console.log(message)
        if (message === 'ready') return emit()
        console.log('exit', await worker.terminate())
      })`)
    expect({ status, lines }).toEqual({ status: 0, lines: ['ready', '1', 'exit 1'] })
  })
})

describe('links', () => {
  const ns = `/run/netns/${netns}`
  const inside = <T>(body: () => T) => inNetworkNamespace(ns, body)
  let device: number

  beforeAll(() => {
    execFileSync('ip', ['netns', 'add', netns])
    execFileSync('ip', ['-n', netns, 'link', 'add', 'x0', 'type', 'veth', 'peer', 'name', 'x1'])
    for (const name of ['x0', 'x1']) execFileSync('ip', ['-n', netns, 'link', 'set', name, 'up'])
    device = inside(() => ifIndex('x0'))
  })
  afterAll(() => {
    execFileSync('ip', ['netns', 'del', netns])
  })

  const attached = () =>
    (
      JSON.parse(execFileSync('ip', ['-n', netns, '-j', 'link', 'show', 'x0'], { encoding: 'utf8' })) as {
        xdp?: { mode: number; prog: { id: number } }
      }[]
    )[0]!.xdp

  test('a device belongs to the namespace it was looked up in', () => {
    expect(failure(() => ifIndex('x0')).code).toBe('ENODEV')
  })

  test('a native attachment shows the program on the device until the link is closed', async () => {
    const program = keep(load().program('pass'))
    const link = keep(inside(() => program.attachXdp(device, 'native')))
    expect(attached()).toMatchObject({ mode: 1, prog: { id: program.info.id } })
    expect(link.info).toMatchObject({ ifindex: device, programId: program.info.id })
    link.close()
    link.close()
    expect(failure(() => link.info)).toMatchObject({ code: 'EARG', message: 'link is closed' })
    await expect.poll(attached).toBeUndefined()
  })

  test('a generic attachment runs in generic mode', async () => {
    const link = keep(inside(() => keep(load().program('pass')).attachXdp(device, 'generic')))
    expect(attached()?.mode).toBe(2)
    link.close()
    await expect.poll(attached).toBeUndefined()
  })

  test('update replaces the program in place, also through a pin', async () => {
    const object = load()
    const first = keep(object.program('pass'))
    const second = keep(object.program('count'))
    const link = keep(inside(() => first.attachXdp(device, 'native')))
    link.pin(`${pin}-link`)
    link.close()
    const again = keep(BpfLink.openPinned(`${pin}-link`))
    expect(again.info.programId).toBe(first.info.id)
    again.update(second)
    expect(attached()?.prog.id).toBe(second.info.id)
    expect(failure(() => again.update({} as BpfProgram)).code).toBe('EARG')
    again.detach()
    expect(attached()).toBeUndefined()
    expect(again.info.ifindex).toBe(0)
  })

  test('a device that does not exist or is taken is refused with the reason', () => {
    const program = keep(load().program('pass'))
    expect(failure(() => inside(() => program.attachXdp(99999, 'native'))).code).toMatch(/ENODEV|EINVAL/)
    expect(failure(() => inside(() => program.attachXdp(device, 'fast' as 'native'))).code).toBe('EARG')
    keep(inside(() => program.attachXdp(device, 'native')))
    expect(failure(() => inside(() => program.attachXdp(device, 'native')))).toMatchObject({
      code: 'EBUSY',
      syscall: 'xdp_attach',
    })
  })

  test('a pin of another kind is refused', () => {
    const program = keep(load().program('pass'))
    program.pin(pin)
    expect(keep(BpfProgram.openPinned(pin)).info).toEqual(program.info)
    expect(keep(BpfProgram.openById(program.info.id)).info.tag).toMatch(/^[0-9a-f]{16}$/)
    expect(program.info.loadedAtNs).toBeGreaterThan(0n)
    expect(failure(() => BpfMap.openPinned(pin))).toMatchObject({ code: 'EINVAL', syscall: 'bpf_obj_get' })
    expect(failure(() => BpfLink.openPinned(pin)).code).toBe('EINVAL')
  })
})
