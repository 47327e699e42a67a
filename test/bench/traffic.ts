// Generator and sinks of one lab: packets in at one end, counted at the other.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Namespace } from '../../scripts/lab/namespace.ts'
import type { BpfLink, BpfMap, BpfProgram } from '../../src/native/load-native.ts'
import { BpfObject, ifIndex, inNetworkNamespace } from '../../src/native/load-native.ts'
import type { FlowPlan, Progress, Received, Times, Wire } from './flows.ts'
import {
  decodeProgress,
  decodeReceived,
  decodeTimes,
  encodeProgress,
  encodeSink,
  encodeTraffic,
  longestFrame,
} from './flows.ts'
import type { SenderOrder } from './workers/sender.ts'

export const BENCH_OBJECTS = join(import.meta.dirname, '../../build/bpf/bench')
const LIVE_FRAMES = 2
/** Frames that leave before the receiver has its turn; its ring holds 256. */
const BATCH = 64
const ANSWERS = { out: false, in: true } as const
const MOST_IMPORTANT = -20
const OUTSIDE = 0
const INSIDE = 1
const SINKS = { out: OUTSIDE, in: INSIDE } as const

export type Direction = keyof typeof ANSWERS

/** The result of one run of the generator. */
export interface Flow {
  sent: number
  /** Packets that arrived at the other end translated, and others. */
  translated: number
  other: number
  /** SYNs of the plan's flood among what was sent. */
  flooded: number
  /** Nanoseconds per packet sent. */
  nanoseconds: number
  /** Packets per second that arrived translated. */
  rate: number
}

export interface Prefix {
  network: number
  mask: number
}

export interface End {
  host: Namespace
  wire: Wire
}

export class Traffic {
  readonly #object: BpfObject
  readonly #maps: Record<
    'traffic' | 'progress' | 'sinks' | 'received' | 'recorded' | 'batch_times' | 'latencies',
    BpfMap
  >
  readonly #generate: BpfProgram
  readonly #ends: Record<Direction, End>
  readonly #links: BpfLink[] = []
  readonly #translated: Record<Direction, Prefix>

