import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { look } from './read-file.ts'

/** Names that are read. Hidden files are not, nor what editors leave behind. */
const MANIFEST = /^[^.].*\.(yaml|yml|json)$/
/** An empty file of this name says that a folder without manifests is meant: all objects are deleted then. */
export const ALLOW_EMPTY = '.natgw-allow-empty'
/** Files that are looked at together. */
const AT_ONCE = 64

export interface Listing {
  /** Which folder this is: another one of the same name has another. */
  identity: string
  /** Of every manifest, in the order of their names; see Look. */
  stamps: Map<string, string>
  /** What is passed over, by name. */
  others: Map<string, string>
  /** More manifests than are read: the names after the last one that is. */
  surplus: string[]
  allowEmpty: boolean
}

/** @throws what readdir and stat do */
export async function listFolder(path: string, maxFiles: number): Promise<Listing> {
  const { dev, ino } = await stat(path)
  const entries = await readdir(path, { withFileTypes: true })
  const names = entries.map(({ name }) => name).filter((name) => MANIFEST.test(name))
  names.sort()
  const folders = entries.filter((each) => each.isDirectory() && isShown(each.name)).map(({ name }) => name)
  const listing: Listing = {
    identity: `${dev}:${ino}`,
    stamps: new Map(),
    others: new Map(folders.map((name) => [name, 'a folder'])),
    surplus: names.splice(maxFiles),
    allowEmpty: entries.some(({ name }) => name === ALLOW_EMPTY),
  }
  for (let i = 0; i < names.length; i += AT_ONCE) {
    const some = names.slice(i, i + AT_ONCE)
    const looks = await Promise.all(some.map((name) => look(join(path, name))))
    for (const [k, found] of looks.entries()) {
      const name = some[k] ?? ''
      if (found === 'absent') continue
      if ('stamp' in found) listing.stamps.set(name, found.stamp)
      else listing.others.set(name, found.other)
    }
  }
  return listing
}

/** What a file system keeps for itself is nobody's wish. */
function isShown(name: string): boolean {
  return !name.startsWith('.') && name !== 'lost+found'
}
