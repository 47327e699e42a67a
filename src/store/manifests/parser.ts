import { messageOf } from '../../errors/errors.ts'
import { ParseThread } from './parse-thread.ts'
import type { Unread } from './read-documents.ts'
import type { KnownDocuments, ObjectOf, ParsedFile } from './read-manifest.ts'
import { Gathered, readManifest } from './read-manifest.ts'

/** A file of more bytes is read by another thread: so many take a few milliseconds. */
const INLINE_BYTES = 8 * 1024
/** For the objects of the thread: a document in memory is a hundred times the size of its text. */
const MAX_HEAP_MB = 512
/** The thread ends when nothing was to be read for so long. */
const IDLE_MS = 5_000

/** Reads manifests without holding up the process: what is large is read by a thread of its own, which comes and goes. */
export class ManifestParser {
  readonly #objectOf: ObjectOf
  readonly #maxHeapMb: number
  #thread: ParseThread | undefined
  #idle: NodeJS.Timeout | undefined

  constructor(objectOf: ObjectOf, maxHeapMb = MAX_HEAP_MB) {
    this.#objectOf = objectOf
    this.#maxHeapMb = maxHeapMb
  }

  /** One file at a time. @param bytes alone in their buffer, not to be used afterwards */
  async parse(file: string, bytes: Uint8Array, known: KnownDocuments): Promise<ParsedFile> {
    if (bytes.length <= INLINE_BYTES) return readManifest(file, bytes, known, this.#objectOf)
    const size = bytes.length
    const gathered = new Gathered(known, this.#objectOf)
    const unread = await this.#readInThread(file, bytes, gathered)
    return unread === undefined ? gathered.result(size) : { text: unread, known }
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle)
    const thread = this.#thread
    this.#thread = undefined
    await thread?.end()
  }

  async #readInThread(file: string, bytes: Uint8Array, gathered: Gathered): Promise<Unread | undefined> {
    clearTimeout(this.#idle)
    this.#thread ??= new ParseThread(this.#maxHeapMb)
    try {
      return await this.#thread.read(file, bytes, gathered)
    } catch (failure) {
      await this.close()
      const message = `cannot be read: ${messageOf(failure)}`
      const remedy = 'make several files of it, or documents with --- between; until then its objects stay as they were'
      return { problem: { code: 'ERR_MANIFEST_LIMIT', file, message, remedy } }
    } finally {
      this.#idle = setTimeout(() => void this.close(), IDLE_MS).unref()
    }
  }
}
