import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { lstat, open, stat } from 'node:fs/promises'
import { messageOf } from '../../errors/errors.ts'

/** What there is at a path: a file with a text that is another one whenever the file is. */
export type Look = { stamp: string } | { other: string } | 'absent'

type BigStats = Awaited<ReturnType<FileHandle['stat']>> & { mtimeNs?: bigint }

/** Looks without opening: to open a FIFO is to wait for its other end. */
export async function look(path: string): Promise<Look> {
  try {
    const stats = await stat(path, { bigint: true })
    return stats.isFile() ? { stamp: stampOf(stats) } : { other: describeKind(stats) }
  } catch (error) {
    if (await isAbsent(path)) return 'absent'
    // A link into nowhere, or a file behind a folder that may not be searched.
    return { stamp: `unreadable: ${messageOf(error)}` }
  }
}

async function isAbsent(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

function stampOf({
  dev,
  ino,
  size,
  mtimeNs,
  ctimeNs,
}: Record<'dev' | 'ino' | 'size' | 'mtimeNs' | 'ctimeNs', bigint>): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':')
}

function describeKind(stats: Pick<BigStats, 'isDirectory' | 'isFIFO' | 'isSocket'>): string {
  if (stats.isDirectory()) return 'a folder'
  if (stats.isFIFO()) return 'a FIFO'
  return stats.isSocket() ? 'a socket' : 'a device'
}

/**
 * @returns the bytes and the stamp of the file they are from, or how large it is where that is more than maxBytes;
 * undefined when it is no regular file any more
 */
export async function readRegularFile(
  path: string,
  maxBytes: number,
): Promise<{ stamp: string; bytes: Uint8Array } | { stamp: string; size: number } | undefined> {
  // What became a FIFO since it was looked at must not be waited for, what became a terminal must not become ours.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  try {
    const stats = await handle.stat({ bigint: true })
    if (!stats.isFile()) return undefined
    const [stamp, size] = [stampOf(stats), Number(stats.size)]
    if (size > maxBytes) return { stamp, size }
    return { stamp, bytes: await readAll(handle, size) }
  } finally {
    await handle.close()
  }
}

/** Not more than it had: what grows meanwhile has another stamp afterwards. */
async function readAll(handle: FileHandle, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size)
  let filled = 0
  while (filled < size) {
    const { bytesRead } = await handle.read(bytes, filled, size - filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}
