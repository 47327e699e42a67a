import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { runCli } from '../../src/cli/cli.ts'
import { BPF_OBJECT, Output } from '../../src/cli/env.ts'

/** The output of natgw for these arguments, with the paths of a real installation. */
export async function call(argv: string[]): Promise<string> {
  const stream = new PassThrough()
  const output = new Output(stream)
  const paths = { runFolder: '/run/natgw', defaultConfig: '/etc/natgw/gateway.yaml', bpfObject: BPF_OBJECT }
  await runCli({ argv, stdout: output, stderr: output, columns: 100, ...paths, openLog: () => Promise.resolve(stream) })
  stream.end()
  return (await text(stream)).trimEnd()
}
