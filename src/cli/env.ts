// Everything outside of itself that a command line touches. With it a whole call of natgw is a function call.
import type { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { DestinationStream } from 'pino'
import { messageOf, NatGwError } from '../errors/errors.ts'
import type { ServiceManager } from './service-manager.ts'
import type { Signals } from './stop-signals.ts'

/** Folder of the package: src/cli and dist/cli are equally deep in it. */
export const PACKAGE_FOLDER = fileURLToPath(new URL('../..', import.meta.url))

/** The compiled BPF programs of this package. */
export const BPF_OBJECT = `${PACKAGE_FOLDER}build/bpf/natgw.bpf.o`

export interface CliEnv {
  /** Arguments after the program's name. */
  argv: readonly string[]
  stdout: Output
  stderr: Output
  /** Width of a line of help. */
  columns: number
  /** Asks a person and returns the answer. Absent where nobody can answer: stdin is no terminal. */
  ask?: (question: string) => Promise<string>
  /** For a command that stays until a signal ends it. */
  longLived?: () => Promise<LongLived>
  /** Holds what belongs to running processes. */
  runFolder: string
  /** The configuration file that is used where none is named. */
  defaultConfig: string
  /** The compiled BPF programs. */
  bpfObject: string
  /** Where a command that stays logs to. It writes synchronously: a line that was logged is not lost with the process. */
  openLog: () => Promise<DestinationStream>
}

export interface LongLived {
  signals?: Signals
  serviceManager?: ServiceManager
}

/** The reader of a pipe has gone away (`natgw sessions | head -1`): there is nothing left to do, and nothing to report. */
export class ReaderGone extends Error {}

/** A stream of text that waits for its reader. */
export class Output {
  readonly #stream: Writable

  constructor(stream: Writable) {
    this.#stream = stream
    // Node ends the process for an 'error' that nobody listens to; print() reports it to its caller instead.
    stream.on('error', () => undefined)
  }

  /**
   * Writes a line, or several, and waits until the stream has taken them.
   * @throws ReaderGone; ERR_OUTPUT for every other failure (disk full)
   */
  async print(text: string): Promise<void> {
    const error = await new Promise<Error | null | undefined>((resolve) => {
      this.#stream.write(`${text}\n`, resolve)
    })
    if (error === null || error === undefined) return
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'].includes(code)) throw new ReaderGone()
    throw new NatGwError('ERR_OUTPUT', `the output cannot be written: ${messageOf(error)}`, { errno: code })
  }

  /** As print(), for what is said by the way: a reader that went away changes nothing. */
  async note(text: string): Promise<void> {
    await this.print(text).catch(() => undefined)
  }
}
