import { type ChildProcess, spawn } from 'node:child_process'
import type { AgentCounts } from '../../src/agent/agent.ts'
import type { Resource } from '../../src/api/index.ts'
import type { GatewayConfig } from '../../src/config/config.ts'
import type { LastingProblem } from '../../src/problems/problem.ts'
import { Namespaces } from './agent-namespaces.ts'
import type { Request } from './agent-process.ts'

type Conditions = Record<string, { status: string; reason: string } | undefined>
type LogLine = { level: string; message: string; fields: Record<string, unknown> }

/** An agent in its own process and network namespace. */
export class AgentProcess {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (reply: { answer?: unknown; error?: string }) => void>()
  readonly #exit: Promise<number | null>
  #requests = 0

  private constructor(namespacePath: string) {
    const program = new URL('./agent-process.ts', import.meta.url).pathname
    // nsenter keeps /sys/fs/bpf, which `ip netns exec` would hide.
    this.#child = spawn('nsenter', [`--net=${namespacePath}`, process.execPath, program], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#exit = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.on('message', (reply: { id: number; answer?: unknown; error?: string }) =>
      this.#waiting.get(reply.id)?.(reply),
    )
    this.#child.once('exit', (code, signal) => {
      for (const settle of this.#waiting.values()) settle({ error: `the agent's process ended: ${code ?? signal}` })
    })
  }

  static async start(namespacePath: string, config: GatewayConfig, objects: Resource[]): Promise<AgentProcess> {
    const agent = new AgentProcess(namespacePath)
    await agent.#ask({ do: 'start', config, objects })
    return agent
  }

  put = (...objects: Resource[]) => this.#ask({ do: 'put', objects })
  delete = (...objects: Resource[]) => this.#ask({ do: 'delete', objects })
  counts = () => this.#ask({ do: 'counts' }) as Promise<AgentCounts>
  conditions = () => this.#ask({ do: 'conditions' }) as Promise<Conditions>
  /** All but forwarding by the kernel, which depends on the machine that the tests run on. */
  problems = async () =>
    ((await this.#ask({ do: 'problems' })) as LastingProblem[]).filter(({ reason }) => reason !== 'KernelForwards')
  /** @throws when it does not come within ten seconds */
  awaitProblem(reason: string): Promise<LastingProblem> {
    return this.#await(`problem ${reason}`, (problems) => problems.find((each) => each.reason === reason))
  }

  async awaitNoProblem(reason: string): Promise<void> {
    await this.#await(`end of problem ${reason}`, (problems) => !problems.some((each) => each.reason === reason))
  }

  log = () => this.#ask({ do: 'log' }) as Promise<LogLine[]>

  async stop(): Promise<number | null> {
    await this.#ask({ do: 'stop' })
    return this.#exit
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exit
  }

  async #await<T>(what: string, find: (problems: LastingProblem[]) => T | undefined): Promise<T> {
    const end = performance.now() + 10_000
    for (;;) {
      const problems = await this.problems()
      const found = find(problems)
      if (found !== undefined && found !== false) return found
      if (performance.now() > end) throw new Error(`did not come: ${what}; there are: ${JSON.stringify(problems)}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  #ask(request: Omit<Request, 'id'>): Promise<unknown> {
    const id = ++this.#requests
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ answer, error }) => {
        this.#waiting.delete(id)
        if (error === undefined) resolve(answer)
        else reject(new Error(error))
      })
      this.#child.send({ ...request, id })
    })
  }
}

/** A machine 10.0.0.1 – in0 [gateway 10.0.0.254 / 192.0.2.1] up0 – 192.0.2.254, the way to the internet. */
export class GatewayLab {
  readonly namespaces: Namespaces
  readonly instance: string
  readonly gateway: string
  readonly machine: string
  readonly internet: string

  /** @param prefix tells labs of one process apart */
  constructor(prefix = 'agt') {
    this.namespaces = new Namespaces(prefix)
    this.instance = `${prefix}${process.pid}`
    this.gateway = this.namespaces.add('gw')
    this.machine = this.namespaces.add('vm')
    this.internet = this.namespaces.add('inet')
    this.namespaces.cable({ namespace: this.gateway, device: 'in0' }, { namespace: this.machine, device: 'vm0' })
    this.namespaces.ip(this.gateway, 'addr add 10.0.0.254/24 dev in0')
    this.namespaces.ip(this.machine, 'addr add 10.0.0.1/24 dev vm0')
    this.namespaces.ip(this.machine, 'route add default via 10.0.0.254')
    this.makeUplink()
  }

  makeUplink(): void {
    const { namespaces, gateway, internet } = this
    namespaces.cable({ namespace: gateway, device: 'up0' }, { namespace: internet, device: 'inet0' })
    namespaces.ip(gateway, 'addr add 192.0.2.1/24 dev up0')
    namespaces.ip(internet, 'addr add 192.0.2.254/24 dev inet0')
    namespaces.ip(internet, 'addr add 192.0.2.77/24 dev inet0')
    namespaces.ip(gateway, 'route add default via 192.0.2.254')
  }

  /** @param changes of the configuration */
  start(objects: Resource[], changes: Partial<GatewayConfig> = {}): Promise<AgentProcess> {
    return AgentProcess.start(this.namespaces.path(this.gateway), { ...this.#config(), ...changes }, objects)
  }

  mac(namespace: string, device: string): string {
    return /link\/ether (\S+)/.exec(this.namespaces.ip(namespace, `link show ${device}`))?.[1] ?? ''
  }

  ifindex(device: string): number {
    return Number.parseInt(this.namespaces.ip(this.gateway, `link show ${device}`))
  }

  #config(): GatewayConfig {
    return {
      instance: this.instance,
      uplink: { interface: 'up0', macs: [] },
      private: [{ interface: 'in0', network: { namespace: 'default', name: 'blue' }, prefixes: [], macs: [] }],
      publicPrefixes: [],
      manifests: '',
      manifestLimits: { fileBytes: 16_777_216, files: 200_000 },
      stateFile: '',
      timers: { udp: 300, tcpEstablished: 7440, tcpTransitory: 240, icmp: 60 },
      udpRefresh: 'both',
      perInterface: { sessions: 256, newFlowsPerSecond: 0 },
      xdpMode: 'auto',
      driftIntervalSeconds: 1,
      limits: { maxSlices: 1024, maxInterfaces: 1024, maxSessions: 1024, maxDevices: 1024 },
      log: { level: 'info' },
    }
  }
}
