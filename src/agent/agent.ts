import type { ObjectKey } from '../api/index.ts'
import { keyOf, nameOf } from '../api/index.ts'
import type { GatewayConfig } from '../config/config.ts'
import type { Built, FlowConfig } from '../desired/desired-model.ts'
import { DesiredModel } from '../desired/desired-model.ts'
import { AGENT_KINDS } from '../desired/objects.ts'
import { runCleanUps } from '../errors/clean-ups.ts'
import type { HostChange, HostSnapshot } from '../host/host-network.ts'
import { HostNetwork } from '../host/host-network.ts'
import type { Dataplane } from '../kernel/loader.ts'
import { openDataplane } from '../kernel/loader.ts'
import { readLosses } from '../kernel/losses.ts'
import { DataplaneSync } from '../kernel/sync.ts'
import type { Logger } from '../log/logger.ts'
import { causeOf } from '../log/logger.ts'
import { RateLimitedLog } from '../log/rate-limited-log.ts'
import type { Address } from '../net/address.ts'
import type { ProblemSink } from '../problems/problem-list.ts'
import type { ResourceStore } from '../store/store.ts'
import { backgroundClock } from '../time/clock.ts'
import { hostUnreadable, neighbourTableFull, objectIgnored, passFailed } from './agent-problems.ts'
import { DevicePrograms } from './device-programs.ts'
import { listenToEvents } from './events.ts'
import { HostProblems } from './host-problems.ts'
import { LossWatch } from './loss-watch.ts'
import { NeighbourResolver } from './neighbour-resolver.ts'
import { Passes } from './passes.ts'
import { StatusWriter } from './status-writer.ts'
import { SyncReport } from './sync-report.ts'

export interface AgentOptions {
  config: GatewayConfig
  store: ResourceStore
  /** build/bpf/natgw.bpf.o */
  objectPath: string
  /** See OpenOptions of the loader. */
  acceptFlowLoss?: boolean
  log: Logger
  problems: ProblemSink
  /** Links, addresses or routes of the host changed. */
  onHostChange?: (host: HostSnapshot) => void
}

/** What of the configuration the agent takes over while it runs. */
export type AgentLiveConfig = FlowConfig & Pick<GatewayConfig, 'driftIntervalSeconds'>

/** What the agent did since it started. */
export interface AgentCounts {
  synced: { passes: number; writes: number; flushedMappings: number }
  /** Put right at a comparison: map entries by map, and attached programs. */
  repairs: { entries: Record<string, number>; programs: number }
  statusWrites: number
}

const TICK_MS = 1_000
/** Between looks at settings of the host that the kernel does not report by itself. */
const SETTINGS_MS = 5_000
/** Longer than any pass takes, with every device busy. */
const LONGEST_PASS_MS = 300_000

/** What runs on a node: keeps maps and attached programs as the objects and the host's network demand. */
export class Agent {
  readonly #config: GatewayConfig
  readonly #problems: ProblemSink
  readonly #onHostChange: AgentOptions['onHostChange']
  /** For what may go wrong again and again. */
  readonly #repeated: RateLimitedLog
  readonly #dataplane: Dataplane
  readonly #host: HostNetwork
  readonly #devices: DevicePrograms
  readonly #model: DesiredModel
  readonly #resolver: NeighbourResolver
  readonly #sync: DataplaneSync
  readonly #report: SyncReport
  readonly #losses: LossWatch
  readonly #status: StatusWriter
  readonly #hostProblems: HostProblems
  readonly #passes: Passes
  readonly #cleanUps: (() => void)[] = []
  #stopComparing: () => void = () => undefined
  /** Interfaces to be reported once the pass that looked at them got through. */
  readonly #unreported = new Set<ObjectKey>()
  /** Objects that could not be understood. */
  readonly #ignored = new Set<string>()

  /**
   * Loads, attaches and brings the maps into line before it returns.
   * @throws what openDataplane throws, ERR_NETLINK. A device that is missing or refuses a program is reported and waited for
   */
  static async start(options: AgentOptions): Promise<Agent> {
    // Nothing is written before every kind has been listed: a restart never empties a table.
    await options.store.ready()
    const host = await HostNetwork.open()
    let agent: Agent
    try {
      agent = new Agent(options, host)
    } catch (error) {
      host.close()
      throw error
    }
    try {
      await agent.#begin(options.store)
    } catch (error) {
      await agent.stop().catch((reason: unknown) => options.log.error({ err: reason }, 'clean-up failed'))
      throw error
    }
    return agent
  }

