import type { Manifest, ManifestId } from '../../api/index.ts'
import { adopt } from '../adopt.ts'
import type { FileText } from './file-content.ts'
import type { ManifestEntry } from './read-document.ts'
import type { DocumentRead } from './read-documents.ts'
import { readDocuments } from './read-documents.ts'

/** What a document said when it was last read. */
export interface KnownDocument {
  /** Lines of the file before it. */
  line: number
  /** With lines of the file. */
  entries: ManifestEntry[]
  foreign: readonly string[]
}

/** The manifest that an object had before, if any. */
export type ObjectOf = (id: ManifestId) => Manifest | undefined

/** Documents of a file without problems, by the hash of their text. */
export type KnownDocuments = ReadonlyMap<string, KnownDocument>

/** Puts together what the documents of a file say, those that are known from before included. */
export class Gathered {
  readonly hashes: ReadonlySet<string>
  readonly entries: ManifestEntry[] = []
  readonly foreign: string[] = []
  readonly #before: KnownDocuments
  readonly #objectOf: ObjectOf
  readonly #documents = new Map<string, KnownDocument>()
  /** A problem tells of its place in the file, so documents that have one are read again. */
  readonly #bad = new Set<string>()
  #last: { hash: string; document: KnownDocument } | undefined

  constructor(before: KnownDocuments, objectOf: ObjectOf) {
    this.#before = before
    this.#objectOf = objectOf
    this.hashes = new Set(before.keys())
  }

  /** In their order; a document may come in parts. */
  add({ hash, line, content }: DocumentRead): void {
    const known = this.#before.get(hash)
    const foreign = (content ?? known)?.foreign ?? []
    const entries =
      content === undefined
        ? (known?.entries ?? []).map((entry) => shifted(entry, line - (known?.line ?? 0)))
        : content.entries.map((entry) => shifted(this.#adopted(entry), line))
    for (const entry of entries) this.entries.push(entry)
    this.foreign.push(...foreign)
    if (entries.some(({ object }) => object === undefined)) this.#bad.add(hash)
    if (this.#last?.hash === hash && this.#last.document.line === line) {
      for (const entry of entries) this.#last.document.entries.push(entry)
      return
    }
    const document = { line, entries, foreign }
    this.#last = { hash, document }
    this.#documents.set(hash, document)
  }

  /** Frozen: the store has no copy of its own then. What is as it was is the same object, so that comparing is quick. */
  #adopted(entry: ManifestEntry): ManifestEntry {
    const { id, object } = entry
    return id === undefined || object === undefined ? entry : { ...entry, object: adopt(this.#objectOf(id), object) }
  }

  /** @param size bytes of the file */
  result(size: number): ParsedFile {
    const { entries, foreign } = this
    for (const hash of this.#bad) this.#documents.delete(hash)
    return { text: { entries, foreign, size }, known: this.#documents }
  }
}

export interface ParsedFile {
  text: FileText
  /** To be given when the file is read again: documents that stay the same are not read again. */
  known: KnownDocuments
}

/** Reads a file in one go. @param known, objectOf see ParsedFile and ObjectOf */
export function readManifest(
  file: string,
  bytes: Uint8Array,
  known: KnownDocuments = new Map(),
  objectOf: ObjectOf = () => undefined,
): ParsedFile {
  const gathered = new Gathered(known, objectOf)
  const documents = readDocuments(file, bytes, gathered.hashes)
  for (let next = documents.next(); ; next = documents.next()) {
    if (next.done !== true) gathered.add(next.value)
    else return next.value === undefined ? gathered.result(bytes.length) : { text: next.value, known }
  }
}

function shifted(entry: ManifestEntry, lines: number): ManifestEntry {
  if (lines === 0) return entry
  const specLines = Object.fromEntries(Object.entries(entry.specLines).map(([name, line]) => [name, line + lines]))
  const problems = entry.problems.map((each) => (each.line === undefined ? each : { ...each, line: each.line + lines }))
  return { ...entry, line: entry.line + lines, specLines, problems }
}
