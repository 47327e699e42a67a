// A real gateway in a lab: `natgw run` with gateway.yaml and manifests, as a user has it.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll } from 'vitest'
import { Natgw } from '../../scripts/lab/natgw.ts'
import type { AgentCounts } from '../../src/agent/agent.ts'
import type { GroupKind, Resource, ResourceOf } from '../../src/api/index.ts'
import { isOfKind, NETWORK_INTERFACE } from '../../src/api/index.ts'
import type { ShownProblem } from '../../src/cli/all-problems.ts'
import type { SliceRow } from '../../src/cli/inspect.ts'
import { readStateFile } from '../../src/store/read-state.ts'
import {
  type GatewayFiles,
  gatewayManifest,
  interfaceManifest,
  Lab,
  type LabOptions,
  type Machine,
  networkManifest,
  type Service,
  waitUntil,
  writeGatewayConfig,
  writeManifest,
} from './netns.ts'

export type { SliceRow } from '../../src/cli/inspect.ts'

export interface GatewayLabOptions extends LabOptions {
  /** Top-level fields of gateway.yaml. */
  config?: Record<string, unknown>
  portsPerNetworkInterface?: number
}

/** A line of natgw's log. */
export interface LogLine {
  level: number
  msg: string
  [field: string]: unknown
}

const WARN = 40
/** The lab forwards on purpose: what slips into the kernel arrives somewhere, and a test sees it. */
const OF_THE_LAB = 'KernelForwards'

export class GatewayLab {
  readonly lab: Lab
  readonly files: GatewayFiles
  readonly natgw: Natgw
  readonly #ports: number
  #service: Service | undefined

  private constructor(lab: Lab, options: GatewayLabOptions) {
    this.lab = lab
    this.files = writeGatewayConfig(lab, options.config)
    this.natgw = new Natgw(lab, this.files.config)
    this.#ports = options.portsPerNetworkInterface ?? 64
  }

  /** The lab with its files and no manifests yet; natgw is not started. */
  static async up(options: GatewayLabOptions = {}): Promise<GatewayLab> {
    return new GatewayLab(await Lab.up(options), options)
  }

  /** The process that was started last. */
  get service(): Service {
    if (this.#service === undefined) throw new Error('natgw was not started yet')
    return this.#service
  }

  get stateFile(): string {
    return join(this.lab.folder, 'state')
  }

  /** Starts natgw and waits until everyone given has a slice that works. @param before see Natgw.start */
  async serve(machines: readonly Machine[] = this.lab.machines, ...before: string[]): Promise<void> {
    for (const network of new Set(machines.map(({ network }) => network))) {
      writeManifest(this.files, `network-${network}`, networkManifest(network))
      writeManifest(this.files, `gateway-${network}`, gatewayManifest(network, this.#ports))
    }
    for (const machine of machines) this.addMachine(machine)
    await this.start(...before)
    await this.waitForSlices(machines.length)
    await waitUntil('a way out', 10_000, async () => (await this.#ping(machines[0])).status === 0)
  }

  async start(...before: string[]): Promise<void> {
    this.#service = await this.natgw.start(...before)
  }

  /** @returns once it is gone */
  async kill(): Promise<void> {
    await this.service.stop('SIGKILL')
  }

  /** Ends natgw as a service manager does. @returns what it says it did */
  async stop(): Promise<AgentCounts> {
    await this.service.stop('SIGTERM')
    const last = this.log().find(({ msg }) => msg.startsWith('ending'))
    if (last === undefined) throw new Error(`no word at its end: ${this.service.log}`)
    return last.counts as AgentCounts
  }

  addMachine(machine: Pick<Machine, 'name' | 'address' | 'network'>): void {
    writeManifest(this.files, machine.name, interfaceManifest(machine))
  }

  removeManifest(name: string): void {
    rmSync(join(this.files.manifests, `${name}.yaml`))
  }

  /** Until exactly so many interfaces have a slice, and all of these are reachable. */
  async waitForSlices(interfaces: number): Promise<SliceRow[]> {
    let rows: SliceRow[] = []
    await waitUntil(`${interfaces} reachable slices`, 15_000, async () => {
      rows = await this.natgw.slices()
      return rows.length === interfaces && rows.every(({ reachable }) => reachable)
    })
    return rows
  }

  async sliceOf(machine: Machine): Promise<SliceRow> {
    const rows = await this.natgw.slices()
    const row = rows.find(({ networkInterface }) => networkInterface === `default/${machine.name}`)
    if (row === undefined) throw new Error(`${machine.name} has no slice: ${JSON.stringify(rows)}`)
    return row
  }

  /** What the process that runs, or ran last, wrote. */
  log(): LogLine[] {
    const lines = this.service.log.split('\n').filter((line) => line.startsWith('{'))
    return lines.map((line) => JSON.parse(line) as LogLine)
  }

  /** Messages at warning level and above, but for what the lab does on purpose. */
  complaints(): string[] {
    return this.log()
      .filter(({ level, reason }) => level >= WARN && reason !== OF_THE_LAB)
      .map(({ msg }) => msg)
  }

  async objects<K extends GroupKind>(kind: K): Promise<ResourceOf<K>[]> {
    const all = (await readStateFile(this.stateFile)) ?? []
    return all.filter((object: Resource): object is ResourceOf<K> => isOfKind(object, kind))
  }

  /** `reason` of a condition of a NetworkInterface. */
  async reasonOf(machine: Pick<Machine, 'name'>, type: string): Promise<string | undefined> {
    const found = (await this.objects(NETWORK_INTERFACE)).find(({ metadata }) => metadata.name === machine.name)
    return found?.status?.conditions?.find((condition) => condition.type === type)?.reason
  }

  async down(): Promise<void> {
    await this.lab.down()
  }

  async #ping(machine: Machine | undefined) {
    if (machine === undefined) return { status: 0 }
    const answer = await machine.host.attempt('ping', ['-c', '1', '-W', '1', '203.0.113.80'])
    if (answer.status !== 0) await delay(50)
    return answer
  }
}

/** One gateway for the tests of a `describe` block or file, serving every machine of its lab. */
export function useGateway(
  options: GatewayLabOptions = {},
  prepare: (gateway: GatewayLab) => Promise<unknown> = (gateway) => gateway.serve(),
): () => GatewayLab {
  let gateway: GatewayLab | undefined
  beforeAll(async () => {
    gateway = await GatewayLab.up(options)
    await prepare(gateway)
  })
  afterAll(() => gateway?.down())
  return () => {
    if (gateway === undefined) throw new Error('the gateway is there only while tests run')
    return gateway
  }
}

/** What `natgw status` lists as wrong. */
export async function readProblems({ natgw }: GatewayLab): Promise<ShownProblem[]> {
  const { problems } = await natgw.status()
  return problems.filter(({ reason }) => reason !== OF_THE_LAB)
}

/** Whether the endpoint `<address>:<port>` that a server saw is in the slice. */
export function isWithin(slice: SliceRow, endpoint: string): boolean {
  const [address, port] = endpoint.split(':')
  return address === slice.publicAddress && Number(port) >= slice.firstPort && Number(port) <= slice.lastPort
}
