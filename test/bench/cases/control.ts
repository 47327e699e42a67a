// The control side: objects to maps, one change, drift, memory of the processes.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { DesiredModel } from '../../../src/agent/desired/model.ts'
import { openDataplane, unloadDataplane } from '../../../src/dataplane/loader.ts'
import { DataplaneSync } from '../../../src/dataplane/sync.ts'
import { formatIpv4 } from '../../../src/net/ipv4.ts'
import { writeGatewayConfig } from '../../../scripts/lab/gateway-files.ts'
import { Lab } from '../../../scripts/lab/lab.ts'
import { run } from '../../../scripts/lab/process.ts'
import { event, host, neighbour, ONE_DEVICE, PRIVATE_A, route } from '../../unit/agent/world.ts'
import type { Bench, Case } from '../bench.ts'
import { FIRST_HOST, HOSTS_PREFIX } from '../flows.ts'
import { prepareRoutes, startRouter } from '../router.ts'
import { exponent, quantile, row } from '../rows.ts'
import type { Row } from '../rows.ts'
import { TARGETS } from '../targets.ts'
import { NETWORK, SIZES, world } from '../world.ts'

const OBJECT = new URL('../../../build/bpf/natgw.bpf.o', import.meta.url).pathname
/** The default holds 65,536 slices and 131,072 interfaces. */
const LIMITS = { maxSlices: 131_072, maxInterfaces: 131_072, maxSessions: 262_144, maxDevices: 16_384 }
const CHANGES = 100
/** Milliseconds until all status is written. */
const SETTLE = 3_000

export const control: Case = {
  name: 'control',
  title: 'Control side',
  quick: false,
  async run(bench) {
    return [...coldStarts(bench), ...(await agents(bench)), ...(await memory(bench)), ...(await controllers(bench))]
  },
}

const thousands = (count: number): string => `${count / 1000}k`

/** From objects in memory to entries in maps that were empty; then the comparison of all of them. */
function coldStarts(bench: Bench): Row[] {
  const cold = new Map(SIZES.map((size) => [size, [] as number[]]))
  const scans = new Map(SIZES.map((size) => [size, [] as number[]]))
  for (let repetition = 0; repetition < bench.scale.repetitions; repetition++) {
    for (const size of SIZES) {
      bench.say(`${repetition + 1}/${bench.scale.repetitions} ${thousands(size)} slices from objects to map`)
      const { start, scan } = coldStart(size)
      cold.get(size)?.push(start)
      scans.get(size)?.push(scan)
    }
  }
  const rows = (name: string, samples: Map<number, number[]>): Row[] => [
    ...SIZES.map((size) => row(`${thousands(size)} ${name}`, 's', samples.get(size) ?? [], targetOf(name, size))),
    exponentRow(name, samples),
  ]
  return [...rows(COLD, cold), ...rows('entries of slices compared (drift scan)', scans)]
}

const COLD = 'slices from objects to map, cold'

function targetOf(name: string, size: number): typeof TARGETS.coldStart | undefined {
  return name === COLD && size === 100_000 ? TARGETS.coldStart : undefined
}

function exponentRow(name: string, samples: ReadonlyMap<number, readonly number[]>): Row {
  const points = [...samples].map(([size, costs]) => ({ size, cost: quantile(costs, 0.5) }))
  return row(`exponent of the curve, 1k to 100k: ${name}`, '', [exponent(points)])
}

/** Seconds. */
function coldStart(size: number): { start: number; scan: number } {
  const instance = `bench-${randomBytes(3).toString('hex')}`
  const plane = openDataplane({ instance, limits: LIMITS, objectPath: OBJECT })
  try {
    const objects = world(size)
    const gateway = formatIpv4(FIRST_HOST - 1)
    const snapshot = host({
      routes: [
        route('0.0.0.0/0', { gateway: FIRST_HOST - 2 }),
        route(HOSTS_PREFIX, { ifindex: PRIVATE_A, gateway: FIRST_HOST - 1 }),
      ],
      neighbours: [neighbour(PRIVATE_A, gateway, '02:00:00:00:01:01')],
    })
    const config = {
      ...ONE_DEVICE,
      private: [{ interface: 'in0', network: { namespace: 'default', name: NETWORK }, prefixes: [] }],
    }
    const begin = performance.now()
    const model = new DesiredModel(config, snapshot)
    for (const object of objects) model.apply(event('added', object))
    const sync = new DataplaneSync(plane)
    const result = sync.apply(model.build().state)
    const start = (performance.now() - begin) / 1000
    const written = result.written.slices?.put ?? 0
    if (result.failures[0] !== undefined) throw result.failures[0]
    if (written !== size) throw new Error(`${written} of ${size} slices were written`)
    const from = performance.now()
    sync.verify()
    return { start, scan: (performance.now() - from) / 1000 }
  } finally {
    plane.close()
    unloadDataplane(instance)
  }
}

