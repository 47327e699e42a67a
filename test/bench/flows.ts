// The plan of the generator, and its bytes (bpf/bench/traffic.h). Pure.
import { parseIpv4 } from '../../src/net/ipv4.ts'

/** Frames in bytes without the four of the frame check sequence, as XDP sees them. */
export const FRAMES = {
  small: [60],
  /** The simple IMIX: 7 of 64 bytes, 4 of 594, 1 of 1,518, spread over the twelve. */
  imix: [60, 590, 60, 60, 590, 60, 1514, 60, 590, 60, 590, 60],
  large: [1514],
} as const
export type FrameMix = keyof typeof FRAMES

/** Half of a slice of 2,048 ports in use. */
export const FLOWS_PER_HOST = 1024
/** Hosts are numbered from here; the route to all of them goes by the lab's machine m1. */
export const FIRST_HOST = parseIpv4('10.64.0.0')
export const HOSTS_PREFIX = '10.64.0.0/10'
export const FIRST_REMOTE = parseIpv4('203.0.113.96')
export const REMOTES = 16
export const REMOTE_PORT = 4433

export interface FlowPlan {
  flows: number
  /** Default: FLOWS_PER_HOST. */
  flowsPerHost?: number
  /** Default: small. */
  frames?: FrameMix
  /** Default: UDP. */
  tcpFlags?: number
  /** Other source ports of the same hosts. */
  portShift?: number
  /** One packet in so many is the SYN of a new flow, of this host (number). */
  flood?: { every: number; host: number }
  /** Pauses as long as it sends; packets carry the time at which they left. */
  halfLoad?: boolean
  /** One flow after the other. By default flows are strided, so that neither slices nor slots come in the order of memory. */
  inOrder?: boolean
}

export interface Wire {
  ifindex: number
  destinationMac: Uint8Array
  sourceMac: Uint8Array
}

export function hostsOf({ flows, flowsPerHost = FLOWS_PER_HOST }: FlowPlan): number {
  return Math.ceil(flows / flowsPerHost)
}

export function longestFrame({ frames = 'small' }: FlowPlan): number {
  return Math.max(...FRAMES[frames])
}

/** struct traffic. @param answers from the remotes, to the packets that the sink recorded */
export function encodeTraffic(plan: FlowPlan, wire: Wire, answers: boolean): Uint8Array {
  const bytes = new Uint8Array(104)
  const view = new DataView(bytes.buffer)
  const lengths = FRAMES[plan.frames ?? 'small']
  const words = [
    plan.flows,
    plan.flowsPerHost ?? FLOWS_PER_HOST,
    plan.inOrder === true ? 1 : strideFor(plan.flows),
    FIRST_HOST,
    FIRST_REMOTE,
    REMOTES,
    wire.ifindex,
  ]
  for (const [index, word] of words.entries()) view.setUint32(index * 4, word, true)
  view.setUint16(28, REMOTE_PORT, true)
  view.setUint8(30, plan.tcpFlags === undefined ? 17 : 6)
  view.setUint8(31, plan.tcpFlags ?? 0)
  bytes.set(wire.destinationMac, 32)
  bytes.set(wire.sourceMac, 38)
  view.setUint32(44, answers ? 1 : 0, true)
  view.setUint32(48, plan.portShift ?? 0, true)
  view.setUint32(52, plan.flood?.every ?? 0, true)
  view.setUint32(56, FIRST_HOST + (plan.flood?.host ?? 0), true)
  view.setUint32(60, plan.halfLoad === true ? 1 : 0, true)
  view.setUint32(64, Math.max(...lengths), true)
  view.setUint32(68, lengths.length === 1 ? 0 : lengths.length, true)
  for (const [index, length] of lengths.entries()) view.setUint16(72 + index * 2, length, true)
  return bytes
}

/** A step through `flows` that visits each once a round and never a near neighbour next: the golden section, coprime. */
export function strideFor(flows: number): number {
  let step = Math.max(1, Math.round(flows * 0.618034) % flows)
  while (greatestCommonDivisor(step, flows) !== 1) step++
  return step
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

export interface SinkPlan {
  /** Prefix of the translated address. */
  network: number
  mask: number
  destination: boolean
  /** Record what arrives in the map `seen`. */
  record: boolean
  /** Packets carry the time at which they left. */
  timed: boolean
}

/** struct sink_settings. */
export function encodeSink({ network, mask, destination, record, timed }: SinkPlan): Uint8Array {
  const bytes = new Uint8Array(20)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, network)
  view.setUint32(4, mask)
  view.setUint32(8, record ? FIRST_REMOTE : 0, true)
  view.setUint32(12, destination ? 1 : 0, true)
  view.setUint32(16, timed ? 1 : 0, true)
  return bytes
}

export interface Progress {
  sent: number
  /** Time between the first packet and the last that looked at the clock, and the number of packets between them. */
  nanoseconds: number
  timed: number
  /** SYNs of the flood among them. */
  flooded: number
}

/** Bytes of struct progress. */
const PROGRESS = 48

/** struct progress of every CPU, nothing sent yet. @param from flow of the first packet @param size bytes of all CPUs */
export function encodeProgress(from: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  for (let at = 32; at < size; at += PROGRESS) view.setBigUint64(at, BigInt(from), true)
  return bytes
}

/** struct progress of every CPU, as the map gives it. */
export function decodeProgress(bytes: Uint8Array): Progress[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const word = (at: number): number => Number(view.getBigUint64(at, true))
  return Array.from({ length: bytes.length / PROGRESS }, (_, cpu) => ({
    sent: word(cpu * PROGRESS),
    nanoseconds: word(cpu * PROGRESS + 16) - word(cpu * PROGRESS + 8),
    timed: word(cpu * PROGRESS + 24),
    flooded: word(cpu * PROGRESS + 40),
  }))
}

export interface Received {
  translated: number
  /** IPv4, but not from (or to) where translated packets are. */
  other: number
}

/** Sums of struct received over the CPUs. */
export function decodeReceived(bytes: Uint8Array): Received {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const sums = { translated: 0, other: 0 }
  for (let at = 0; at < bytes.length; at += 16) {
    sums.translated += Number(view.getBigUint64(at, true))
    sums.other += Number(view.getBigUint64(at + 8, true))
  }
  return sums
}

/** Nanoseconds, TIME_BUCKET_NS. */
const BUCKET = 512

/** How often something took `microseconds`. */
export type Times = { microseconds: number; count: number }[]

/** @param buckets in `values`, each a u64 of every CPU */
export function decodeTimes(values: Uint8Array, buckets: number): Times {
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength)
  const stride = values.length / buckets
  return Array.from({ length: buckets }, (_, bucket) => {
    let count = 0
    for (let at = bucket * stride; at < (bucket + 1) * stride; at += 8) count += Number(view.getBigUint64(at, true))
    return { microseconds: ((bucket + 0.5) * BUCKET) / 1000, count }
  }).filter(({ count }) => count > 0)
}

/** The time that this share of the packets did not exceed. */
export function timeQuantile(times: Times, share: number): number {
  const all = times.reduce((sum, { count }) => sum + count, 0)
  let seen = 0
  for (const { microseconds, count } of times) {
    seen += count
    if (seen >= share * all) return microseconds
  }
  return NaN
}
