import { readFile } from 'node:fs/promises'
import type { Resource } from '../api/index.ts'
import { messageOf, NatGwError } from '../errors/errors.ts'
import { readState } from './state/image.ts'

/**
 * The objects in a state file, whether or not a store has it open; it is not changed.
 * @returns undefined when there is no such file. @throws ERR_STATE_CORRUPT, ERR_STATE_VERSION, ERR_NOT_FOUND
 */
export async function readStateFile(path: string): Promise<Resource[] | undefined> {
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new NatGwError('ERR_NOT_FOUND', `state file ${path} cannot be read: ${messageOf(error)}`, { path })
  }
  return [...readState(bytes, path).objects.values()]
}
