// Real TCP between the ends, on both CPUs. Most of the measured work is the ends' own.
import { Lab } from '../../../scripts/lab/lab.ts'
import { startWebServer } from '../../../scripts/lab/servers.ts'
import { WEB_ADDRESS } from '../../../scripts/lab/topology.ts'
import type { Bench, Case } from '../bench.ts'
import type { Kind, Router } from '../router.ts'
import { prepareRoutes, startRouter } from '../router.ts'
import type { Row } from '../rows.ts'
import { ratios, row } from '../rows.ts'

interface Setting {
  name: string
  kind: Kind
  /** Segmentation and checksums left to the devices of the ends: veth then carries frames of up to 64 kB unsegmented. */
  offloads: boolean
}

const SETTINGS: Setting[] = [
  { name: 'this gateway', kind: 'natgw', offloads: false },
  { name: 'XDP forwarding', kind: 'forward', offloads: false },
  { name: 'nftables masquerade, GRO in the router', kind: 'nft', offloads: false },
  { name: 'nftables masquerade, offloads of the ends on', kind: 'nft', offloads: true },
]

/** A closed connection keeps its port for the transitory time of RFC 5382: 2,048 would soon be used up. */
const PORTS = 64_512
const SECONDS = 2

const MEASURES = [
  'TCP, one stream',
  'HTTP requests/s',
  'HTTP latency p50',
  'HTTP latency p99',
  'connections/s',
] as const
type Measure = (typeof MEASURES)[number]
const UNITS: Record<Measure, string> = {
  'TCP, one stream': 'Gbit/s',
  'HTTP requests/s': '/s',
  'HTTP latency p50': 'µs',
  'HTTP latency p99': 'µs',
  'connections/s': '/s',
}

export const tcpEnds: Case = {
  name: 'tcp',
  title: 'TCP between real ends (both CPUs; slices of 64,512 ports)',
  quick: false,
  async run(bench) {
    const rigs: { setting: Setting; lab: Lab; router: Router }[] = []
    try {
      for (const setting of SETTINGS) {
        const lab = await Lab.up({ networks: [1] })
        const router = await upOrDown(setting, lab)
        rigs.push({ setting, lab, router })
      }
      return await measure(bench, rigs)
    } finally {
      for (const { lab, router } of rigs) {
        router.close()
        await lab.down()
      }
    }
  },
}

async function upOrDown({ kind, offloads }: Setting, lab: Lab): Promise<Router> {
  try {
    await prepareRoutes(lab)
    const router = await startRouter(kind, lab, { hosts: 0, machines: true, portsPerInterface: PORTS })
    for (const host of [lab.machine(1).host, lab.internet]) {
      if (offloads) await host.run('ethtool', '-K', 'eth0', 'tx', 'on', 'tso', 'on', 'gso', 'on')
    }
    await startWebServer(lab)
    const iperf = await lab.internet.start('iperf3', 'iperf3', '-s', '-B', WEB_ADDRESS, '--forceflush')
    await iperf.waitForLog(/Server listening/)
    return router
  } catch (error) {
    await lab.down()
    throw error
  }
}

type Samples = Map<Setting, Record<Measure, number[]>>

async function measure(bench: Bench, rigs: readonly { setting: Setting; lab: Lab }[]): Promise<Row[]> {
  const samples: Samples = new Map(
    rigs.map(({ setting }) => [setting, Object.fromEntries(MEASURES.map((name) => [name, []])) as never]),
  )
  for (let repetition = 0; repetition < bench.scale.repetitions; repetition++) {
    for (const { setting, lab } of rigs) {
      bench.say(`${repetition + 1}/${bench.scale.repetitions} ${setting.name}`)
      for (const [name, value] of Object.entries(await once(lab))) samples.get(setting)?.[name as Measure].push(value)
    }
  }
  const [own] = [...samples.values()]
  const nft = [...samples].find(([{ kind, offloads }]) => kind === 'nft' && !offloads)?.[1]
  return MEASURES.flatMap((name) => [
    ...(name.endsWith('/s') || name.startsWith('TCP')
      ? [row(`${name}, vs nftables with GRO in the router`, '×', ratios(own?.[name] ?? [], nft?.[name] ?? []))]
      : []),
    ...[...samples].map(([setting, each]) => row(`${setting.name}: ${name}`, UNITS[name], each[name])),
  ])
}

async function once(lab: Lab): Promise<Record<Measure, number>> {
  const { host } = lab.machine(1)
  const report = JSON.parse(await host.run('iperf3', '-c', WEB_ADDRESS, '-t', String(SECONDS), '-J')) as {
    end: { sum_received: { bits_per_second: number } }
  }
  const load = ['-t', '1', '-c', '32', '-d', `${SECONDS}s`, '--latency']
  const url = `http://${WEB_ADDRESS}/`
  const kept = await host.run('wrk', ...load, url)
  const closed = await host.run('wrk', ...load, '-H', 'Connection: close', url)
  return {
    'TCP, one stream': report.end.sum_received.bits_per_second / 1e9,
    'HTTP requests/s': requestsPerSecond(kept),
    'HTTP latency p50': latency(kept, 50),
    'HTTP latency p99': latency(kept, 99),
    'connections/s': requestsPerSecond(closed),
  }
}

function requestsPerSecond(output: string): number {
  return Number(/^Requests\/sec:\s+([\d.]+)$/m.exec(output)?.[1] ?? NaN)
}

/** Microseconds. */
function latency(output: string, percent: number): number {
  const [, value, unit] = new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s)$`, 'm').exec(output) ?? []
  return Number(value) * ({ us: 1, ms: 1e3, s: 1e6 }[unit ?? ''] ?? NaN)
}
