// Established flows: packets a second beside the other routers, interleaved.
import type { Bench, Case, Scale } from '../bench.ts'
import type { FlowPlan } from '../flows.ts'
import { hostsOf } from '../flows.ts'
import type { Kind, Rig } from '../rig.ts'
import { withRigs } from '../rig.ts'
import type { Row, Target } from '../rows.ts'
import { ratios, row } from '../rows.ts'
import { TARGETS } from '../targets.ts'
import type { Direction, Flow } from '../traffic.ts'

interface Scenario {
  name: string
  plan: FlowPlan
  direction: Direction
  kinds: readonly Kind[]
  versusNft?: Target
  versusForward?: Target
  full?: true
}

const ALL: readonly Kind[] = ['natgw', 'nft', 'forward', 'fib']
const WITH_LOOK: readonly Kind[] = [...ALL, 'look']
/** The kernel's conntrack table holds 262,144 flows. */
const WITHOUT_NFT: readonly Kind[] = ['natgw', 'forward', 'fib']
const LOOK_WITHOUT_NFT: readonly Kind[] = [...WITHOUT_NFT, 'look']

const SCENARIOS: Scenario[] = [
  {
    name: '64 B, out, 1 flow',
    plan: { flows: 1 },
    direction: 'out',
    kinds: WITH_LOOK,
    versusNft: TARGETS.nftOneFlow,
    versusForward: TARGETS.forwardOneFlow,
  },
  { name: '64 B, out, 1k flows', plan: { flows: 1000 }, direction: 'out', kinds: ALL, full: true },
  {
    name: '64 B, out, 100k flows',
    plan: { flows: 100_000 },
    direction: 'out',
    kinds: WITH_LOOK,
    versusNft: TARGETS.nft100k,
    versusForward: TARGETS.forward100k,
  },
  {
    name: '64 B, out, 1M flows',
    plan: { flows: 1_000_000 },
    direction: 'out',
    kinds: LOOK_WITHOUT_NFT,
    versusForward: TARGETS.forward1M,
  },
  {
    name: '64 B, out, 100k flows one host after the other',
    plan: { flows: 100_000, inOrder: true },
    direction: 'out',
    kinds: ALL,
    full: true,
  },
  {
    name: '64 B, out, 1M flows one host after the other',
    plan: { flows: 1_000_000, inOrder: true },
    direction: 'out',
    kinds: WITHOUT_NFT,
    full: true,
  },
  { name: '64 B, out, 4M flows', plan: { flows: 4_000_000 }, direction: 'out', kinds: WITHOUT_NFT, full: true },
  { name: '64 B, in, 1 flow', plan: { flows: 1 }, direction: 'in', kinds: ALL },
  { name: '64 B, in, 100k flows', plan: { flows: 100_000 }, direction: 'in', kinds: ALL },
  { name: '64 B, in, 1M flows', plan: { flows: 1_000_000 }, direction: 'in', kinds: WITHOUT_NFT, full: true },
  { name: '64 B, in, 4M flows', plan: { flows: 4_000_000 }, direction: 'in', kinds: WITHOUT_NFT, full: true },
  { name: 'IMIX, out, 100k flows', plan: { flows: 100_000, frames: 'imix' }, direction: 'out', kinds: ALL, full: true },
  { name: 'IMIX, in, 100k flows', plan: { flows: 100_000, frames: 'imix' }, direction: 'in', kinds: ALL, full: true },
  {
    name: '1,518 B, out, 100k flows',
    plan: { flows: 100_000, frames: 'large' },
    direction: 'out',
    kinds: ALL,
    full: true,
  },
]

/** A turn that lost packets is repeated: softirqs were delayed, which says nothing about the router. */
const ATTEMPTS = 3
const LOSS = 0.001

/** Per scenario and kind, a sample a repetition: million packets a second. */
type Samples = Map<Scenario, Map<Kind, number[]>>

export const established: Case = {
  name: 'established',
  title: 'Established flows',
  quick: true,
  async run(bench) {
    const scenarios = SCENARIOS.filter(
      ({ plan, full }) => plan.flows <= bench.scale.maxFlows && (full === undefined || bench.scale.name !== 'quick'),
    )
    const largest = Math.max(...scenarios.map(({ plan }) => plan.flows))
    const hosts = hostsOf({ flows: largest })
    return withRigs(bench.cpu, WITH_LOOK, { hosts, maxFlows: largest }, (rigs) => measure(bench, scenarios, rigs))
  },
}

