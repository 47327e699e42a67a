// npm run profile:bpf: nanoseconds per stage of an established packet outwards, by BPF_PROG_TEST_RUN.
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Lab } from '../../scripts/lab/lab.ts'
import { maps as layouts } from '../../src/dataplane/generated/layouts.ts'
import { instanceFolder } from '../../src/kernel/pins.ts'
import { BpfMap, BpfObject } from '../../src/native/load-native.ts'
import { DirectCalls } from './direct.ts'
import { hostsOf } from './flows.ts'
import { withRigs } from './rig.ts'
import { summarise } from './rows.ts'
import { BENCH_OBJECTS } from './traffic.ts'

/** Stages of bpf/bench/stages.bpf.c, from making the packet only to the whole translation. */
const STAGES = [
  'packet made (bench)',
  'parse',
  'device',
  'slice of the source',
  'slot',
  'session, filter',
  'next hop, timers, counts of the session',
  'addresses, ports, checksums',
  'MACs, counters, redirect',
]

const { values: options } = parseArgs({
  options: {
    flows: { type: 'string', multiple: true, default: ['1', '1000', '100000', '1000000'] },
    repetitions: { type: 'string', default: '7' },
    packets: { type: 'string', default: '1000000' },
    cpu: { type: 'string', default: String(cpus().length - 1) },
  },
})

async function main(): Promise<void> {
  const sizes = options.flows.map(Number)
  const hosts = hostsOf({ flows: Math.max(...sizes) })
  await withRigs(Number(options.cpu), ['natgw'], { hosts, maxFlows: 0 }, ([rig]) => {
    if (rig === undefined) return
    for (const flows of sizes) {
      const plan = { flows }
      rig.traffic.send(plan, Math.max(flows, 2048))
      profile(rig.lab, flows)
    }
  })
}

function profile(lab: Lab, flows: number): void {
  const object = loadStages(lab.instance)
  const whole = DirectCalls.ofGateway(lab)
  const programs = STAGES.map((_, number) => object.program(`bench_stage_${number}`))
  const samples = STAGES.map((): number[] => [])
  const wholes: number[] = []
  try {
    for (let repetition = 0; repetition < Number(options.repetitions); repetition++) {
      for (const [number, program] of programs.entries()) {
        whole.beginIn(object, { flows })
        samples[number]?.push(whole.time(program, Number(options.packets)))
      }
      whole.begin({ flows })
      wholes.push(whole.run(Number(options.packets)))
    }
  } finally {
    whole.close()
    object.close()
  }
  print(flows, samples, wholes)
}

function print(flows: number, samples: readonly number[][], wholes: readonly number[]): void {
  // The minimum of several runs: a virtual CPU that shares its core runs at one of two speeds, and differences of
  // medians may mix them.
  const least = samples.map((each) => summarise(each).min)
  console.log(
    `\n${flows.toLocaleString('en')} flow${flows === 1 ? '' : 's'}, nanoseconds a packet (least of ${wholes.length} runs)`,
  )
  for (const [number, name] of STAGES.entries()) {
    const own = (least[number] ?? 0) - (least[number - 1] ?? 0)
    console.log(`  ${name.padEnd(42)} ${own.toFixed(0).padStart(5)}`)
  }
  const sum = (least.at(-1) ?? 0) - (least[0] ?? 0)
  const { value, min, max } = summarise(wholes)
  console.log(`  ${'sum without the bench'.padEnd(42)} ${sum.toFixed(0).padStart(5)}`)
  console.log(
    `  ${'nat_from_private itself'.padEnd(42)} ${min.toFixed(0).padStart(5)}   (median ${value}, most ${max})`,
  )
}

/** On the maps of the gateway that runs in the lab. */
function loadStages(instance: string): BpfObject {
  const object = new BpfObject(readFileSync(join(BENCH_OBJECTS, 'stages.bpf.o')), 'bench_stages')
  const reused: BpfMap[] = []
  for (const { name } of Object.values(layouts)) {
    const map = BpfMap.openPinned(join(instanceFolder(instance), 'maps', name))
    object.reuseMap(name, map)
    reused.push(map)
  }
  for (const name of object.programNames) if (!name.startsWith('bench_')) object.skipProgram(name)
  object.setMaxEntries('seen', 1)
  object.load()
  for (const map of reused) map.close()
  return object
}

await main()
