import { ftruncateSync, readFileSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { NatGwError } from '../../errors/errors.ts'
import { writeWhole } from '../../files/own-files.ts'
import { lockFile, unlockFile } from '../../native/load-native.ts'

/** Who writes a state file: what the lock file beside it says. */
interface Holder {
  pid: number
  host: string
  /** RFC 3339. */
  since: string
}

/**
 * Makes this process the only one that writes the state file, until it ends. The lock lies beside the file, for the file
 * itself is replaced: whoever shares its folder, containers too, sees the same lock.
 *
 * @returns function that gives the lock back. @throws ERR_STATE_LOCKED; an errno when the folder cannot be written
 */
export function lockStateFile(path: string): () => void {
  const lockPath = `${path}.lock`
  const fd = lockFile(lockPath)
  if (fd === -1) throw locked(path, readHolder(lockPath))
  const holder: Holder = { pid: process.pid, host: hostname(), since: new Date().toISOString() }
  try {
    ftruncateSync(fd)
    writeWhole(fd, JSON.stringify(holder))
  } catch {
    // A full disk: the lock holds all the same, it only does not say whose it is.
  }
  let held = true
  return () => {
    // Called again, the lock may be another's by then.
    if (!held) return
    held = false
    rmSync(lockPath, { force: true })
    unlockFile(fd)
  }
}

function readHolder(lockPath: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(lockPath, 'utf8')) as Holder
  } catch {
    return undefined
  }
}

function locked(path: string, holder: Holder | undefined): NatGwError {
  const where = holder === undefined || holder.host === hostname() ? '' : ` on ${holder.host}`
  const who = holder === undefined ? 'another process' : `process ${holder.pid}${where} since ${holder.since}`
  const message =
    `state file ${path} is in use by ${who}: two that write it would lose each other’s allocations; ` +
    'stop the other natgw, or name another stateFile'
  return new NatGwError('ERR_STATE_LOCKED', message, { path, ...holder })
}
