// Which gateway a command is about, and what is known of its process.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../config/load.ts'
import { messageOf, NatGwError } from '../errors/errors.ts'
import { lockFile, unlockFile } from '../native/load-native.ts'
import { RUN_FOLDER } from './paths.ts'

export const DEFAULT_INSTANCE = 'default'

/** How the user names the gateway; the configuration file wins. */
export interface InstanceOptions {
  config?: string
  instance?: string
}

/** Written by `natgw run` for the other commands; stays when it ends, until `natgw unload`. */
export interface RunRecord {
  pid: number
  config: string
  stateFile: string
  startedAt: string
}

export interface InstanceInfo {
  instance: string
  /** Where its objects are kept, if that is known. */
  stateFile: string | undefined
  record: RunRecord | undefined
  running: boolean
}

/** @throws ERR_CONFIG_READ, ERR_CONFIG_INVALID */
export async function findInstance(options: InstanceOptions): Promise<InstanceInfo> {
  const config = options.config === undefined ? undefined : (await loadConfig(options.config)).config
  const instance = config?.instance ?? options.instance ?? DEFAULT_INSTANCE
  const record = readRecord(instance)
  return { instance, stateFile: config?.stateFile ?? record?.stateFile, record, running: isLocked(instance) }
}

/**
 * For what must not happen behind the back of a running agent.
 * @throws ERR_ALREADY_RUNNING, ERR_CONFIG_READ, ERR_CONFIG_INVALID
 */
export async function findStoppedInstance(options: InstanceOptions): Promise<InstanceInfo> {
  const info = await findInstance(options)
  if (!info.running) return info
  throw new NatGwError(
    'ERR_ALREADY_RUNNING',
    `instance '${info.instance}' is running (pid ${info.record?.pid ?? 'unknown'}) and looks after its programs itself: stop it first`,
    { instance: info.instance, pid: info.record?.pid },
  )
}

/**
 * Makes this process the one that runs the instance, until it ends.
 * @returns what to call at an orderly end. @throws ERR_ALREADY_RUNNING
 */
export function claimInstance(instance: string, record: Omit<RunRecord, 'pid' | 'startedAt'>): () => void {
  const fd = lockInstance(instance)
  if (fd === -1) {
    const other = readRecord(instance)
    const who = other === undefined ? 'another process' : `process ${other.pid} (${other.config})`
    throw new NatGwError(
      'ERR_ALREADY_RUNNING',
      `instance '${instance}' is run by ${who} already: stop that one first, or give this one another \`instance\` and devices of its own`,
      { instance, pid: other?.pid },
    )
  }
  writeFileSync(
    recordPath(instance),
    JSON.stringify({ ...record, pid: process.pid, startedAt: new Date().toISOString() }),
  )
  return () => unlockFile(fd)
}

/** Removes what earlier runs of an unloaded instance left for the other commands. */
export function forgetRuns(instance: string): void {
  for (const path of [recordPath(instance), problemsPath(instance)]) rmSync(path, { force: true })
}

function isLocked(instance: string): boolean {
  const fd = lockInstance(instance)
  if (fd === -1) return true
  unlockFile(fd)
  return false
}

/** @returns the descriptor, -1 when another process holds the lock. @throws ERR_NO_ROOT */
function lockInstance(instance: string): number {
  const path = lockPath(instance)
  try {
    mkdirSync(RUN_FOLDER, { recursive: true })
    return lockFile(path)
  } catch (error) {
    if (!['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    throw new NatGwError(
      'ERR_NO_ROOT',
      `${path} is root's: ${messageOf(error)}; run natgw as root`,
      { path },
      { cause: error },
    )
  }
}

function readRecord(instance: string): RunRecord | undefined {
  try {
    return JSON.parse(readFileSync(recordPath(instance), 'utf8')) as RunRecord
  } catch {
    return undefined
  }
}

/** Where an agent publishes its problems. */
export function problemsPath(instance: string): string {
  return join(RUN_FOLDER, `${instance}.problems.json`)
}

function lockPath(instance: string): string {
  return join(RUN_FOLDER, `${instance}.lock`)
}

function recordPath(instance: string): string {
  return join(RUN_FOLDER, `${instance}.json`)
}
