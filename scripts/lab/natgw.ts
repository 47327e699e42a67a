import { fileURLToPath } from 'node:url'
import type { SliceRow } from '../../src/cli/inspect.ts'
import type { SessionView } from '../../src/cli/session-view.ts'
import type { StatusView } from '../../src/cli/status-view.ts'
import type { Lab } from './lab.ts'
import { type Result, type Service, waitUntil } from './process.ts'

/** The built command line, as a user starts it. */
export const NATGW = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** `natgw` in the gateway's namespace of a lab. */
export class Natgw {
  readonly #lab: Lab
  readonly #config: string
  readonly #program: string
  #starts = 0

  /** @param config path of gateway.yaml @param program the command line of another version */
  constructor(lab: Lab, config: string, program = NATGW) {
    this.#lab = lab
    this.#config = config
    this.#program = program
  }

  /** Starts `natgw run` and waits until it says that the gateway serves, or why not. @param before a command that starts it, like unshare */
  async start(...before: string[]): Promise<Service> {
    // A log of its own, without lines of an earlier run.
    const name = `natgw-${++this.#starts}`
    const [program = '', ...args] = [...before, process.execPath, this.#program, 'run', '--config', this.#config]
    const service = await this.#lab.gateway.start(name, program, ...args)
    await service.waitForLog(/"gateway (is serving|runs and serves nobody)/, 30_000)
    return service
  }

  async attempt(...args: string[]): Promise<Result> {
    return this.#lab.gateway.attempt(process.execPath, [this.#program, ...args])
  }

  /** A command of natgw about this lab's instance, as the user sees it. */
  async show(...args: string[]): Promise<string> {
    return (await this.#lab.gateway.run(process.execPath, this.#program, ...args, '--config', this.#config)).trimEnd()
  }

  async status(): Promise<StatusView> {
    return JSON.parse(await this.show('status', '-o', 'json')) as StatusView
  }

  async slices(): Promise<SliceRow[]> {
    return JSON.parse(await this.show('slices', '-o', 'json')) as SliceRow[]
  }

  async sessions(): Promise<SessionView[]> {
    return JSON.parse(await this.show('sessions', '-o', 'json')) as SessionView[]
  }

  /** Counted by reason. */
  async drops(): Promise<Record<string, number>> {
    const view = JSON.parse(await this.show('drops', '-o', 'json')) as {
      dropped: { reason: string; packets: number }[]
    }
    return Object.fromEntries(view.dropped.map(({ reason, packets }) => [reason, packets]))
  }

  /** Waits until each of these interfaces has a slice in the maps. */
  async waitForSlices(interfaces: number): Promise<SliceRow[]> {
    let rows: SliceRow[] = []
    await waitUntil(`${interfaces} slices`, 15_000, async () => {
      rows = await this.slices()
      return rows.length === interfaces
    })
    return rows
  }
}
