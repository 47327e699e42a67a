import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

export interface Result {
  /** Exit status; 128 + signal number is not used: a signal is −1. */
  status: number
  stdout: string
  stderr: string
}

export interface RunOptions {
  input?: string
  /** Milliseconds until SIGKILL; default 30 s. */
  timeout?: number
}

/** Runs a program to its end. Does not throw on a non-zero status. */
export async function attempt(command: string, args: string[], options: RunOptions = {}): Promise<Result> {
  const child = spawn(command, args, { stdio: 'pipe', timeout: options.timeout ?? 30_000, killSignal: 'SIGKILL' })
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  child.stdout.on('data', (chunk: Buffer) => chunks.stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => chunks.stderr.push(chunk))
  // A program that ends without reading its input is no error here: its status says how it ended.
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input ?? '')
  const [status] = (await once(child, 'close')) as [number | null]
  const text = (list: Buffer[]): string => Buffer.concat(list).toString()
  return { status: status ?? -1, stdout: text(chunks.stdout), stderr: text(chunks.stderr) }
}

/**
 * Runs a program to its end.
 * @returns what it wrote to stdout
 * @throws Error with its stderr when its status is not 0
 */
export async function run(command: string, args: string[], options: RunOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await attempt(command, args, options)
  if (status === 0) return stdout
  const outcome = status === -1 ? 'was killed (time-out?)' : `failed with status ${status}`
  throw new Error(`${command} ${args.join(' ')} ${outcome}: ${stderr.trim() || stdout.trim()}`)
}

/**
 * A program that goes on running, in a process group of its own. Its output goes to a file, not to a pipe, so that
 * it can outlive this process (`npm run demo -- --keep`).
 */
export class Service {
  readonly name: string
  readonly pid: number
  readonly logFile: string
  readonly #child: ChildProcess
  readonly #ended: Promise<void>

  private constructor(name: string, child: ChildProcess, pid: number, logFile: string) {
    this.name = name
    this.pid = pid
    this.logFile = logFile
    this.#child = child
    this.#ended = child.exitCode === null ? once(child, 'exit').then(() => undefined) : Promise.resolve()
  }

  static async start(name: string, command: string, args: string[], logFile: string): Promise<Service> {
    const log = openSync(logFile, 'a')
    const options: SpawnOptions = { stdio: ['ignore', log, log], detached: true }
    try {
      const child = spawn(command, args, options)
      // Fails here when there is no such program.
      await once(child, 'spawn')
      if (child.pid === undefined) throw new Error(`${name}: ${command} did not start`)
      child.unref()
      return new Service(name, child, child.pid, logFile)
    } finally {
      closeSync(log)
    }
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Exit status; undefined while it runs and when a signal ended it. */
  get status(): number | undefined {
    return this.#child.exitCode ?? undefined
  }

  /** All that it wrote so far, stdout and stderr. */
  get log(): string {
    return readFileSync(this.logFile, 'utf8')
  }

  /** Resolves once the log matches. @throws Error with the log when it ends before, or after `timeout` milliseconds */
  async waitForLog(pattern: RegExp, timeout = 10_000): Promise<void> {
    await waitUntil(`${this.name} to write ${pattern.source}`, timeout, () => {
      if (pattern.test(this.log)) return true
      if (!this.running) throw new Error(`${this.name} ended before it wrote ${pattern.source}: ${this.log}`)
      return false
    })
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.running) return
    try {
      process.kill(-this.pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }

  /** Ends the whole group; with SIGKILL what does not end within 5 s. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (!this.running) return
    this.#child.ref()
    this.signal(signal)
    const timer = setTimeout(() => {
      this.signal('SIGKILL')
    }, 5_000)
    await this.#ended
    clearTimeout(timer)
  }
}

/** Factor for all time limits: an emulated machine is slower (scripts/test-kernels). */
const PATIENCE = Number(process.env['NATGW_PATIENCE'] ?? 1)

/**
 * @param usual milliseconds, on a machine that is not emulated
 * @param check called every 20 ms until it returns true
 * @throws Error naming `what` when the time is up
 */
export async function waitUntil(what: string, usual: number, check: () => boolean | Promise<boolean>): Promise<void> {
  const timeout = usual * PATIENCE
  const end = performance.now() + timeout
  while (!(await check())) {
    if (performance.now() > end) throw new Error(`waited ${timeout} ms in vain for ${what}`)
    await delay(20)
  }
}
