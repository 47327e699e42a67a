// Two generators, two queues, two CPUs. Rates of a virtual machine's CPUs together vary: compare with the rows beside.
import { cpus } from 'node:os'
import type { Bench, Case } from '../bench.ts'
import type { Kind, Rig } from '../rig.ts'
import { withRigs } from '../rig.ts'
import type { Row } from '../rows.ts'
import { ratios, row } from '../rows.ts'

const KINDS: readonly Kind[] = ['natgw', 'nft', 'forward']
const CPUS = [0, 1]
const LABELS: Record<string, string> = { natgw: 'this gateway', nft: 'nftables masquerade', forward: 'XDP forwarding' }

export const twoCpus: Case = {
  name: 'two-cpus',
  title: 'Two CPUs',
  quick: false,
  async run(bench) {
    const name = 'packets/s on two CPUs vs one: 64 B, out, 100k flows'
    if (cpus().length < 2) return [row(name, '×', [], undefined, 'this machine has one CPU')]
    return withRigs(bench.cpu, KINDS, { hosts: 98, maxFlows: 0, queues: CPUS.length }, (rigs) =>
      measure(bench, rigs, name),
    )
  },
}

async function measure(bench: Bench, rigs: readonly Rig[], name: string): Promise<Row[]> {
  const plan = { flows: 100_000 }
  const one = new Map<Kind, number[]>(KINDS.map((kind) => [kind, []]))
  const two = new Map<Kind, number[]>(KINDS.map((kind) => [kind, []]))
  for (let repetition = 0; repetition < bench.scale.repetitions; repetition++) {
    bench.say(`${repetition + 1}/${bench.scale.repetitions}`)
    for (const { kind, traffic } of rigs) {
      traffic.establish(plan)
      const alone = await traffic.sendOn([bench.cpu], plan, bench.scale.packets)
      const both = await traffic.sendOn(CPUS, plan, bench.scale.packets)
      one.get(kind)?.push(alone.rate / 1e6)
      two.get(kind)?.push(both.rate / 1e6)
    }
  }
  const of = (samples: Map<Kind, number[]>, kind: Kind): number[] => samples.get(kind) ?? []
  return KINDS.flatMap((kind) => [
    row(`${LABELS[kind]}: ${name}`, '×', ratios(of(two, kind), of(one, kind))),
    row(`${LABELS[kind]}: two CPUs, 64 B, out, 100k flows`, 'Mpps', of(two, kind)),
  ])
}
