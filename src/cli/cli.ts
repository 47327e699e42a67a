// The command line of natgw as a function: arguments to options, options to one function a command, errors to one line.
// Commands that are nouns never change anything; those that are verbs do.
import { readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { natProtocolNames } from '../dataplane/generated/layouts.ts'
import { NatGwError } from '../errors/errors.ts'
import type { CheckOptions } from './check.ts'
import type { CliEnv } from './env.ts'
import { PACKAGE_FOLDER, ReaderGone } from './env.ts'
import type { StartOptions } from './gateway.ts'
import type { InstanceOptions } from './instance.ts'
import type { LoadOptions } from './load-bpf.ts'
import type { ShowOptions } from './show.ts'
import type { SessionsOptions } from './show-sessions.ts'
import type { StatusOptions } from './show-status.ts'
import type { UnloadOptions } from './unload.ts'

const FAILED = 1
const WRONG_USAGE = 2

export interface Call {
  /** What commander would print, to be written in its order with everything else. */
  help: string[]
  /** What a command that succeeds has to report by its exit status. */
  status: number
}

/** @returns exit status: 0, 1 when it failed, 2 when the command line is wrong */
export async function runCli(env: CliEnv): Promise<number> {
  const call: Call = { help: [], status: 0 }
  try {
    await parse(env, call)
    return call.status
  } catch (error) {
    if (error instanceof ReaderGone) return 0
    const wrong = error instanceof CommanderError || (error instanceof NatGwError && error.code === 'ERR_USAGE')
    await env.stderr.note(`natgw: ${error instanceof CommanderError ? usageText(error, call.help) : textOf(error)}`)
    return wrong ? WRONG_USAGE : FAILED
  }
}

async function parse(env: CliEnv, call: Call): Promise<void> {
  try {
    await commandsOf(env, call).parseAsync(env.argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode !== 0) throw error
    await env.stdout.print(call.help.join('').trimEnd())
  }
}

function textOf(error: unknown): string {
  if (error instanceof NatGwError) return `${error.code}: ${error.message}`
  return `unexpected, please report it: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
}

function usageText({ message }: CommanderError, help: readonly string[]): string {
  // Without a command commander's message is its help.
  if (help.length > 0) return `ERR_USAGE: a command is expected\n${help.join('').trimEnd()}`
  return `ERR_USAGE: ${message.replace(/^error: /, '').replaceAll('\n', ' ')}; see natgw --help`
}

/** The commands and options of natgw. */
export function commandsOf(env: CliEnv, call: Call): Command {
  const program = new Command('natgw')
    .description('NAT gateway in XDP, driven by NATGateway resources')
    .version(versionText())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => call.help.push(text),
      writeErr: (text) => call.help.push(text),
      outputError: () => undefined,
      getOutHelpWidth: () => env.columns,
      getErrHelpWidth: () => env.columns,
    })

  program
    .command('run')
    .description('run the gateway that a configuration file describes, until SIGTERM')
    .addOption(new Option('-c, --config <file>', 'gateway.yaml').default(env.defaultConfig))
    .option(...ACCEPT_FLOW_LOSS)
    .action(async ({ config, ...options }: { config: string } & StartOptions) => {
      const longLived = await env.longLived?.()
      call.status = await (await import('./run.ts')).run(env, config, options, longLived)
    })

  program
    .command('check')
    .description('whether a configuration file and its manifests are valid; reads only, needs no root')
    .addOption(new Option('-c, --config <file>', 'gateway.yaml').default(env.defaultConfig))
    .addOption(outputOption())
    .action(async (options: CheckOptions) => {
      call.status = await (await import('./check.ts')).check(env, options)
    })

  program
    .command('load-bpf')
    .description('load, pin and attach the programs without running a gateway')
    .option('--uplink <device>', 'device towards the internet')
    .option('--private <device>', 'device towards private machines; may be repeated', collect)
    .addOption(new Option('--mode <mode>', 'how to attach').choices(['auto', 'native', 'generic']).default('auto'))
    .addOption(instanceOption())
    .option(...ACCEPT_FLOW_LOSS)
    .option('--unload', 'the same as natgw unload')
    .option('-y, --yes', 'with --unload: end living flows without asking')
    .action(async ({ unload, yes, ...options }: LoadOptions & UnloadOptions & { unload?: boolean }) => {
      if (unload === true) await (await import('./unload.ts')).unload(env, { ...options, yes: yes === true })
      else await (await import('./load-bpf.ts')).loadBpf(env, options)
    })

  program
    .command('unload')
    .description('detach the programs, and remove maps, flows and all else but the state file')
    .addOption(instanceOption())
    .addOption(configOption(env))
    .option('-y, --yes', 'end living flows without asking')
    .action(async (options: UnloadOptions) => (await import('./unload.ts')).unload(env, options))

  program
    .command('detach')
    .description('take the program off a device that gateway.yaml does not name any more')
    .argument('<device>', 'name of the device')
    .addOption(instanceOption())
    .addOption(configOption(env))
    .action(async (device: string, options: InstanceOptions) =>
      (await import('./detach.ts')).detach(env, device, options),
    )

  program
    .command('status')
    .description('devices, public addresses, gateways with their slices and ports, and everything that does not work')
    .addOption(instanceOption())
    .addOption(configOption(env))
    .addOption(outputOption())
    .option('--check', 'exit with 1 where something does not work or no agent runs')
    .action(async (options: StatusOptions) => {
      call.status = await (await import('./show-status.ts')).showStatus(env, options)
    })

  program
    .command('sessions')
    .description('live sessions')
    .addOption(instanceOption())
    .addOption(configOption(env))
    .addOption(outputOption())
    .option('--interface <name>', 'of this NetworkInterface: name or namespace/name')
    .option('--remote <endpoint>', 'with this far end: address, prefix or address:port')
    .option('--public <endpoint>', 'with this public address, prefix or address:port')
    .addOption(new Option('--proto <protocol>', 'of this protocol').choices(Object.values(natProtocolNames)))
    .addOption(new Option('--limit <number>', 'show no more than so many').argParser(positive))
    .action(async (options: SessionsOptions) => (await import('./show-sessions.ts')).showSessions(env, options))

  for (const [name, [description, show]] of Object.entries(shows)) {
    program
      .command(name)
      .description(description)
      .addOption(instanceOption())
      .addOption(configOption(env))
      .addOption(outputOption())
      .action(async (options: ShowOptions) => (await import('./show.ts'))[show](env, options))
  }
  return program
}

const ACCEPT_FLOW_LOSS = [
  '--accept-flow-loss',
  'end the flows of another version of natgw, where this one cannot go on with them',
] as const

const shows = {
  slices: ['who owns which ports of which public address', 'showSlices'],
  drops: ['dropped packets by reason', 'showDrops'],
} as const

function instanceOption(): Option {
  return new Option('-i, --instance <name>', 'instance name (default: that of gateway.yaml, or "default")')
}

function configOption(env: CliEnv): Option {
  return new Option(
    '-c, --config <file>',
    `gateway.yaml, which names the instance (${env.defaultConfig} if it is there)`,
  )
}

function outputOption(): Option {
  return new Option('-o, --output <format>', 'output').choices(['table', 'json']).default('table')
}

function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value]
}

function positive(text: string): number {
  if (!/^[1-9][0-9]{0,14}$/.test(text)) throw new InvalidArgumentError('A whole number from 1 is expected.')
  return Number(text)
}

function versionText(): string {
  const { version } = JSON.parse(readFileSync(`${PACKAGE_FOLDER}package.json`, 'utf8')) as { version: string }
  return `natgw ${version}`
}
