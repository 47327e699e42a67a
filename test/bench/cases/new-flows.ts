// First packets of flows: rate beside nftables, and cost while a slice fills up.
import { NatProtocol } from '../../../src/dataplane/generated/layouts.ts'
import { activeSlices } from '../../../src/kernel/readers.ts'
import type { Bench, Case } from '../bench.ts'
import { DirectCalls } from '../direct.ts'
import { FLOWS_PER_HOST } from '../flows.ts'
import { removeFlows } from '../remove-flows.ts'
import type { Rig } from '../rig.ts'
import { withRigs } from '../rig.ts'
import type { Row } from '../rows.ts'
import { ratios, row } from '../rows.ts'
import { TARGETS } from '../targets.ts'

const HOSTS = 128

export const newFlows: Case = {
  name: 'new-flows',
  title: 'New flows',
  quick: true,
  async run(bench) {
    const rates = await withRigs(bench.cpu, ['natgw', 'nft'], { hosts: HOSTS, maxFlows: 0 }, (rigs) =>
      rate(bench, rigs),
    )
    const wide = await withRigs(bench.cpu, ['natgw'], { hosts: HOSTS, maxFlows: 0 }, (rigs) =>
      filling(bench, rigs, 2048),
    )
    const narrow = await withRigs(
      bench.cpu,
      ['natgw'],
      { hosts: HOSTS * 8, maxFlows: 0, portsPerInterface: 64 },
      (rigs) => filling(bench, rigs, 64),
    )
    return [...rates, ...wide, ...narrow]
  },
}

/** Slices become half full: ports and flows of 128 interfaces, beside a conntrack table that is empty each time. */
async function rate(bench: Bench, rigs: readonly Rig[]): Promise<Row[]> {
  const plan = { flows: HOSTS * FLOWS_PER_HOST }
  const samples = new Map<Rig, number[]>(rigs.map((rig) => [rig, []]))
  let lost = 0
  for (let repetition = 0; repetition < bench.scale.repetitions; repetition++) {
    bench.say(`${repetition + 1}/${bench.scale.repetitions} rate`)
    for (const [rig, ofRig] of samples) {
      await removeFlows(rig)
      const flow = rig.traffic.send(plan, plan.flows)
      ofRig.push(flow.rate / 1e6)
      lost = Math.max(lost, 1 - flow.translated / flow.sent)
    }
  }
  const [own = [], nft = []] = [...samples.values()]
  const note = lost > 0.001 ? `${(lost * 100).toFixed(2)} % did not arrive translated` : undefined
  return [
    row('new flows/s vs nftables', '×', ratios(own, nft), TARGETS.newFlowsNft, note),
    row('this gateway: new flows', 'Mflows/s', own),
    row('nftables masquerade: new flows', 'Mflows/s', nft),
  ]
}

/** A window of new flows around each occupancy, as a share of all flows: occupancy grows during the measurement. */
const WINDOWS = [
  { name: '0 %', from: 0, to: 0.02 },
  { name: '50 %', from: 0.49, to: 0.51 },
  { name: '90 %', from: 0.89, to: 0.91 },
  { name: '95 %', from: 0.94, to: 0.96 },
  { name: '99 %', from: 0.985, to: 0.995 },
]

/** Every slice is filled from empty to its last port, all alike, by the gateway's program itself. */
async function filling(bench: Bench, [rig]: readonly Rig[], ports: number): Promise<Row[]> {
  if (rig === undefined) return []
  const hosts = ports === 64 ? HOSTS * 8 : HOSTS
  const plan = { flows: hosts * ports, flowsPerHost: ports }
  const calls = DirectCalls.ofGateway(rig.lab)
  const samples = new Map<string, number[]>()
  const add = (name: string, nanoseconds: number): void => {
    samples.set(name, [...(samples.get(name) ?? []), nanoseconds])
  }
  try {
    for (let repetition = 0; repetition < bench.scale.repetitions; repetition++) {
      bench.say(`${repetition + 1}/${bench.scale.repetitions} filling slices of ${ports}`)
      await removeFlows(rig)
      calls.begin(plan)
      let at = 0
      for (const { name, from, to } of WINDOWS) {
        calls.skip(Math.round(from * plan.flows) - at)
        at = Math.round(to * plan.flows)
        add(name, calls.run(at - Math.round(from * plan.flows)))
      }
      calls.skip(plan.flows - at)
      const others = { ...plan, portShift: 32_256 }
      calls.begin({ ...others, flows: ports })
      add('refused by one', calls.run(200_000))
      calls.begin(others)
      add('refused', calls.run(Math.min(plan.flows, 200_000)))
      calls.begin(plan)
      add('established', calls.run(Math.min(plan.flows, 200_000)))
    }
  } finally {
    calls.close()
  }
  const of = (name: string): number[] => samples.get(name) ?? []
  const wide = ports === 2048
  const full = fullSlices(rig)
  const short = full < hosts ? `only ${full} of ${hosts} slices were full` : undefined
  return [
    row(
      `new flow at 95 % of a slice of ${ports} vs empty`,
      '×',
      ratios(of('95 %'), of('0 %')),
      wide ? TARGETS.newFlowAt95 : undefined,
    ),
    row(`refusal at a full slice of ${ports}`, 'ns', of('refused by one'), wide ? TARGETS.refusal : undefined, short),
    row(`refusal at full slices of ${ports}, ${hosts} of them in turns`, 'ns', of('refused'), undefined, short),
    ...WINDOWS.map(({ name }) => row(`new flow at ${name} of a slice of ${ports}`, 'ns', of(name))),
    row(`established flow, slice of ${ports} full`, 'ns', of('established')),
  ]
}

function fullSlices({ plane }: Rig): number {
  let full = 0
  for (const { slice, state } of plane === undefined ? [] : activeSlices(plane.maps)) {
    if (state.used[NatProtocol.NAT_PROTOCOL_UDP] === slice.size) full++
  }
  return full
}
