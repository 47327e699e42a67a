// The control side: objects to maps, one change, drift, memory of the processes.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { writeGatewayConfig } from '../../../scripts/lab/gateway-files.ts'
import { Lab } from '../../../scripts/lab/lab.ts'
import { run } from '../../../scripts/lab/process.ts'
import { HEAP_OPTIONS } from '../../../src/cli/heap.ts'
import { DesiredModel } from '../../../src/desired/desired-model.ts'
import { openDataplane, unloadDataplane } from '../../../src/kernel/loader.ts'
import { DataplaneSync } from '../../../src/kernel/sync.ts'
import { formatAddress, ipv4Address } from '../../../src/net/address.ts'
import { event, host, neighbour, ONE_DEVICE, PRIVATE_A, route } from '../../unit/desired/world.ts'
import type { Bench, Case } from '../bench.ts'
import { FIRST_HOST, HOSTS_PREFIX } from '../flows.ts'
import { prepareRoutes, startRouter } from '../router.ts'
import type { Row } from '../rows.ts'
import { exponent, quantile, row } from '../rows.ts'
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
    const gateway = ipv4Address(FIRST_HOST - 1)
    const snapshot = host({
      routes: [
        route('0.0.0.0/0', { gateway: ipv4Address(FIRST_HOST - 2) }),
        route(HOSTS_PREFIX, { ifindex: PRIVATE_A, gateway }),
      ],
      neighbours: [neighbour(PRIVATE_A, formatAddress(gateway), '02:00:00:00:01:01')],
    })
    const config = {
      ...ONE_DEVICE,
      private: [{ interface: 'in0', network: { namespace: 'default', name: NETWORK }, prefixes: [], macs: [] }],
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

/** How often a process is started and measured; the median of these is shown. */
function series(bench: Bench): number {
  return bench.scale.name === 'full' ? 5 : 3
}

/** Whole agents in processes of their own, on a store that gets one change at a time. */
async function agents(bench: Bench): Promise<Row[]> {
  const results = new Map(SIZES.map((size) => [size, [] as AgentResult[]]))
  const lab = await Lab.up({ networks: [1] })
  try {
    await lab.gateway.ip(`route add ${HOSTS_PREFIX} via ${lab.machine(1).address} dev p1`)
    const files = writeGatewayConfig(lab, { limits: { maxSlices: LIMITS.maxSlices } })
    const worker = new URL('../workers/agent.ts', import.meta.url).pathname
    for (let repetition = 0; repetition < series(bench); repetition++) {
      for (const size of SIZES) {
        bench.say(`${repetition + 1}/${series(bench)} an agent with ${thousands(size)} local interfaces`)
        const arguments_ = [...HEAP_OPTIONS, worker, files.config, String(size), String(CHANGES)]
        const output = await run(...lab.gateway.command(process.execPath, ...arguments_), { timeout: 300_000 })
        results.get(size)?.push(JSON.parse(output) as AgentResult)
        await lab.gateway.run('rm', '-rf', `/sys/fs/bpf/natgw/${lab.instance}`)
      }
    }
  } finally {
    await lab.down()
  }
  return [...results].flatMap(([size, found]) => agentRows(size, found))
}

function agentRows(size: number, results: readonly AgentResult[]): Row[] {
  const change = `one change among ${thousands(size)} interfaces, event to map`
  const share = (of: number): number[] => results.map(({ times }) => quantile(times, of))
  const least = Math.min(...results.map(({ slices }) => slices))
  const note = least === size ? undefined : `only ${least} slices`
  return [
    row(
      `agent starts with ${thousands(size)} interfaces, programs loaded and attached`,
      's',
      results.map(({ started }) => started / 1000),
      undefined,
      note,
    ),
    row(`${change}, p50`, 'ms', share(0.5)),
    row(`${change}, p99`, 'ms', share(0.99), size === 100_000 ? TARGETS.oneChange : undefined),
  ]
}

/** Of `natgw run` itself: agent, controllers, store and manifests in one process. */
async function memory(bench: Bench): Promise<Row[]> {
  // 100,000 manifests take half a minute to be read.
  const sizes = bench.scale.name === 'full' ? SIZES : [1_000, 10_000]
  const all = new Map(sizes.map((size) => [size, [] as number[]]))
  const files: number[] = []
  for (let repetition = 0; repetition < series(bench); repetition++) {
    for (const size of sizes) {
      bench.say(`${repetition + 1}/${series(bench)} natgw run with ${thousands(size)} local interfaces`)
      const lab = await Lab.up({ networks: [1] })
      try {
        await prepareRoutes(lab)
        const router = await startRouter('natgw', lab, {
          hosts: size,
          portsPerInterface: 64,
          config: { limits: { maxSlices: LIMITS.maxSlices } },
        })
        await delay(SETTLE)
        const status = readFileSync(`/proc/${router.agent?.pid}/status`, 'utf8')
        all.get(size)?.push(megabytes(status, 'VmRSS'))
        files.push(megabytes(status, 'RssFile'))
        router.close()
      } finally {
        await lab.down()
      }
    }
  }
  const mapped = quantile(files, 0.5).toFixed(0)
  const note = `VmRSS of natgw run: agent, controllers, store and manifests; ${mapped} MB of it are mapped files, node’s own`
  return sizes.map((size) => {
    const target = size === 10_000 ? TARGETS.agentMemory : undefined
    return row(`agent RSS with ${thousands(size)} local interfaces`, 'MB', all.get(size) ?? [], target, note)
  })
}

function megabytes(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1000
}

interface ControllersResult {
  reconciled: number
  slices: number
  oneMore: number
  allocated: number
  rss: number
}

async function controllers(bench: Bench): Promise<Row[]> {
  const results = new Map(SIZES.map((size) => [size, [] as ControllersResult[]]))
  const worker = new URL('../workers/controllers.ts', import.meta.url).pathname
  for (let repetition = 0; repetition < series(bench); repetition++) {
    for (const size of SIZES) {
      bench.say(`${repetition + 1}/${series(bench)} controllers with ${thousands(size)} interfaces`)
      const output = await run(process.execPath, [...HEAP_OPTIONS, worker, String(size)], { timeout: 300_000 })
      results.get(size)?.push(JSON.parse(output) as ControllersResult)
    }
  }
  const curve = (name: string, of: (result: ControllersResult) => number): Row[] => {
    const seconds = new Map([...results].map(([size, found]) => [size, found.map((result) => of(result) / 1000)]))
    return [
      ...[...seconds].map(([size, samples]) => row(`${name}, ${thousands(size)} interfaces`, 's', samples)),
      exponentRow(name, seconds),
    ]
  }
  return [
    ...[...results].map(([size, found]) => controllerMemoryRow(size, found)),
    ...curve('slices allocated', ({ allocated }) => allocated),
    ...curve('everything reconciled from interfaces without slices', ({ reconciled }) => reconciled),
    ...curve('one more interface reconciled', ({ oneMore }) => oneMore),
  ]
}

function controllerMemoryRow(size: number, results: readonly ControllersResult[]): Row {
  const least = Math.min(...results.map(({ slices }) => slices))
  const content = 'controllers and a store in memory, V8 as natgw run sets it'
  return row(
    `controller RSS with ${thousands(size)} interfaces`,
    'MB',
    results.map(({ rss }) => rss / 1e6),
    size === 100_000 ? TARGETS.controllerMemory : undefined,
    least === size ? content : `${content}; only ${least} slices`,
  )
}