interface AgentResult {
  started: number
  slices: number
  times: number[]
}

/** Whole agents in processes of their own, on a store that is told one change at a time. */
async function agents(bench: Bench): Promise<Row[]> {
  const rows: Row[] = []
  const lab = await Lab.up({ networks: [1] })
  try {
    await lab.gateway.ip(`route add ${HOSTS_PREFIX} via ${lab.machine(1).address} dev p1`)
    const files = writeGatewayConfig(lab, { limits: { maxSlices: LIMITS.maxSlices } })
    for (const size of SIZES) {
      bench.say(`an agent with ${thousands(size)} local interfaces`)
      const worker = new URL('../workers/agent.ts', import.meta.url).pathname
      const output = await run(
        ...lab.gateway.command(process.execPath, worker, files.config, String(size), String(CHANGES)),
        { timeout: 300_000 },
      )
      const { started, slices, times } = JSON.parse(output) as AgentResult
      const note = slices === size ? undefined : `only ${slices} slices`
      const p99 = quantile(times, 0.99)
      rows.push(
        row(
          `agent starts with ${thousands(size)} interfaces, programs loaded and attached`,
          's',
          [started / 1000],
          undefined,
          note,
        ),
        row(`one change among ${thousands(size)} interfaces, event to map, p50`, 'ms', [quantile(times, 0.5)]),
        row(
          `one change among ${thousands(size)} interfaces, event to map, p99`,
          'ms',
          [p99],
          size === 100_000 ? TARGETS.oneChange : undefined,
        ),
      )
      await lab.gateway.run('rm', '-rf', `/sys/fs/bpf/natgw/${lab.instance}`)
    }
  } finally {
    await lab.down()
  }
  return rows
}

/** Of `natgw run` itself: agent, controllers, store and manifests in one process. */
async function memory(bench: Bench): Promise<Row[]> {
  const rows: Row[] = []
  for (const size of [1_000, 10_000]) {
    bench.say(`natgw run with ${thousands(size)} local interfaces`)
    const lab = await Lab.up({ networks: [1] })
    try {
      await prepareRoutes(lab)
      const router = await startRouter('natgw', lab, { hosts: size, portsPerInterface: 64 })
      await delay(SETTLE)
      const status = readFileSync(`/proc/${router.agent?.pid}/status`, 'utf8')
      const rss = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1000
      const target = size === 10_000 ? TARGETS.agentMemory : undefined
      const note = 'natgw run: controllers, store and manifests included'
      rows.push(row(`agent RSS with ${thousands(size)} local interfaces`, 'MB', [rss], target, note))
      router.close()
    } finally {
      await lab.down()
    }
  }
  return rows
}

interface ControllersResult {
  reconciled: number
  slices: number
  oneMore: number
  allocated: number
  rss: number
}

async function controllers(bench: Bench): Promise<Row[]> {
  const results = new Map<number, ControllersResult>()
  for (const size of SIZES) {
    bench.say(`controllers with ${thousands(size)} interfaces`)
    const worker = new URL('../workers/controllers.ts', import.meta.url).pathname
    const output = await run(process.execPath, [worker, String(size)], { timeout: 300_000 })
    results.set(size, JSON.parse(output) as ControllersResult)
  }
  const curve = (name: string, of: (result: ControllersResult) => number): Row[] => [
    ...[...results].map(([size, result]) => row(`${name}, ${thousands(size)} interfaces`, 's', [of(result) / 1000])),
    exponentRow(name, new Map([...results].map(([size, result]) => [size, [of(result)]]))),
  ]
  return [
    ...[...results].map(([size, { rss, slices }]) =>
      row(
        `controller RSS with ${thousands(size)} interfaces`,
        'MB',
        [rss / 1e6],
        size === 100_000 ? TARGETS.controllerMemory : undefined,
        slices === size ? undefined : `only ${slices} slices`,
      ),
    ),
    ...curve('slices dealt by the allocator', ({ allocated }) => allocated),
    ...curve('everything reconciled from interfaces without slices', ({ reconciled }) => reconciled),
    ...curve('one more interface reconciled', ({ oneMore }) => oneMore),
  ]
}
