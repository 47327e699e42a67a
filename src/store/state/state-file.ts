import { dirname } from 'node:path'
import type { Resource } from '../../api/index.ts'
import { messageOf, NatGwError } from '../../errors/errors.ts'
import type { WatchEvent } from '../store.ts'
import type { Disk, DiskFile } from './disk.ts'
import {
  encodeHeader,
  encodeMark,
  encodeRecord,
  FIRST_RECORD,
  FORMAT_VERSION,
  markOffset,
  RECORD_HEADER_BYTES,
} from './format.ts'
import type { Image } from './image.ts'
import { applyChanges, contentOf, readState, recordsOf } from './image.ts'

/** Least room for records that is reserved beyond those of a new file. */
const LEAST_ROOM_BYTES = 1024 * 1024
/** Zeros written at once. */
const ZEROS = Buffer.alloc(1024 * 1024)

/** A file that is open, and what was in it. */
export interface OpenedState {
  file: StateFile
  objects: Resource[]
  resourceVersion: number
  tornBytes: number
}

/**
 * Keeps objects in one file, each group of changes in one record that is on the medium before `commit` resolves. One
 * process writes it at a time: it holds a lock from `open` to `close`.
 *
 * Room for records is reserved beforehand, so that a disk that fills up does not stop small changes and a file that was
 * cut is known by its size. When the room is used up, a new file with the objects alone takes the place of the old one
 * by rename. After a failed write nothing is appended any more, for what is on the medium is unknown then (a failed
 * fsync may have dropped pages): the next commit writes a new file.
 */
export class StateFile {
  readonly #disk: Disk
  readonly #path: string
  readonly #image: Image
  readonly #unlock: () => void
  #file: DiskFile | undefined
  #fileSize = 0
  #end = 0
  #marks = 0

  private constructor(disk: Disk, path: string, image: Image, unlock: () => void) {
    this.#disk = disk
    this.#path = path
    this.#image = image
    this.#unlock = unlock
  }

  /**
   * Opens the file, or makes it; a file of an older version is written again in this one. What an unacknowledged write left at its end is taken away.
   * @throws ERR_STATE_CORRUPT, ERR_STATE_VERSION, ERR_STATE_LOCKED, ERR_STATE_WRITE; the file is as it was then
   */
  static async open(givenPath: string, disk: Disk): Promise<OpenedState> {
    const path = await inWords(givenPath, 'found', () => disk.resolve(givenPath))
    const unlock = await inWords(path, 'locked', async () => {
      await disk.makeDirectory(dirname(path))
      return disk.lock(path)
    })
    try {
      return await StateFile.#openLocked(path, disk, unlock)
    } catch (error) {
      unlock()
      throw error
    }
  }

  static async #openLocked(path: string, disk: Disk, unlock: () => void): Promise<OpenedState> {
    const bytes = await inWords(path, 'read', () => disk.read(path))
    if (bytes === undefined) {
      const file = new StateFile(disk, path, { objects: new Map(), resourceVersion: 0 }, unlock)
      await inWords(path, 'written', () => file.#rewrite([], 0))
      return { file, objects: [], resourceVersion: 0, tornBytes: 0 }
    }
    const { objects, resourceVersion, version, end, fileSize, tornBytes } = readState(bytes, path)
    const file = new StateFile(disk, path, { objects, resourceVersion }, unlock)
    // A file of an older version takes no records of this one.
    const isCurrent = version === FORMAT_VERSION
    await inWords(path, 'written', () =>
      isCurrent ? file.#resume(end, fileSize, tornBytes) : file.#rewrite([], resourceVersion),
    )
    return { file, objects: [...objects.values()], resourceVersion, tornBytes }
  }

