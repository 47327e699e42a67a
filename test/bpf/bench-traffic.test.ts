import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BpfObject } from '../../src/native/load-native.ts'
import { setAffinity } from '../../src/native/load-native.ts'
import { formatIpv4, parseIpv4 } from '../../src/net/ipv4.ts'
import type { FlowPlan } from '../bench/flows.ts'
import {
  decodeProgress,
  decodeReceived,
  encodeProgress,
  encodeSink,
  encodeTraffic,
  FIRST_HOST,
  FRAMES,
  longestFrame,
} from '../bench/flows.ts'
import { keyOf, loadBench } from '../bench/traffic.ts'
import type { Read } from '../support/packet.ts'
import { frame, read, TCP, udp } from '../support/packet.ts'

const WIRE = {
  ifindex: 1,
  destinationMac: new Uint8Array([2, 0, 0, 0, 0, 1]),
  sourceMac: new Uint8Array([2, 0, 0, 0, 0, 2]),
}
const XDP_DROP = 1
const XDP_PASS = 2

let object: BpfObject
beforeAll(() => {
  // The generator counts by CPU.
  setAffinity(0)
  object = loadBench('traffic', { seen: 1024 })
})
afterAll(() => {
  object.close()
})

/** The next packets of a plan, as the generator makes them. */
function packets(
  plan: FlowPlan,
  count: number,
  { answers = false, from = 0 } = {},
): { frames: Uint8Array[]; reads: Read[] } {
  const program = object.program('bench_generate')
  const progress = object.map('progress')
  object.map('traffic').update(keyOf(0), encodeTraffic(plan, WIRE, answers))
  progress.update(keyOf(0), encodeProgress(from, progress.userValueSize))
  const frames = Array.from({ length: count }, () => program.testRun({ data: new Uint8Array(longestFrame(plan)) }).data)
  return { frames, reads: frames.map(read) }
}

const flowOf = ({ from, to, sourcePort, destinationPort }: Read): string =>
  `${from}:${sourcePort} ${to}:${destinationPort}`

describe('the generator of the bench', () => {
  test('sends each flow once before it sends one again', () => {
    const { reads } = packets({ flows: 300, flowsPerHost: 7 }, 600)
    const flows = reads.map(flowOf)
    expect(new Set(flows.slice(0, 300)).size).toBe(300)
    expect(flows.slice(300)).toEqual(flows.slice(0, 300))
    expect(new Set(reads.map(({ from }) => from)).size).toBe(Math.ceil(300 / 7))
  })

  test('writes right checksums, whatever was in the frame before', () => {
    for (const plan of [
      { flows: 50, tcpFlags: TCP.SYN },
      { flows: 50 },
      { flows: 50, frames: 'imix' },
      { flows: 50, tcpFlags: TCP.ACK, frames: 'large' },
    ] satisfies FlowPlan[]) {
      for (const { checksums } of packets(plan, 24).reads) expect(checksums).toEqual({ ip: true, layer4: true })
    }
  })

  test('sends the lengths of the simple IMIX in turns', () => {
    const lengths = packets({ flows: 5, frames: 'imix' }, 12).frames.map((each) => each.length)
    expect(lengths).toEqual([...FRAMES.imix])
  })

  test('gives every two flows different source ports or destinations, so that ports can be kept', () => {
    const plan: FlowPlan = { flows: 200_000, flowsPerHost: 1000, inOrder: true }
    const outside = [0, 64_512, 129_024].flatMap((from) =>
      packets(plan, 100, { from }).reads.map(({ to, sourcePort }) => `${to}:${sourcePort}`),
    )
    expect(new Set(outside).size).toBe(300)
  })

  test('mixes the SYNs of a flood in', () => {
    const { reads } = packets({ flows: 10, flood: { every: 2, host: 99 } }, 20)
    const syns = reads.filter(({ tcpFlags }) => tcpFlags === TCP.SYN)
    expect(syns).toHaveLength(10)
    expect(new Set(syns.map(flowOf)).size).toBe(10)
    expect(new Set(syns.map(({ from }) => from))).toEqual(new Set([formatIpv4(FIRST_HOST + 99)]))
    const [own] = decodeProgress(object.map('progress').lookup(keyOf(0))!).filter(({ sent }) => sent > 0)
    expect(own).toMatchObject({ sent: 20, flooded: 10 })
  })

  test('answers the packets that the sink recorded', () => {
    object.map('recorded').update(keyOf(0), keyOf(0))
    sink({ record: true }, frame({ from: '198.51.100.7', to: '203.0.113.98' }, udp(4711, 4433)))
    const [answer] = packets({ flows: 1 }, 1, { answers: true }).reads
    expect(flowOf(answer!)).toBe('203.0.113.98:4433 198.51.100.7:4711')
  })
})

function sink({ record = false }, data: Uint8Array): number {
  const network = parseIpv4('198.51.100.0')
  const plan = { network, mask: 0xffffff00, destination: false, record, timed: false }
  object.map('sinks').update(keyOf(0), encodeSink(plan))
  return object.program('bench_sink_outside').testRun({ data }).retval
}

describe('the sink of the bench', () => {
  const received = () => decodeReceived(object.map('received').lookup(keyOf(0))!)

  test('tells packets from a translated address and others apart', () => {
    const before = received()
    expect(sink({}, frame({ from: '198.51.100.7', to: '203.0.113.98' }, udp(1, 4433)))).toBe(XDP_DROP)
    expect(sink({}, frame({ from: '10.64.0.1', to: '203.0.113.98' }, udp(1, 4433)))).toBe(XDP_DROP)
    const after = received()
    expect(after.translated - before.translated).toBe(1)
    expect(after.other - before.other).toBe(1)
  })

  test('leaves ARP to the host', () => {
    const data = new Uint8Array(60)
    data.set([8, 6], 12)
    expect(sink({}, data)).toBe(XDP_PASS)
  })
})
