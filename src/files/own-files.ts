// Files that root writes under fixed names. A link that somebody has put in their place is never followed, modes do not
// depend on the umask, and a reader sees the old text or the new one.
import { closeSync, constants, fchmodSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR, O_WRONLY } = constants

/** Flags of open(2) for a file that must not be there yet. */
export const NEW_FILE = O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY
/** Flags of open(2) for reading and writing a file that is there, and no link. */
export const PRESENT_FILE = O_RDWR | O_NOFOLLOW

/** Removes what is at `path`, a link itself and not its target, and writes a new file. @throws an errno */
export function writeNewFile(path: string, text: string, mode: number): void {
  rmSync(path, { force: true })
  const fd = openSync(path, NEW_FILE, mode)
  try {
    fchmodSync(fd, mode)
    writeWhole(fd, text)
  } finally {
    closeSync(fd)
  }
}

/** Puts a new file in the place of the one at `path` in one step. `<path>.next` is its own for that moment. @throws an errno */
export function replaceFile(path: string, text: string, mode: number): void {
  writeNewFile(`${path}.next`, text, mode)
  renameSync(`${path}.next`, path)
}

/** From the beginning of the file on. */
export function writeWhole(fd: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at, at)
}
