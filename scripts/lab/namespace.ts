import { join } from 'node:path'
import { attempt, type Result, run, type RunOptions, Service } from './process.ts'

/** A network namespace of a lab: one host of it. */
export class Namespace {
  /** Within its lab: gw, net, m1, … */
  readonly name: string
  /** As `ip netns` knows it. */
  readonly fullName: string
  readonly #folder: string
  readonly #services: Service[]

  /** @param folder of the lab, for logs @param services of the lab, to which those started here are added */
  constructor(name: string, fullName: string, folder: string, services: Service[]) {
    this.name = name
    this.fullName = fullName
    this.#folder = folder
    this.#services = services
  }

  get path(): string {
    return `/run/netns/${this.fullName}`
  }

  /**
   * The command line that runs a program here. Not `ip netns exec`: that mounts a /sys of its own over the one that
   * holds the BPF file system.
   */
  command(program: string, ...args: string[]): [string, string[]] {
    return ['nsenter', [`--net=${this.path}`, '--', program, ...args]]
  }

  /** @returns stdout @throws Error when the status is not 0 */
  async run(program: string, ...args: string[]): Promise<string> {
    return run(...this.command(program, ...args))
  }

  async attempt(program: string, args: string[], options?: RunOptions): Promise<Result> {
    return attempt(...this.command(program, ...args), options)
  }

  /** Starts a program that goes on running until it is stopped, or the lab goes down. */
  async start(name: string, program: string, ...args: string[]): Promise<Service> {
    const logFile = join(this.#folder, `${this.name}-${name}.log`)
    const service = await Service.start(`${name} in ${this.fullName}`, ...this.command(program, ...args), logFile)
    this.#services.push(service)
    return service
  }

  /** `ip` commands without the leading word, in one process. */
  async ip(...commands: string[]): Promise<void> {
    await run('ip', ['-n', this.fullName, '-batch', '-'], { input: `${commands.join('\n')}\n` })
  }

  async sysctl(...settings: string[]): Promise<void> {
    await this.run('sysctl', '-q', '-w', ...settings)
  }
}
