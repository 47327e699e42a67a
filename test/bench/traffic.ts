// Generator and sinks of one lab: packets in at one end, counted at the other.
import { readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import { BpfObject, ifIndex, inNetworkNamespace } from '../../src/native/load-native.ts'
import type { BpfLink, BpfMap, BpfProgram } from '../../src/native/load-native.ts'
import type { Namespace } from '../../scripts/lab/namespace.ts'
import { decodeBatchTimes, decodeProgress, decodeReceived, encodeProgress, encodeSink, encodeTraffic, longestFrame } from './flows.ts'
import type { BatchTimes, FlowPlan, Wire } from './flows.ts'

export const BENCH_OBJECTS = join(import.meta.dirname, '../../build/bpf/bench')
const LIVE_FRAMES = 2
/** Frames that leave before the receiver has its turn; its ring holds 256. */
const BATCH = 64
const ANSWERS = { out: false, in: true } as const
const MOST_IMPORTANT = -20
const OUTSIDE = 0
const INSIDE = 1

export type Direction = keyof typeof ANSWERS

/** What one run of the generator came to. */
export interface Flow {
  sent: number
  /** Arrived at the other end translated, and otherwise. */
  translated: number
  other: number
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
  readonly #maps: Record<'traffic' | 'progress' | 'sinks' | 'received' | 'recorded' | 'batch_times', BpfMap>
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
    }
    this.#generate = this.#object.program('bench_generate')
    this.#record(false)
    this.#maps.sinks.update(keyOf(INSIDE), encodeSink({ ...translated.in, destination: true, record: false }))
    this.#attach(ends.in, 'bench_sink_outside')
    this.#attach(ends.out, 'bench_sink_inside')
  }

  /** Sends `packets` on the calling thread's CPU. @param from first flow */
  send(plan: FlowPlan, packets: number, direction: Direction = 'out', from = 0): Flow {
    const { host, wire } = this.#ends[direction]
    const sink = direction === 'out' ? OUTSIDE : INSIDE
    this.#maps.traffic.update(keyOf(0), encodeTraffic(plan, wire, ANSWERS[direction]))
    this.#maps.progress.update(keyOf(0), encodeProgress(from, this.#maps.progress.userValueSize))
    const before = this.#received(sink)
    inNetworkNamespace(host.path, () => {
      const data = new Uint8Array(longestFrame(plan))
      undisturbed(() => this.#generate.testRun({ data, repeat: packets, flags: LIVE_FRAMES, batchSize: BATCH }))
    })
    const after = this.#received(sink)
    const busy = decodeProgress(this.#read('progress', 0)).filter(({ timed }) => timed > 0)
    const sent = busy.reduce((sum, cpu) => sum + cpu.sent, 0)
    const nanoseconds =
      busy.reduce((sum, cpu) => sum + cpu.nanoseconds, 0) / busy.reduce((sum, cpu) => sum + cpu.timed, 0)
    const translated = after.translated - before.translated
    return {
      sent,
      translated,
      other: after.other - before.other,
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
    this.#record(true)
    const { translated } = this.send({ ...plan, frames: 'small' }, Math.max(plan.flows, 2048))
    this.#record(false)
    return Math.min(translated, plan.flows)
  }

  /** How long batches of 64 packets took since the last call, in microseconds, from the shortest. */
  takeBatchTimes(): BatchTimes {
    const { keys, values, count } = this.#maps.batch_times.entries()
    this.#maps.batch_times.updateBatch(keys, new Uint8Array(values.length))
    return decodeBatchTimes(values, count)
  }

  close(): void {
    for (const link of this.#links) link.close()
    this.#object.close()
  }

  #record(record: boolean): void {
    this.#maps.sinks.update(keyOf(OUTSIDE), encodeSink({ ...this.#translated.out, destination: false, record }))
  }

  #received(sink: number): { translated: number; other: number } {
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

/** With precedence over what else runs on the machine; what `body` calls must not start programs. */
export function undisturbed<T>(body: () => T): T {
  setPriority(MOST_IMPORTANT)
  try {
    return body()
  } finally {
    setPriority(0)
  }
}

/** A loaded object of bpf/bench. @param sizes entries of maps that are not to be as the object says */
export function loadBench(name: string, sizes: Record<string, number> = {}): BpfObject {
  const object = new BpfObject(readFileSync(join(BENCH_OBJECTS, `${name}.bpf.o`)), `bench_${name}`)
  for (const [map, entries] of Object.entries(sizes)) object.setMaxEntries(map, entries)
  object.load()
  return object
}

export function keyOf(index: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(index).buffer)
}