  private constructor(options: AgentOptions, host: HostNetwork) {
    const { config, store, objectPath, acceptFlowLoss = false, log, problems, onHostChange } = options
    this.#config = config
    this.#problems = problems
    this.#onHostChange = onHostChange
    this.#repeated = new RateLimitedLog(log)
    const now = (): number => performance.now()
    this.#dataplane = openDataplane({ instance: config.instance, limits: config.limits, objectPath, acceptFlowLoss })
    log.info({ instance: config.instance, ...this.#dataplane.report }, 'data plane opened')
    this.#host = host
    host.follow({
      onChange: (change) => this.#hostChanged(change),
      onFailure: (error) => problems.report('host network', [hostUnreadable(error)]),
      onRecovery: () => problems.report('host network', []),
    })
    this.#devices = new DevicePrograms({ attachments: this.#dataplane.attachments, config, problems, now, log })
    this.#model = new DesiredModel(config, this.#host.snapshot())
    this.#resolver = new NeighbourResolver({
      resolve: (...request) => {
        this.#host.rtnetlink.resolve(...request)
      },
      neighbours: () => this.#host.snapshot().neighbours,
      now,
      log,
    })
    this.#sync = new DataplaneSync(this.#dataplane)
    this.#report = new SyncReport(log, problems, this.#repeated)
    this.#losses = new LossWatch(now)
    this.#status = new StatusWriter({
      store,
      programmedState: (key) =>
        this.#model.isLocal(key) ? (this.#report.programmedState(key) ?? this.#model.programmedState(key)) : 'notLocal',
      problems,
      clock: backgroundClock,
      log,
    })
    this.#hostProblems = new HostProblems(config, problems, log)
    this.#passes = new Passes({
      run: (verify) => this.#bringUpToDate(verify),
      onSuccess: () => problems.report('pass', []),
      onFailure: (error) => {
        problems.report('pass', [passFailed(error)])
        this.#repeated.error(`pass ${causeOf(error)}`, { err: error }, 'a pass failed and is tried again')
      },
    })
  }

  counts(): AgentCounts {
    const { repairedEntries, ...synced } = this.#report.counts()
    return {
      synced,
      repairs: { entries: repairedEntries, programs: this.#devices.repairs },
      statusWrites: this.#status.writes,
    }
  }

  /** False when a pass does not end: the loop turns, and nothing is kept up to date any more. */
  isAlive(): boolean {
    return this.#passes.runningForMs < LONGEST_PASS_MS
  }

  /** Whether programs are attached without which nobody is served: the uplink's and that of a private device. */
  get isAttached(): boolean {
    const attached = this.#model.devices().filter(({ device }) => this.#devices.isAttached(device))
    return (['uplink', 'private'] as const).every((wanted) => attached.some(({ role }) => role === wanted))
  }

  /** Takes over what can change while the gateway runs; established flows have their new timers from their next packet on. */
  reconfigure(config: AgentLiveConfig): void {
    this.#model.setFlowConfig(config)
    this.#compareEvery(config.driftIntervalSeconds)
    this.#passes.askForChange()
  }

  /** Programs and maps stay pinned: traffic goes on, and the kernel goes on keeping neighbours. */
  async stop(): Promise<void> {
    await runCleanUps([
      () => this.#repeated.close(),
      () => this.#dataplane.close(),
      () => this.#host.close(),
      () => this.#status.close(),
      () => this.#passes.close(),
      ...this.#cleanUps.splice(0),
    ])
  }

  async #begin(store: ResourceStore): Promise<void> {
    for (const kind of AGENT_KINDS) {
      for (const object of store.list(kind)) {
        this.#apply({ type: 'added', kind, key: keyOf(object.metadata), object })
      }
      this.#cleanUps.push(
        store.watch(kind, (event) => {
          this.#apply(event)
          this.#passes.askForChange()
        }),
      )
    }
    // What was lost before is not news.
    this.#reportLosses()
    await this.#passes.runNow()
    await this.#hostProblems.poll(this.#model.uplink())
    this.#reportForwarding()
    this.#resolver.releaseLeftovers()
    this.#cleanUps.push(
      listenToEvents(this.#dataplane.maps.events, {
        onNeighbourMissing: (address, slice) => {
          this.#neighbourMissing(address, slice)
        },
        onSliceFull: (slice, protocol) => {
          this.#report.sliceFull(this.#dataplane.maps.slices.get(slice), protocol)
        },
      }),
      every(TICK_MS, () => {
        this.#resolver.tick()
        this.#reportNeighbours()
        this.#reportLosses()
        if (this.#devices.retryDue()) this.#passes.askAtOnce()
      }),
      every(SETTINGS_MS, () => this.#reportForwarding()),
      () => this.#stopComparing(),
    )
    this.#compareEvery(this.#config.driftIntervalSeconds)
  }

  #compareEvery(seconds: number): void {
    this.#stopComparing()
    this.#stopComparing = every(seconds * 1000, () => this.#passes.askToVerify())
  }

  /** An object that cannot be understood is left out; it must not keep the others from being served. */
  #apply(event: Parameters<DesiredModel['apply']>[0]): void {
    const source = nameOf(event.kind, event.key)
    try {
      this.#model.apply(event)
      if (this.#ignored.delete(source)) this.#problems.report(source, [])
    } catch (error) {
      this.#ignored.add(source)
      this.#problems.report(source, [objectIgnored(source, error)])
    }
  }

  #hostChanged(change: HostChange): void {
    if (change.links || change.addresses || change.routes) this.#onHostChange?.(this.#host.snapshot())
    this.#model.setHost(this.#host.snapshot(), change)
    this.#resolver.changed(change.neighbours)
    this.#passes.askForChange()
  }

  #neighbourMissing(address: Address, slice: number): void {
    const uplink = this.#model.uplink()
    if (uplink === undefined) return
    if (this.#resolver.reportUnresolved(uplink.ifindex, address, slice)) this.#passes.askForChange()
  }

  async #bringUpToDate(verify: boolean): Promise<void> {
    if (verify) {
      await this.#host.refresh()
      await this.#hostProblems.poll(this.#model.uplink())
    }
    // Maps before programs: a program that is attached for the first time finds the addresses of the host.
    this.#settle()
    const untranslated = await this.#devices.ensure(this.#model.devices(), this.#host.snapshot().links, verify)
    if (this.#model.setFailures(untranslated)) this.#settle()
    if (verify) this.#report.verified(this.#sync.verify())
  }

  #settle(): void {
    const built = this.#model.build()
    this.#hostProblems.update(this.#host.snapshot(), this.#model.publicAddresses())
    this.#resolver.setInside(built.insideNeighbours.added, built.insideNeighbours.removed)
    this.#resolver.setUplink(built.uplinkNeighbours)
    this.#resolver.tick()
    this.#reportNeighbours()
    this.#bringIntoLine(built)
  }

  #reportLosses(): void {
    const { links } = this.#host.snapshot()
    const lost = this.#losses.look(readLosses(this.#dataplane.maps), (ifindex) => links.get(ifindex)?.name)
    this.#problems.report('losses', lost)
  }

  #reportForwarding(): void {
    const present = this.#model.devices().flatMap(({ role, link }) => (role === 'private' && link ? [link.name] : []))
    this.#hostProblems.pollForwarding(present)
  }

  #reportNeighbours(): void {
    this.#problems.report('neighbours', this.#resolver.isTableFull ? [neighbourTableFull()] : [])
    this.#problems.report('routes', this.#model.routeProblems(this.#resolver.silent()))
  }

  #bringIntoLine({ state, touched }: Built): void {
    for (const key of touched) this.#unreported.add(key)
    const result = this.#sync.apply(state)
    const changed = this.#report.applied(result, (affects) => this.#model.interfacesOf(affects))
    for (const key of changed) this.#unreported.add(key)
    this.#status.enqueue(this.#unreported)
    this.#unreported.clear()
  }
}

function every(milliseconds: number, body: () => void): () => void {
  const timer = setInterval(body, milliseconds)
  return () => {
    clearInterval(timer)
  }
}
