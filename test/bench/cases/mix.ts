// Other mixtures of established traffic: TCP, few and many interfaces, a flood beside it, half load.
import type { Bench, Case } from '../bench.ts'
import type { FlowPlan } from '../flows.ts'
import { timeQuantile } from '../flows.ts'
import { removeFlows } from '../remove-flows.ts'
import type { Kind, Rig } from '../rig.ts'
import { withRigs } from '../rig.ts'
import type { Row } from '../rows.ts'
import { ratios, row } from '../rows.ts'

const HOSTS = 1000
const KINDS: readonly Kind[] = ['natgw', 'nft', 'forward']
const SYN = 0x02
const ACK = 0x10
const LABELS: Record<string, string> = { natgw: 'this gateway', nft: 'nftables masquerade', forward: 'XDP forwarding' }

export const mix: Case = {
  name: 'mix',
  title: 'TCP, shapes, flood, half load',
  quick: false,
  run: (bench) =>
    withRigs(bench.cpu, KINDS, { hosts: HOSTS, maxFlows: 100_000 }, async (rigs) => [
      ...(await tcp(bench, rigs)),
      ...(await shapes(bench, rigs)),
      ...(await flood(bench, rigs)),
      ...(await halfLoad(bench, rigs)),
    ]),
}

type Samples = Map<Kind, number[]>

/** `measure` for every rig in turns, as often as the scale says; flows are removed before each. */
async function collect(
  bench: Bench,
  rigs: readonly Rig[],
  name: string,
  measure: (rig: Rig) => number,
): Promise<Samples> {
  const samples: Samples = new Map()
  for (let repetition = 0; repetition < bench.scale.repetitions; repetition++) {
    bench.say(`${repetition + 1}/${bench.scale.repetitions} ${name}`)
    for (const rig of rigs) {
      await removeFlows(rig)
      samples.set(rig.kind, [...(samples.get(rig.kind) ?? []), measure(rig)])
    }
  }
  return samples
}

function compared(name: string, samples: Samples, note?: string): Row[] {
  const of = (kind: Kind): number[] => samples.get(kind) ?? []
  return [
    row(`packets/s vs nftables: ${name}`, '×', ratios(of('natgw'), of('nft'))),
    row(`packets/s vs bare XDP forwarding: ${name}`, '×', ratios(of('natgw'), of('forward'))),
    ...[...samples].map(([kind, each]) => row(`${LABELS[kind]}: ${name}`, 'Mpps', each, undefined, note)),
  ]
}

/** Segments of connections that have been through their handshake. */
async function tcp(bench: Bench, rigs: readonly Rig[]): Promise<Row[]> {
  const name = 'TCP 64 B, out, 100k established connections'
  for (const rig of rigs) {
    // The generator counts no sequence numbers.
    if (rig.kind === 'nft') await rig.lab.gateway.sysctl('net.netfilter.nf_conntrack_tcp_be_liberal=1')
  }
  let lost = 0
  const samples = await collect(bench, rigs, name, ({ traffic }) => {
    const plan: FlowPlan = { flows: 100_000, tcpFlags: SYN }
    traffic.establish(plan)
    traffic.send({ ...plan, tcpFlags: SYN | ACK }, plan.flows, 'in')
    const { rate, translated, sent } = traffic.send(
      { ...plan, tcpFlags: ACK },
      Math.max(bench.scale.packets, plan.flows),
    )
    lost = Math.max(lost, 1 - translated / sent)
    return rate / 1e6
  })
  return compared(name, samples, lost > 0.001 ? `up to ${(lost * 100).toFixed(2)} % not translated` : undefined)
}

/** The same number of flows spread differently. */
async function shapes(bench: Bench, rigs: readonly Rig[]): Promise<Row[]> {
  const rows: Row[] = []
  for (const flowsPerHost of [100, 1000, 1840]) {
    const plan: FlowPlan = { flows: 100_000, flowsPerHost }
    const hosts = Math.ceil(plan.flows / flowsPerHost)
    const share = ((flowsPerHost / 2048) * 100).toFixed(0)
    const name = `64 B, out, 100k flows of ${hosts} interfaces (${share} % of each slice)`
    const samples = await collect(bench, rigs, name, ({ traffic }) => {
      traffic.establish(plan)
      return traffic.send(plan, bench.scale.packets).rate / 1e6
    })
    rows.push(...compared(name, samples))
  }
  return rows
}

/** Every other packet is the SYN of a new connection, from one host that soon has no port left. */
async function flood(bench: Bench, rigs: readonly Rig[]): Promise<Row[]> {
  const plan: FlowPlan = { flows: 100_000 }
  const own = rigs.filter(({ kind }) => kind === 'natgw')
  const lost: number[] = []
  const rate = (rig: Rig, every: number): number => {
    const { traffic } = rig
    const before = refused(rig)
    traffic.establish(plan)
    const flow = traffic.send(
      every === 0 ? plan : { ...plan, flood: { every, host: HOSTS - 1 } },
      Math.max(bench.scale.packets, 2 * plan.flows),
    )
    const wanted = flow.sent - flow.flooded
    const passed = flow.translated - (flow.flooded - (refused(rig) - before))
    if (every !== 0) lost.push((1 - passed / wanted) * 100)
    return ((passed / flow.sent) * 1e3) / flow.nanoseconds
  }
  const calm = await collect(bench, own, 'no flood', (rig) => rate(rig, 0))
  const flooded = await collect(bench, own, 'SYN flood', (rig) => rate(rig, 2))
  const of = (samples: Samples): number[] => samples.get('natgw') ?? []
  return [
    row('established packets lost beside a SYN flood of as many packets', '%', lost),
    row('this gateway: established packets beside the flood', 'Mpps', of(flooded)),
    row(
      'time of an established packet and a SYN of the flood, of two established',
      '×',
      ratios(of(calm), of(flooded)).map((each) => each / 2),
    ),
  ]
}

function refused({ plane }: Rig): number {
  return plane?.maps.drops.sums().reduce((sum, each) => sum + each, 0) ?? 0
}

/** From leaving to arriving, when half of the time nothing is sent. */
async function halfLoad(bench: Bench, rigs: readonly Rig[]): Promise<Row[]> {
  const plan: FlowPlan = { flows: 1000, halfLoad: true }
  const p99: Samples = new Map()
  const p50 = await collect(bench, rigs, 'half load', ({ kind, traffic }) => {
    traffic.establish({ flows: plan.flows })
    traffic.takeLatencies()
    traffic.send(plan, 300_000)
    const times = traffic.takeLatencies()
    p99.set(kind, [...(p99.get(kind) ?? []), timeQuantile(times, 0.99)])
    return timeQuantile(times, 0.5)
  })
  const name = 'latency at half load, bursts of 64 packets of 1k flows'
  return rigs.flatMap(({ kind }) => [
    row(`${LABELS[kind]}: ${name}, p50`, 'µs', p50.get(kind) ?? []),
    row(`${LABELS[kind]}: ${name}, p99`, 'µs', p99.get(kind) ?? []),
  ])
}
