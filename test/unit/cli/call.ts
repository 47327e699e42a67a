import { PassThrough } from 'node:stream'
import { runCli } from '../../../src/cli/cli.ts'
import type { CliEnv } from '../../../src/cli/env.ts'
import { BPF_OBJECT, Output } from '../../../src/cli/env.ts'

export interface Outcome {
  status: number
  stdout: string
  stderr: string
}

/** An environment without files. */
export function isolatedEnv(argv: string[], stdout: PassThrough, stderr: PassThrough): CliEnv {
  return {
    argv,
    stdout: new Output(stdout),
    stderr: new Output(stderr),
    columns: 80,
    runFolder: '/nonexistent/run',
    defaultConfig: '/nonexistent/gateway.yaml',
    bpfObject: BPF_OBJECT,
    openLog: () => Promise.resolve(stdout),
  }
}

/** A whole call of natgw within this process. */
export async function call(argv: string[], changes: Partial<CliEnv> = {}): Promise<Outcome> {
  const stdout = new Collector()
  const stderr = new Collector()
  const status = await runCli({ ...isolatedEnv(argv, stdout.stream, stderr.stream), ...changes })
  return { status, stdout: stdout.text, stderr: stderr.text }
}

export class Collector {
  readonly stream = new PassThrough()
  text = ''

  constructor() {
    this.stream.setEncoding('utf8').on('data', (chunk: string) => (this.text += chunk))
  }
}