  /**
   * @param ends where packets of a direction are sent
   * @param translated by what a translated packet of each direction is known: its source outwards, its destination inwards
   * @param maxFlows that can be answered
   */
  constructor(ends: Record<Direction, End>, translated: Record<Direction, Prefix>, maxFlows: number) {
    this.#ends = ends
    this.#translated = translated
    this.#object = loadBench('traffic', { seen: Math.max(maxFlows, 1) })
    const map = (name: string): BpfMap => this.#object.map(name)
    this.#maps = {
      traffic: map('traffic'),
      progress: map('progress'),
      sinks: map('sinks'),
      received: map('received'),
      recorded: map('recorded'),
      batch_times: map('batch_times'),
      latencies: map('latencies'),
    }
    this.#generate = this.#object.program('bench_generate')
    this.#attach(ends.in, 'bench_sink_outside')
    this.#attach(ends.out, 'bench_sink_inside')
  }

  /** Sends `packets` on the calling thread's CPU. @param from first flow */
  send(plan: FlowPlan, packets: number, direction: Direction = 'out', from = 0): Flow {
    return this.#send(plan, packets, direction, from, false)
  }

  /** Sends `packets` outwards on each of these CPUs at once. */
  async sendOn(cpus: readonly number[], plan: FlowPlan, packets: number): Promise<Flow> {
    const { host } = this.#ends.out
    const before = this.#begin(plan, 'out', 0, false)
    const ready = new Int32Array(new SharedArrayBuffer(4))
    const order = { programId: this.#generate.info.id, namespace: host.path, packets, frame: longestFrame(plan) }
    await Promise.all(
      cpus.map(async (cpu) => {
        const all: SenderOrder = { ...order, cpu, flags: LIVE_FRAMES, batchSize: BATCH, ready, senders: cpus.length }
        await once(new Worker(new URL('workers/sender.ts', import.meta.url), { workerData: all }), 'exit')
      }),
    )
    return this.#result(before, 'out')
  }

  #send(plan: FlowPlan, packets: number, direction: Direction, from: number, record: boolean): Flow {
    const before = this.#begin(plan, direction, from, record)
    inNetworkNamespace(this.#ends[direction].host.path, () => {
      const data = new Uint8Array(longestFrame(plan))
      undisturbed(() => this.#generate.testRun({ data, repeat: packets, flags: LIVE_FRAMES, batchSize: BATCH }))
    })
    return this.#result(before, direction)
  }

  /** @returns what the sink has counted so far */
  #begin(plan: FlowPlan, direction: Direction, from: number, record: boolean): Received {
    const { traffic, progress } = this.#maps
    this.#setSinks(record, plan.halfLoad === true)
    traffic.update(keyOf(0), encodeTraffic(plan, this.#ends[direction].wire, ANSWERS[direction]))
    progress.update(keyOf(0), encodeProgress(from, progress.userValueSize))
    return this.#received(SINKS[direction])
  }

  #result(before: Received, direction: Direction): Flow {
    const after = this.#received(SINKS[direction])
    const busy = decodeProgress(this.#read('progress', 0)).filter(({ timed }) => timed > 0)
    const sum = (of: (cpu: Progress) => number): number => busy.reduce((total, cpu) => total + of(cpu), 0)
    const sent = sum((cpu) => cpu.sent)
    const translated = after.translated - before.translated
    // CPUs send at the same time: their rates add up.
    const nanoseconds = 1 / sum((cpu) => cpu.timed / cpu.nanoseconds)
    return {
      sent,
      translated,
      other: after.other - before.other,
      flooded: sum((cpu) => cpu.flooded),
      nanoseconds,
      rate: ((translated / sent) * 1e9) / nanoseconds,
    }
  }

  /**
   * Sends each flow once outwards and records how it arrived, so that answers can be sent to it.
   * @returns flows that arrived translated
   */
  establish(plan: FlowPlan): number {
    this.#maps.recorded.update(keyOf(0), keyOf(0))
    const { translated } = this.#send({ ...plan, frames: 'small' }, Math.max(plan.flows, 2048), 'out', 0, true)
    return Math.min(translated, plan.flows)
  }

  /** How long batches of 64 packets took since the last call. */
  takeBatchTimes(): Times {
    return takeTimes(this.#maps.batch_times)
  }

  /** How long packets of plans with `halfLoad` were under way since the last call. */
  takeLatencies(): Times {
    return takeTimes(this.#maps.latencies)
  }

  close(): void {
    for (const link of this.#links) link.close()
    this.#object.close()
  }

  #setSinks(record: boolean, timed: boolean): void {
    const { out, in: inside } = this.#translated
    this.#maps.sinks.update(keyOf(OUTSIDE), encodeSink({ ...out, destination: false, record, timed }))
    this.#maps.sinks.update(keyOf(INSIDE), encodeSink({ ...inside, destination: true, record: false, timed }))
  }

  #received(sink: number): Received {
    return decodeReceived(this.#read('received', sink))
  }

  #read(map: 'progress' | 'received', key: number): Uint8Array {
    return this.#maps[map].lookup(keyOf(key)) ?? new Uint8Array()
  }

  #attach({ host }: End, program: string): void {
    const link = inNetworkNamespace(host.path, () => this.#object.program(program).attachXdp(ifIndex('eth0'), 'native'))
    this.#links.push(link)
  }
}

/** With priority over everything else on the machine; `body` must not start programs. */
export function undisturbed<T>(body: () => T): T {
  setPriority(MOST_IMPORTANT)
  try {
    return body()
  } finally {
    setPriority(0)
  }
}

/** A loaded object of bpf/bench. @param sizes entries of maps, where they differ from the object */
export function loadBench(name: string, sizes: Record<string, number> = {}): BpfObject {
  const object = new BpfObject(readFileSync(join(BENCH_OBJECTS, `${name}.bpf.o`)), `bench_${name}`)
  for (const [map, entries] of Object.entries(sizes)) object.setMaxEntries(map, entries)
  object.load()
  return object
}

export function keyOf(index: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(index).buffer)
}

function takeTimes(map: BpfMap): Times {
  const { keys, values, count } = map.entries()
  map.updateBatch(keys, new Uint8Array(values.length))
  return decodeTimes(values, count)
}
