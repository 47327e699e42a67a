#!/usr/bin/env node
// The command line of natgw: arguments to options, options to one function a command, errors to one line.
import { Command, InvalidArgumentError, Option } from 'commander'
import { NatGwError } from '../errors/errors.ts'
import { ensureHeapOptions } from './heap.ts'
import type { LoadOptions } from './load-bpf.ts'
import type { ShowOptions } from './show.ts'
import type { StatusOptions } from './show-status.ts'

const program = new Command('natgw')
  .description('NAT gateway in XDP, driven by NATGateway resources')
  .showHelpAfterError()

const instanceOption = (): Option =>
  new Option('-i, --instance <name>', 'the gateway, where there are several on a host')
const configOption = (): Option => new Option('-c, --config <file>', 'gateway.yaml, which names the instance')
const outputOption = (): Option =>
  new Option('-o, --output <format>', 'output').choices(['table', 'json']).default('table')

program
  .command('run')
  .description('run the gateway that a configuration file describes, until SIGTERM')
  .requiredOption('-c, --config <file>', 'gateway.yaml')
  .action(async ({ config }: { config: string }) => {
    ensureHeapOptions()
    await (await import('./run.ts')).run(config)
  })

program
  .command('load-bpf')
  .description('load, pin and attach the programs without running a gateway')
  .option('--uplink <device>', 'device towards the internet')
  .option('--private <device>', 'device towards private machines; may be repeated', collect, [])
  .addOption(new Option('--mode <mode>', 'how to attach').choices(['auto', 'native', 'generic']).default('auto'))
  .addOption(instanceOption().default('default'))
  .option('--unload', 'take everything away again')
  .action(async (options: LoadOptions) => (await import('./load-bpf.ts')).loadBpf(options))

program
  .command('unload')
  .description('detach the programs and forget all flows')
  .addOption(instanceOption())
  .addOption(configOption())
  .action(async (options: { instance?: string; config?: string }) => {
    const { findStoppedInstance } = await import('./instance.ts')
    const { instance } = await findStoppedInstance(options)
    ;(await import('./load-bpf.ts')).unload(instance)
  })

const shows = {
  slices: ['who owns which ports of which public address', 'showSlices'],
  sessions: ['live sessions', 'showSessions'],
  drops: ['dropped packets by reason', 'showDrops'],
} as const

for (const [name, [description, show]] of Object.entries(shows)) {
  program
    .command(name)
    .description(description)
    .addOption(instanceOption())
    .addOption(configOption())
    .addOption(outputOption())
    .action(async (options: ShowOptions) => (await import('./show.ts'))[show](options))
}

program
  .command('status')
  .description('gateways with their addresses, slices and ports, and everything that does not work')
  .addOption(instanceOption())
  .addOption(configOption())
  .addOption(outputOption())
  .option('--check', 'exit with 1 where something does not work or no agent runs')
  .action(async (options: StatusOptions) => (await import('./show-status.ts')).showStatus(options))

function collect(value: string, previous: string[]): string[] {
  if (value === '') throw new InvalidArgumentError('a device name is expected')
  return [...previous, value]
}

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof NatGwError)) throw error
  process.stderr.write(`natgw: ${error.code}: ${error.message}\n`)
  process.exitCode = 1
}
