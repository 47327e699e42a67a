import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Namespace } from './namespace.ts'
import { run, type Service, waitUntil } from './process.ts'
import * as topology from './topology.ts'

export interface Machine extends topology.MachinePlan {
  host: Namespace
}

export interface Server extends topology.ServerPlan {
  host: Namespace
}

/** Labs that end with this process. */
const owned = new Set<Lab>()

/**
 * Network namespaces that play a gateway host, private machines and an internet (topology.ts has the picture). Several
 * labs fit on one machine: each has names of its own. A lab ends with its process, however the process ends (except by
 * SIGKILL: `Lab.downById`), unless `keep` was called.
 */
export class Lab {
  /** Letters and digits, unique on this machine. */
  readonly id: string
  /** For configuration, logs and all else that ends with the lab. */
  readonly folder: string
  readonly gateway: Namespace
  readonly internet: Namespace
  readonly machines: Machine[]
  readonly servers: Server[]
  readonly #services: Service[] = []

  private constructor(options: topology.LabOptions) {
    this.id = randomBytes(3).toString('hex')
    this.folder = folderOf(this.id)
    const host = (name: string): Namespace =>
      new Namespace(name, `${prefixOf(this.id)}${name}`, this.folder, this.#services)
    this.gateway = host('gw')
    this.internet = host('net')
    this.machines = topology.planMachines(options.networks ?? [2]).map((plan) => ({ ...plan, host: host(plan.name) }))
    this.servers = topology.planServers(options.servers ?? 0).map((plan) => ({ ...plan, host: host(plan.name) }))
  }

  /** Name of the gateway instance that belongs to this lab; its pins go with the lab. */
  get instance(): string {
    return instanceOf(this.id)
  }

  static async up(options: topology.LabOptions = {}): Promise<Lab> {
    if (process.getuid?.() !== 0) throw new Error('a lab of network namespaces needs root: run with sudo')
    const lab = new Lab(options)
    mkdirSync(lab.folder)
    owned.add(lab)
    goDownWithProcess()
    try {
      await lab.#build(options)
    } catch (error) {
      await lab.down()
      throw error
    }
    return lab
  }

  /** The n-th machine of a Network, counted from 1. */
  machine(n: number, network = 0): Machine {
    const found = this.machines.filter((machine) => machine.network === network)[n - 1]
    if (found === undefined) throw new Error(`the lab has no machine ${n} in Network ${network}`)
    return found
  }

  /** A container of the gateway host, as Docker connects one: 172.17.0.2, whose way out is the host at 172.17.0.1. */
  async addContainer(name = 'ctr'): Promise<Namespace> {
    const container = new Namespace(name, `${prefixOf(this.id)}${name}`, this.folder, this.#services)
    await addNamespace(container, false)
    await addLink(this.gateway, name, container, 'eth0', 1500)
    await this.gateway.ip(`addr add 172.17.0.1/16 dev ${name}`, `link set ${name} up`)
    await container.ip(
      'link set lo up',
      'addr add 172.17.0.2/16 dev eth0',
      'link set eth0 up',
      'route add default via 172.17.0.1',
    )
    await prepareEnd(container)
    return container
  }

  /** Ends the processes of the lab and removes it. */
  async down(): Promise<void> {
    await Promise.all(this.#services.map((service) => service.stop()))
    owned.delete(this)
    Lab.downById(this.id)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down()
  }

  /** The lab and what runs in it stay when this process ends; `Lab.kept` finds it. */
  keep(): void {
    writeFileSync(join(this.folder, KEPT), '')
    owned.delete(this)
  }

  /** Ids of kept labs that still exist. */
  static kept(): string[] {
    return readdirSync(tmpdir())
      .filter((name) => name.startsWith(FOLDER_PREFIX) && existsSync(join(tmpdir(), name, KEPT)))
      .map((name) => name.slice(FOLDER_PREFIX.length))
  }

  /** Removes a lab of any process. Synchronous, so that it works while the process exits. */
  static downById(id: string): void {
    const namespaces = namespacesOf(id)
    // Pinned links go first: a program that is still attached would outlive its maps.
    rmSync(`/sys/fs/bpf/natgw/${instanceOf(id)}`, { recursive: true, force: true })
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const left = namespaces.flatMap(processesIn)
      for (const pid of left) signalProcess(pid, signal)
      for (let waited = 0; waited < 50 && namespaces.flatMap(processesIn).length > 0; waited++) sleepSync(20)
    }
    for (const name of namespaces) spawnSync('ip', ['netns', 'delete', name])
    removeRunFiles(instanceOf(id))
    rmSync(folderOf(id), { recursive: true, force: true })
  }

  async #build(options: topology.LabOptions): Promise<void> {
    const ends = [...this.machines, ...this.servers].map(({ host }) => host)
    for (const host of [this.gateway, this.internet, ...ends]) await addNamespace(host, options.ipv6 ?? false)
    // Forwarding is on and nothing is filtered on purpose: a packet that the gateway leaks into the kernel arrives
    // somewhere, and a test sees it.
    for (const router of [this.gateway, this.internet]) {
      await router.sysctl('net.ipv4.ip_forward=1', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0')
    }
    const mtu = options.mtu ?? 1500
    await addLink(this.gateway, 'up0', this.internet, 'eth0', mtu)
    for (const { host, device } of this.machines) await addLink(this.gateway, device, host, 'eth0', mtu)
    for (const { host, device } of this.servers) await addLink(this.internet, device, host, 'eth0', mtu)
    for (const host of [this.internet, ...ends]) await prepareEnd(host)
    await this.internet.ip(...topology.internetCommands(this.servers))
    await this.gateway.ip(...topology.gatewayCommands(this.machines))
    for (const machine of this.machines) await machine.host.ip(...topology.machineCommands(machine))
    for (const server of this.servers) await server.host.ip(...topology.serverCommands(server))
    await waitUntil(
      'links of the lab',
      5_000,
      async () => !(await this.gateway.run('ip', 'link')).includes('NO-CARRIER'),
    )
  }
}

const FOLDER_PREFIX = 'natgw-lab-'
const KEPT = 'kept'

function folderOf(id: string): string {
  return join(tmpdir(), `${FOLDER_PREFIX}${id}`)
}

/** Files that processes of an instance left in the run folder, killed ones included. */
function removeRunFiles(instance: string): void {
  const folder = '/run/natgw'
  if (!existsSync(folder)) return
  const own = readdirSync(folder).filter((name) => name.startsWith(`${instance}.`))
  for (const name of own) rmSync(join(folder, name), { force: true })
}

function prefixOf(id: string): string {
  return `natgw-${id}-`
}

function instanceOf(id: string): string {
  return `lab-${id}`
}

async function addNamespace(host: Namespace, ipv6: boolean): Promise<void> {
  // The first `ip netns add` of a machine makes /run/netns a mount of its own: two at once disturb each other.
  await run('flock', ['/run/lock/natgw-lab.lock', 'ip', 'netns', 'add', host.fullName])
  const disable = ipv6 ? 0 : 1
  await host.sysctl(`net.ipv6.conf.all.disable_ipv6=${disable}`, `net.ipv6.conf.default.disable_ipv6=${disable}`)
}

async function addLink(a: Namespace, deviceA: string, b: Namespace, deviceB: string, mtu: number): Promise<void> {
  const end = (device: string, host: Namespace): string => `${device} mtu ${mtu} netns ${host.fullName}`
  await run('ip', `link add ${end(deviceA, a)} type veth peer name ${end(deviceB, b)}`.split(' '))
}

/**
 * Makes the device of an end host behave as behind a cable: complete checksums in every frame (an XDP redirect loses the
 * mark of a partial one), frames no larger than the MTU, and GRO, without which a veth drops redirected frames silently:
 * docs/reference/platform.md.
 */
async function prepareEnd(host: Namespace): Promise<void> {
  const devices = (await host.run('ls', '/proc/sys/net/ipv4/conf')).split('\n')
  for (const device of devices.filter((name) => /^(eth0|srv\d+)$/.test(name))) {
    await host.run('ethtool', '-K', device, 'tx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'on')
  }
}

function namespacesOf(id: string): string[] {
  if (!existsSync('/run/netns')) return []
  return readdirSync('/run/netns').filter((name) => name.startsWith(prefixOf(id)))
}

function processesIn(namespace: string): number[] {
  const listed = spawnSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' }).stdout
  return listed
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid)
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function sleepSync(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

let watching = false
function goDownWithProcess(): void {
  if (watching) return
  watching = true
  process.on('exit', () => {
    for (const lab of owned) Lab.downById(lab.id)
  })
  // Without a handler a signal ends the process without an `exit` event.
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.once(signal, () => process.exit(status))
  }
}
