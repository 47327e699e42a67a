// Which gateway a command is about, and what is known of its process.
import { existsSync } from 'node:fs'
import { loadConfig } from '../config/load.ts'
import { messageOf, NatGwError } from '../errors/errors.ts'
import { INSTANCE_NAME, isInstanceName } from '../net/names.ts'
import type { CliEnv } from './env.ts'
import type { RunRecord } from './run-folder.ts'
import { RunFolder } from './run-folder.ts'

export const DEFAULT_INSTANCE = 'default'

/** How the user names the gateway. */
export interface InstanceOptions {
  config?: string
  instance?: string
}

export interface InstanceInfo {
  instance: string
  runFolder: RunFolder
  /** Where its objects are kept, if that is known. */
  stateFile: string | undefined
  record: RunRecord | undefined
  running: boolean
}

/** Only reads. @throws ERR_USAGE, ERR_CONFIG_READ, ERR_CONFIG_INVALID, ERR_NO_ROOT */
export async function findInstance(env: CliEnv, options: InstanceOptions): Promise<InstanceInfo> {
  const { instance, stateFile } = await chosenInstance(env, options)
  const runFolder = new RunFolder(env.runFolder, instance)
  const record = runFolder.readRecord()
  return { instance, runFolder, stateFile: stateFile ?? record?.stateFile, record, running: runFolder.isLocked() }
}

/**
 * Keeps every other process from running or changing the instance.
 * @returns what gives it back. @throws ERR_ALREADY_RUNNING, ERR_NO_ROOT
 */
export async function lockInstance({ instance, runFolder }: Pick<InstanceInfo, 'instance' | 'runFolder'>) {
  const release = await runFolder.lock()
  if (release !== undefined) return release
  const other = runFolder.readRecord()
  const who = other === undefined ? 'another process' : `process ${other.pid} (${other.config})`
  throw new NatGwError(
    'ERR_ALREADY_RUNNING',
    `instance '${instance}' is run by ${who} already: stop it first, or use another instance with devices of its own`,
    { instance, pid: other?.pid },
  )
}

async function chosenInstance(
  env: CliEnv,
  { config: path, instance }: InstanceOptions,
): Promise<{ instance: string; stateFile?: string }> {
  if (instance !== undefined && !isInstanceName(instance)) {
    throw new NatGwError('ERR_USAGE', `--instance ${JSON.stringify(instance)}: ${INSTANCE_NAME.what} is expected`, {
      option: '--instance',
      value: instance,
    })
  }
  if (path !== undefined) {
    const { config } = await loadConfig(path)
    if (instance === undefined || instance === config.instance) return config
    const message = `--instance ${instance} is not the instance '${config.instance}' of ${path}: give one of the two`
    throw new NatGwError('ERR_USAGE', message, { option: '--instance', value: instance })
  }
  if (instance !== undefined) return { instance }
  return (await configuredInstance(env)) ?? { instance: DEFAULT_INSTANCE }
}

/** Nobody asked for this file: a mistake in it must not keep anybody from looking at a gateway that runs. */
async function configuredInstance(env: CliEnv): Promise<{ instance: string; stateFile: string } | undefined> {
  if (!existsSync(env.defaultConfig)) return undefined
  try {
    return (await loadConfig(env.defaultConfig)).config
  } catch (error) {
    await env.stderr.note(`instance '${DEFAULT_INSTANCE}' is meant, --instance names another: ${messageOf(error)}`)
    return undefined
  }
}
