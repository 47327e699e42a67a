// What taking expired flows away costs those who wait for it.
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { decodeOne, encodeOne } from '../../../src/dataplane/codec.ts'
import { expireArgsCodec } from '../../../src/dataplane/generated/layouts.ts'
import { instanceFolder } from '../../../src/kernel/pins.ts'
import { BpfProgram } from '../../../src/native/load-native.ts'
import type { Bench, Case } from '../bench.ts'
import { FLOWS_PER_HOST, timeQuantile } from '../flows.ts'
import type { Rig } from '../rig.ts'
import { withRigs } from '../rig.ts'
import type { Row } from '../rows.ts'
import { row } from '../rows.ts'
import { TARGETS } from '../targets.ts'
import { undisturbed } from '../traffic.ts'

/** Slots a step of the expiry visits: EXPIRY_STEPS of bpf/expiry.h. */
const STEPS = 256
/** Interfaces whose flows are a million. */
const HOSTS = 1024
/** Seconds: expired flows are to be there within the time of a bench. */
const UDP_TIMEOUT = 8

export const expiry: Case = {
  name: 'expiry',
  title: 'Expiry',
  quick: false,
  async run(bench) {
    const rows: Row[] = []
    for (const millions of bench.scale.maxFlows < 4_000_000 ? [1] : [1, 4]) {
      const options = { hosts: HOSTS * millions, maxFlows: 0, config: { timers: { udp: UDP_TIMEOUT } } }
      const measured = await withRigs(bench.cpu, ['natgw'], options, async ([rig]) =>
        rig === undefined ? [] : measure(bench, rig, millions),
      )
      rows.push(...measured)
    }
    return rows
  },
}

async function measure(bench: Bench, rig: Rig, millions: number): Promise<Row[]> {
  const slots = millions * HOSTS * FLOWS_PER_HOST
  const program = BpfProgram.openPinned(join(instanceFolder(rig.lab.instance), 'programs', 'nat_expire'))
  const alive: number[] = []
  const dead: number[] = []
  const p99: { quiet: number[]; expiring: number[] } = { quiet: [], expiring: [] }
  const plan = { flows: slots }
  try {
    for (let repetition = 0; repetition < bench.scale.repetitions; repetition++) {
      bench.say(`${repetition + 1}/${bench.scale.repetitions} ${millions}M slots alive`)
      p99.quiet.push(busyFlow(rig))
      rig.traffic.send(plan, slots)
      alive.push(longestStop(program))
      bench.say(`${repetition + 1}/${bench.scale.repetitions} ${millions}M slots expiring`)
      rig.traffic.send(plan, slots)
      await delay((UDP_TIMEOUT + 1) * 1000)
      dead.push(longestStop(program))
      rig.traffic.send(plan, slots)
      await delay((UDP_TIMEOUT + 1) * 1000)
      p99.expiring.push(busyFlow(rig))
      await delay(2000)
    }
  } finally {
    program.close()
  }
  const note = 'the kernel’s own expiry takes a part of them meanwhile'
  return [
    row(
      `expiry of ${millions}M slots: longest single stop`,
      'µs',
      alive.map((stop, index) => Math.max(stop, dead[index] ?? stop)),
      millions === 1 ? TARGETS.expiryStop : undefined,
    ),
    row(`expiry of ${millions}M slots alive: longest step of 256`, 'µs', alive),
    row(`expiry of ${millions}M slots expired: longest step of 256`, 'µs', dead, undefined, note),
    row(`64 packets of one flow, p99, before ${millions}M flows`, 'µs', p99.quiet),
    row(`64 packets of one flow, p99, while ${millions}M flows are expired`, 'µs', p99.expiring),
  ]
}

/** A whole pass in steps. @returns microseconds of the longest */
function longestStop(program: BpfProgram): number {
  const step = (): { passes: number; microseconds: number } => {
    const ctx = encodeOne(expireArgsCodec, { steps: STEPS, visited: 0, freed: 0, passes: 0 })
    const begin = process.hrtime.bigint()
    const result = program.testRun({ ctx })
    return {
      microseconds: Number(process.hrtime.bigint() - begin) / 1000,
      passes: decodeOne(expireArgsCodec, result.ctx).passes,
    }
  }
  return undisturbed(() => {
    const { passes } = step()
    let longest = 0
    // The rest of the pass that was under way, then a whole one.
    for (let at = step(); at.passes < passes + 2; at = step()) longest = Math.max(longest, at.microseconds)
    return longest
  })
}

/** Packets of one established flow as fast as they go. @returns microseconds within which 99 % of batches were through */
function busyFlow({ traffic }: Rig): number {
  traffic.takeBatchTimes()
  traffic.send({ flows: 1 }, 1_000_000)
  return timeQuantile(traffic.takeBatchTimes(), 0.99)
}
