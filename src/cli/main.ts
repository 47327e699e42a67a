#!/usr/bin/env node
// The process of natgw: what it is given by the system, to the command line as a function. What a process that stays needs
// first is imported first, all else later: a signal can come at any moment.
import { ensureHeapOptions } from './heap.ts'
import { listenToSignals } from './stop-signals.ts'

const argv = process.argv.slice(2)
const stays = argv[0] === 'run'
/** Only until the addon is loaded: process.exit() would wait for file operations that hang. */
let exit: (status: number) => never = (status) => process.exit(status)
// Before anybody listens: a signal that is heard and not yet acted upon would be lost with the old program.
if (stays) ensureHeapOptions()
const signals = stays ? listenToSignals(() => exit(1)) : undefined

const { createInterface } = await import('node:readline/promises')
const { runCli } = await import('./cli.ts')
const { BPF_OBJECT, Output } = await import('./env.ts')

async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await terminal.question(question)
  } finally {
    terminal.close()
  }
}

const stderr = new Output(process.stderr)

/** What only a process that stays needs. */
async function longLived() {
  if (signals === undefined) return {}
  const { ServiceManager } = await import('./service-manager.ts')
  const { exitNow, sendDatagram } = await import('../native/load-native.ts')
  exit = exitNow
  const onError = (message: string) => void stderr.note(`natgw: ${message}`)
  return { signals, serviceManager: new ServiceManager(process.env, process.pid, { send: sendDatagram, onError }) }
}

process.exitCode = await runCli({
  argv,
  stdout: new Output(process.stdout),
  stderr,
  columns: process.stdout.isTTY ? process.stdout.columns : 80,
  ...(process.stdin.isTTY ? { ask } : {}),
  runFolder: '/run/natgw',
  defaultConfig: '/etc/natgw/gateway.yaml',
  bpfObject: process.env.NATGW_BPF_OBJECT ?? BPF_OBJECT,
  openLog: async () => (await import('pino')).destination({ sync: true }),
  longLived,
})
if (stays) exit(process.exitCode)