function measure(bench: Bench, scenarios: Scenario[], rigs: readonly Rig[]): Row[] {
  const samples: Samples = new Map()
  const notes = new Map<string, string>()
  for (let repetition = 0; repetition < bench.scale.repetitions; repetition++) {
    // Scenarios of the same flows follow each other: the recorded answers belong to these flows.
    for (const scenario of scenarios) {
      const { plan, direction, kinds, name } = scenario
      bench.say(`${repetition + 1}/${bench.scale.repetitions} ${name}`)
      const taking = rigs.filter(({ kind }) => kinds.includes(kind))
      const flows = inTurns(bench.scale, taking, plan, direction)
      for (const [kind, { rate, lost }] of flows) {
        const ofKind = samples.get(scenario) ?? new Map<Kind, number[]>()
        samples.set(scenario, ofKind.set(kind, [...(ofKind.get(kind) ?? []), rate / 1e6]))
        if (lost > LOSS) notes.set(`${name} ${kind}`, `${(lost * 100).toFixed(2)} % did not arrive translated`)
      }
    }
  }
  return scenarios.flatMap((scenario) => rowsOf(scenario, samples.get(scenario) ?? new Map<Kind, number[]>(), notes))
}

/**
 * A round of short runs in turns, so that other load of the machine meets all alike.
 * @returns packets a second, and the largest share that did not arrive translated
 */
function inTurns(
  { turns, packets }: Scale,
  rigs: readonly Rig[],
  plan: FlowPlan,
  direction: Direction,
): Map<Kind, { rate: number; lost: number }> {
  const totals = new Map(rigs.map((rig) => [rig, { nanoseconds: 0, translated: 0, lost: 0 }]))
  for (const [rig, total] of totals) total.lost = 1 - rig.traffic.establish(plan) / plan.flows
  const share = Math.ceil(Math.max(packets, plan.flows) / turns)
  for (let turn = 0; turn < turns; turn++) {
    for (const [rig, total] of totals) {
      const from = Math.floor((turn / turns) * plan.flows)
      const { sent, translated, nanoseconds } = sendWhole(rig, plan, share, direction, from)
      total.nanoseconds += nanoseconds * sent
      total.translated += translated
      total.lost = Math.max(total.lost, 1 - translated / sent)
    }
  }
  return new Map(
    [...totals].map(([{ kind }, { nanoseconds, translated, lost }]) => [
      kind,
      { rate: (translated / nanoseconds) * 1e9, lost },
    ]),
  )
}

function sendWhole({ traffic }: Rig, plan: FlowPlan, packets: number, direction: Direction, from: number): Flow {
  let flow = traffic.send(plan, packets, direction, from)
  for (let attempt = 1; attempt < ATTEMPTS && flow.translated < flow.sent * (1 - LOSS); attempt++) {
    flow = traffic.send(plan, packets, direction, from)
  }
  return flow
}

const LABELS: Record<Kind, string> = {
  natgw: 'this gateway',
  nft: 'nftables masquerade',
  forward: 'XDP forwarding, static next hop',
  fib: 'XDP forwarding, fib lookup',
  look: 'XDP forwarding and 64 bytes of the flow',
}

function rowsOf(scenario: Scenario, samples: ReadonlyMap<Kind, number[]>, notes: ReadonlyMap<string, string>): Row[] {
  const { name, kinds, versusNft, versusForward } = scenario
  const of = (kind: Kind): number[] => samples.get(kind) ?? []
  const against = (kind: Kind, what: string, target?: Target): Row[] =>
    kinds.includes(kind) ? [row(`packets/s vs ${what}: ${name}`, '×', ratios(of('natgw'), of(kind)), target)] : []
  return [
    ...against('nft', 'nftables', versusNft),
    ...against('forward', 'bare XDP forwarding', versusForward),
    ...against('look', 'XDP forwarding and 64 bytes of the flow'),
    ...(kinds.includes('look')
      ? [row(`XDP forwarding and 64 bytes of the flow vs bare: ${name}`, '×', ratios(of('look'), of('forward')))]
      : []),
    ...kinds.map((kind) => row(`${LABELS[kind]}: ${name}`, 'Mpps', of(kind), undefined, notes.get(`${name} ${kind}`))),
  ]
}
