import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../../errors/errors.ts'
import { nextContent } from './plan.ts'
import type { FileContent } from './plan.ts'
import type { ManifestProblem } from './problem.ts'
import { readManifest } from './read-manifest.ts'

/**
 * How long a file must look the same before it counts, absent ones included: editors save in several steps, and a text
 * that is half there may be YAML all the same.
 */
export const SETTLE_MS = 50

const ABSENT = 'absent'

interface TrackedFile {
  /** What the file looked like when it was read; none when reading failed. */
  stamp?: string
  content?: FileContent
  /** What it looks like since when, where that differs. */
  seen?: { stamp: string; since: number }
}

/** Reads the manifests of a folder again where they changed. */
export class ManifestFolder {
  readonly #path: string
  readonly #files = new Map<string, TrackedFile>()
  /** Of the folder as it was last read: another one of the same name has another. */
  #identity: string | undefined
  /** Why the folder cannot be read at present. What was read before still counts. */
  problem: ManifestProblem | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** Which folder the path leads to; undefined while it cannot be read. */
  get identity(): string | undefined {
    return this.problem === undefined ? this.#identity : undefined
  }

  /** What the files say, in the order of their names. */
  contents(): FileContent[] {
    const names = [...this.#files.keys()].sort()
    return names.map((file) => this.#files.get(file)?.content ?? { file, entries: [], retained: [], incomplete: true })
  }

  /**
   * Looks at every file.
   * @returns whether files were read or are gone, and whether some are still changing: scan again after SETTLE_MS
   */
  async scan(): Promise<{ changed: boolean; unsettled: boolean }> {
    const stamps = await this.#stamps()
    if (stamps === undefined) return { changed: false, unsettled: false }
    const names = new Set([...this.#files.keys(), ...stamps.keys()])
    const result = { changed: false, unsettled: false }
    // One after the other: reading YAML is work, and others are to have their turn in between.
    for (const name of names) {
      const outcome = await this.#look(name, stamps.get(name) ?? ABSENT)
      if (outcome !== 'same') result[outcome] = true
    }
    return result
  }

  /** What each manifest looks like; undefined when the folder cannot be read. */
  async #stamps(): Promise<Map<string, string> | undefined> {
    try {
      const { dev, ino } = await stat(this.#path)
      const names = (await readdir(this.#path)).filter((name) => /^[^.].*\.(yaml|yml|json)$/.test(name))
      const stamps = await Promise.all(
        names.map(async (name) => [name, await stampOf(join(this.#path, name))] as const),
      )
      const files = new Map(stamps.filter(([, stamp]) => stamp !== ABSENT))
      const replaced = this.#identity !== undefined && this.#identity !== `${dev}:${ino}`
      if (replaced && files.size === 0 && this.#files.size > 0) {
        // A mount that went away leaves an empty folder: that is not the wish to have nothing.
        this.#refuse('was replaced by an empty folder')
        return undefined
      }
      this.#identity = `${dev}:${ino}`
      this.problem = undefined
      return files
    } catch (error) {
      this.#refuse(`cannot be read: ${messageOf(error)}`)
      return undefined
    }
  }

  #refuse(what: string): void {
    const remedy = 'put the manifests back; until then all objects stay as they are'
    this.problem = { code: 'ERR_MANIFEST_READ', message: `the folder of manifests ${this.#path} ${what}`, remedy }
  }

  async #look(name: string, stamp: string): Promise<'same' | 'changed' | 'unsettled'> {
    const file = this.#files.get(name) ?? {}
    this.#files.set(name, file)
    if (stamp === file.stamp) {
      delete file.seen
      return 'same'
    }
    if (file.seen?.stamp !== stamp) {
      file.seen = { stamp, since: performance.now() }
      return 'unsettled'
    }
    if (performance.now() - file.seen.since < SETTLE_MS) return 'unsettled'
    if (stamp !== ABSENT) return this.#read(name, file, stamp)
    this.#files.delete(name)
    return 'changed'
  }

  async #read(name: string, file: TrackedFile, stamp: string): Promise<'same' | 'changed' | 'unsettled'> {
    const path = join(this.#path, name)
    try {
      const text = await readFile(path, 'utf8')
      const now = await stampOf(path)
      if (now !== stamp) {
        file.seen = { stamp: now, since: performance.now() }
        return 'unsettled'
      }
      file.content = nextContent(name, file.content, readManifest(name, text))
      file.stamp = stamp
      return 'changed'
    } catch (error) {
      const message = `cannot be read: ${messageOf(error)}`
      // Tried again with every scan: what keeps a file from being read need not show in what it looks like.
      if (file.content?.problem?.message === message) return 'same'
      const remedy = 'let natgw read it, or remove it; until then its objects stay as they were'
      file.content = nextContent(name, file.content, {
        problem: { code: 'ERR_MANIFEST_READ', file: name, message, remedy },
      })
      delete file.stamp
      return 'changed'
    }
  }
}

/** A text that is another one whenever the file is. */
async function stampOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs, ...stats } = await stat(path, { bigint: true })
    if ((Number(stats.mode) & 0o170000) === 0o040000) return ABSENT
    return [dev, ino, size, mtimeNs, ctimeNs].join(':')
  } catch (error) {
    // A name without a file: a link into nowhere, or one that went since it was listed.
    return `unreadable: ${messageOf(error)}`
  }
}
