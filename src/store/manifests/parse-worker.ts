// The thread that reads large manifests. It answers each request with the next pieces of a file.
import { parentPort } from 'node:worker_threads'
import type { DocumentRead, Unread } from './read-documents.ts'
import { readDocuments } from './read-documents.ts'

export type ParseRequest = { file: string; bytes: Uint8Array; known: ReadonlySet<string> } | 'more'

/** A part of what a file says; a document with many objects comes in several, one after the other. */
export interface ParsePiece {
  documents: DocumentRead[]
  /** Whether this was the last, and why the file says nothing. */
  end?: { unread?: Unread }
}

/** Objects in a piece: reading one is not to hold up whoever asked. */
const OBJECTS = 100
const KNOWN_DOCUMENTS = 1000

let pieces: Generator<ParsePiece> | undefined

parentPort?.on('message', (request: ParseRequest) => {
  if (request !== 'more') pieces = piecesOf(readDocuments(request.file, request.bytes, request.known))
  const next = pieces?.next()
  parentPort?.postMessage(next?.done === false ? next.value : { documents: [], end: {} })
})

function* piecesOf(documents: Generator<DocumentRead, Unread | undefined>): Generator<ParsePiece> {
  let piece: ParsePiece = { documents: [] }
  let objects = 0
  for (let next = documents.next(); ; next = documents.next()) {
    if (next.done === true) {
      yield { ...piece, end: next.value === undefined ? {} : { unread: next.value } }
      return
    }
    for (const part of partsOf(next.value)) {
      piece.documents.push(part)
      objects += part.content?.entries.length ?? OBJECTS / KNOWN_DOCUMENTS
      if (objects < OBJECTS) continue
      yield piece
      piece = { documents: [] }
      objects = 0
    }
  }
}

function* partsOf(document: DocumentRead): Generator<DocumentRead> {
  const { content, ...place } = document
  if (content === undefined || content.entries.length <= OBJECTS) {
    yield document
    return
  }
  for (let i = 0; i < content.entries.length; i += OBJECTS) {
    const foreign = i === 0 ? content.foreign : []
    yield { ...place, content: { entries: content.entries.slice(i, i + OBJECTS), foreign } }
  }
}
