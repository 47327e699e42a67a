import { mkdir, open, readFile, realpath, rename, rm } from 'node:fs/promises'
import { NEW_FILE, PRESENT_FILE } from '../../files/own-files.ts'
import { lockStateFile } from './lock.ts'

/** A file open for writing. */
export interface DiskFile {
  /** All of `bytes`, from byte `position` on. */
  write(bytes: Uint8Array, position: number): Promise<void>
  /** Returns when all that was written before is on the medium. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** Every effect the state file has. What a crash may leave behind is what a prefix of these leaves behind. */
export interface Disk {
  /** The path with every symbolic link followed; as it is where nothing is there yet. */
  resolve(path: string): Promise<string>
  /** Keeps others from writing the file. @returns function that lets them. @throws ERR_STATE_LOCKED */
  lock(path: string): () => void
  /** @returns the bytes, undefined when there is no such file */
  read(path: string): Promise<Buffer | undefined>
  /** A new, empty file, readable by its owner only; what has the name, a link for one, is removed. */
  create(path: string): Promise<DiskFile>
  openForWriting(path: string): Promise<DiskFile>
  rename(from: string, to: string): Promise<void>
  /** No error when it is gone already. */
  remove(path: string): Promise<void>
  makeDirectory(path: string): Promise<void>
  /** Makes renames in the directory durable. */
  syncDirectory(path: string): Promise<void>
}

export const realDisk: Disk = {
  async resolve(path) {
    try {
      return await realpath(path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return path
      throw error
    }
  },
  lock: lockStateFile,
  async read(path) {
    try {
      return await readFile(path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  },
  async create(path) {
    await rm(path, { force: true })
    return openFile(path, NEW_FILE)
  },
  openForWriting: (path) => openFile(path, PRESENT_FILE),
  rename,
  remove: (path) => rm(path, { force: true }),
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o755 })
  },
  async syncDirectory(path) {
    const directory = await open(path, 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  },
}

async function openFile(path: string, flags: number): Promise<DiskFile> {
  const handle = await open(path, flags, 0o600)
  return {
    async write(bytes, position) {
      // A write may be cut short without an error, by a disk that fills up for one.
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
        done += bytesWritten
      }
    },
    sync: () => handle.datasync(),
    close: () => handle.close(),
  }
}
