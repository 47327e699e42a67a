// The verifier's log as a file.
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf } from '../errors/errors.ts'
import { writeNewFile } from '../files/own-files.ts'

/**
 * Replaces what is at `path`; nobody but its owner can read it.
 * @returns what became of it, to go on from "the log": the kernel's refusal is told also where nothing can be written
 */
export function keepLog(path: string, log: string): string {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
    writeNewFile(path, log, 0o600)
    return `is in ${path}`
  } catch (error) {
    return `could not be kept: ${messageOf(error)}`
  }
}
