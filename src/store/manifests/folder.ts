import { join } from 'node:path'
import { messageOf } from '../../errors/errors.ts'
import { Turns } from '../turns.ts'
import type { FileContent, FileText } from './file-content.ts'
import { nextContent, unreadContent } from './file-content.ts'
import type { Listing } from './list-folder.ts'
import { listFolder } from './list-folder.ts'
import type { ManifestParser } from './parser.ts'
import type { ManifestNote, ManifestProblem } from './problem.ts'
import { look, readRegularFile } from './read-file.ts'
import type { KnownDocuments } from './read-manifest.ts'

/**
 * How long a file must look the same before it counts, absent ones included: editors save in several steps, and a text
 * that is half there may be YAML all the same.
 */
export const SETTLE_MS = 50

const ABSENT = 'absent'

export interface FolderLimits {
  /** Bytes of a file. */
  fileBytes: number
  files: number
}

export const DEFAULT_FOLDER_LIMITS: FolderLimits = { fileBytes: 16 << 20, files: 200_000 }

interface TrackedFile {
  /** What the file looked like when it was read; none when reading failed. */
  stamp?: string
  content?: FileContent
  documents: KnownDocuments
  /** What it looks like since when, where that differs. */
  seen?: { stamp: string; since: number }
}

type Outcome = 'same' | 'changed' | 'unsettled'

/** Reads the manifests of a folder again where they changed. */
export class ManifestFolder {
  readonly #path: string
  readonly #limits: FolderLimits
  readonly #parser: ManifestParser
  readonly #files = new Map<string, TrackedFile>()
  #listing: Listing | undefined
  /** Why the folder cannot be read at present. What was read before still counts. */
  problem: ManifestProblem | undefined
  /** When a file of it was last seen to change; monotonic milliseconds. */
  changedAt = performance.now()
  /** When the folder, being another one than before, was first read as a whole; Infinity until then. */
  replacedAt = Infinity

  constructor(path: string, limits: FolderLimits, parser: ManifestParser) {
    this.#path = path
    this.#limits = limits
    this.#parser = parser
  }

  /** Which folder the path leads to; undefined while it cannot be read. */
  get identity(): string | undefined {
    return this.problem === undefined ? this.#listing?.identity : undefined
  }

  /** Whether the user says that a folder without manifests is meant. */
  get allowsEmpty(): boolean {
    return this.problem === undefined && this.#listing?.allowEmpty === true
  }

  /** What the files say, in the order of their names. */
  *contents(): Generator<FileContent> {
    for (const file of [...this.#files.keys()].sort()) yield this.#files.get(file)?.content ?? unreadContent(file)
    for (const file of this.#listing?.surplus.slice(0, 1) ?? []) {
      const message = `and further files are not read: there are more than ${this.#limits.files} manifests`
      const remedy = 'put objects together in fewer files, or raise manifestLimits.files'
      yield { ...unreadContent(file), problem: { code: 'ERR_MANIFEST_LIMIT', file, message, remedy } }
    }
  }

  /** What of the folder is passed over. */
  notes(): ManifestNote[] {
    const others = [...(this.#listing?.others ?? [])].map(([file, what]) => ({
      file,
      message: what === 'a folder' ? 'is a folder: manifests in it are not read' : `is ${what}, not a file`,
    }))
    const foreign = [...this.#files.values()].flatMap(({ content }) => (content === undefined ? [] : noteOf(content)))
    return [...others, ...foreign]
  }

  /**
   * Looks at every file.
   * @returns whether files were read or are gone, and whether some are still changing: scan again after SETTLE_MS
   */
  async scan(): Promise<{ changed: boolean; unsettled: boolean }> {
    const before = this.#stateOfAll()
    const listing = await this.#list()
    const result = { changed: this.#stateOfAll() !== before, unsettled: false }
    if (listing === undefined) return result
    const names = new Set([...this.#files.keys(), ...listing.stamps.keys()])
    // One after the other: reading is work, and others are to have their turn in between.
    for (const name of names) {
      const outcome = await this.#look(name, listing.stamps.get(name) ?? ABSENT)
      if (outcome === 'same') continue
      result[outcome] = true
      this.changedAt = performance.now()
    }
    if (!result.unsettled) this.replacedAt = Math.min(this.replacedAt, performance.now())
    return result
  }

  /** What counts of the folder beside its files. */
  #stateOfAll(): string {
    return [this.problem?.message, this.allowsEmpty, this.#listing?.surplus[0]].join()
  }

  async #list(): Promise<Listing | undefined> {
    try {
      const listing = await listFolder(this.#path, this.#limits.files)
      if (this.#listing?.identity !== listing.identity) this.replacedAt = Infinity
      this.#listing = listing
      this.problem = undefined
      return listing
    } catch (error) {
      const message = `the folder of manifests ${this.#path} cannot be read: ${messageOf(error)}`
      const remedy = 'put the manifests back; until then all objects stay as they are'
      this.problem = { code: 'ERR_MANIFEST_READ', message, remedy }
      return undefined
    }
  }

  async #look(name: string, stamp: string): Promise<Outcome> {
    const file: TrackedFile = this.#files.get(name) ?? { documents: new Map() }
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

  async #read(name: string, file: TrackedFile, stamp: string): Promise<Outcome> {
    const path = join(this.#path, name)
    try {
      const found = await readRegularFile(path, this.#limits.fileBytes)
      const now = await look(path)
      if (
        found === undefined ||
        now === 'absent' ||
        !('stamp' in now) ||
        now.stamp !== stamp ||
        found.stamp !== stamp
      ) {
        file.seen = { stamp: now !== 'absent' && 'stamp' in now ? now.stamp : ABSENT, since: performance.now() }
        return 'unsettled'
      }
      const text = 'bytes' in found ? await this.#parse(name, file, found.bytes) : this.#tooLarge(name, found.size)
      file.content = await nextContent(name, file.content, text, new Turns())
      file.stamp = stamp
      return 'changed'
    } catch (error) {
      const message = `cannot be read: ${messageOf(error)}`
      // Tried again with every scan: what keeps a file from being read need not show in what it looks like.
      if (file.content?.problem?.message === message) return 'same'
      const remedy = 'let natgw read it, or remove it; until then its objects stay as they were'
      const problem = { code: 'ERR_MANIFEST_READ', file: name, message, remedy } as const
      file.content = await nextContent(name, file.content, { problem }, new Turns())
      delete file.stamp
      return 'changed'
    }
  }

  async #parse(name: string, file: TrackedFile, bytes: Uint8Array): Promise<FileText> {
    const { text, known } = await this.#parser.parse(name, bytes, file.documents)
    file.documents = known
    return text
  }

  #tooLarge(file: string, size: number): FileText {
    const message = `has ${size} bytes, and files of more than ${this.#limits.fileBytes} are not read`
    const remedy =
      'make several files of it, or raise manifestLimits.fileBytes; until then its objects stay as they were'
    return { problem: { code: 'ERR_MANIFEST_LIMIT', file, message, remedy } }
  }
}

/** Kinds of others in a note: a file can have any number. */
const NAMED = 3

function noteOf({ file, foreign }: FileContent): ManifestNote[] {
  const kinds = [...new Set(foreign)]
  if (kinds.length === 0) return []
  const more = kinds.length > NAMED ? ' and more' : ''
  return [{ file, message: `passed over: it has ${kinds.slice(0, NAMED).join(', ')}${more}` }]
}