  /**
   * Makes changes durable, all or none. Not to be called again before it is settled.
   * @throws ERR_STATE_WRITE; what follows may succeed again
   */
  async commit(changes: readonly WatchEvent[], resourceVersion: number): Promise<void> {
    await inWords(this.#path, 'written', async () => {
      const record = this.#file === undefined ? undefined : encodeRecord(contentOf(changes, resourceVersion), this.#end)
      if (record === undefined || this.#end + record.length > this.#fileSize)
        await this.#rewrite(changes, resourceVersion)
      else await this.#append(record)
    })
    applyChanges(this.#image, changes, resourceVersion)
  }

  /** No further calls. */
  async close(): Promise<void> {
    try {
      await this.#closeFile()
    } finally {
      this.#unlock()
    }
  }

  async #closeFile(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }

  async #resume(end: number, fileSize: number, tornBytes: number): Promise<void> {
    await this.#disk.remove(this.#newPath)
    const file = await this.#disk.openForWriting(this.#path)
    this.#file = file
    this.#fileSize = fileSize
    this.#end = end
    try {
      if (tornBytes > 0) await writeZeros(file, end, end + tornBytes)
      // A record may have been read that was not acknowledged before the crash; from here on others build upon it.
      await file.sync()
      await this.#mark(file)
    } catch (error) {
      await this.#giveUp(file)
      throw error
    }
  }

  async #append(record: Buffer): Promise<void> {
    const file = this.#file as DiskFile
    const start = this.#end
    try {
      await file.write(record, start)
      await file.sync()
    } catch (error) {
      await this.#giveUp(file, start)
      throw error
    }
    this.#end = start + record.length
    try {
      await this.#mark(file)
    } catch {
      // The record is durable all the same; the next one goes to a new file.
      await this.#giveUp(file)
    }
  }

  /** Not synced: it may reach the medium late, never too early. */
  async #mark(file: DiskFile): Promise<void> {
    await file.write(encodeMark(this.#end), markOffset(this.#marks++))
  }

  /** @param refused where a record begins that should not come back after a crash */
  async #giveUp(file: DiskFile, refused?: number): Promise<void> {
    this.#file = undefined
    if (refused !== undefined) await file.write(Buffer.alloc(RECORD_HEADER_BYTES), refused).catch(() => undefined)
    await file.close().catch(() => undefined)
  }

  /** Puts a new file with all objects, these changes included, in the place of the present one. */
  async #rewrite(changes: readonly WatchEvent[], resourceVersion: number): Promise<void> {
    const file = await this.#disk.create(this.#newPath)
    let end = FIRST_RECORD
    let fileSize = 0
    let renamed = false
    try {
      for (const payload of recordsOf(this.#image, changes, resourceVersion)) {
        const record = encodeRecord(payload, end)
        await file.write(record, end)
        end += record.length
      }
      fileSize = end + Math.max(LEAST_ROOM_BYTES, end)
      await writeZeros(file, end, fileSize)
      await file.write(encodeMark(end), markOffset(0))
      await file.write(encodeMark(end), markOffset(1))
      await file.write(encodeHeader(fileSize), 0)
      await file.sync()
      await this.#disk.rename(this.#newPath, this.#path)
      renamed = true
      await this.#disk.syncDirectory(dirname(this.#path))
    } catch (error) {
      await file.close().catch(() => undefined)
      if (renamed) await this.#closeFile()
      else await this.#disk.remove(this.#newPath).catch(() => undefined)
      throw error
    }
    await this.#closeFile()
    this.#file = file
    this.#fileSize = fileSize
    this.#end = end
  }

  get #newPath(): string {
    return `${this.#path}.new`
  }
}

async function writeZeros(file: DiskFile, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += ZEROS.length)
    await file.write(ZEROS.subarray(0, Math.min(ZEROS.length, to - at)), at)
}

async function inWords<T>(
  path: string,
  verb: 'found' | 'locked' | 'read' | 'written',
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action()
  } catch (error) {
    if (error instanceof NatGwError) throw error
    const errno = (error as NodeJS.ErrnoException).code
    const remedies: Record<string, string> = {
      ENOSPC: 'free space on its disk: changes wait until then',
      EDQUOT: 'free space within the quota of its disk: changes wait until then',
      EACCES: 'give natgw the right to read and write it and its folder',
      EPERM: 'give natgw the right to read and write it and its folder',
      EROFS: 'its disk is mounted read-only: mount it writable, or name another stateFile',
    }
    const remedy = remedies[errno ?? ''] ?? 'see that it is a file on a sound disk'
    throw new NatGwError(
      'ERR_STATE_WRITE',
      `state file ${path} cannot be ${verb}: ${messageOf(error)}; ${remedy}`,
      { path, errno, reason: messageOf(error), remedy },
      { cause: error },
    )
  }
}
