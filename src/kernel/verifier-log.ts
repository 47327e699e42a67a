// The verifier's log as a file. Root writes it: it must never go through a link that somebody else has put there.
import { closeSync, constants, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf } from '../errors/errors.ts'

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants

/**
 * Replaces what is at `path`; nobody but its owner can read it.
 * @returns what became of it, to go on from "the log": the kernel's refusal is told also where nothing can be written
 */
export function keepLog(path: string, log: string): string {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
    rmSync(path, { force: true })
    const fd = openSync(path, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600)
    try {
      const bytes = Buffer.from(log)
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
    } finally {
      closeSync(fd)
    }
    return `is in ${path}`
  } catch (error) {
    return `could not be kept: ${messageOf(error)}`
  }
}
