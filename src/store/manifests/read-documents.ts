import { hash } from 'node:crypto'
import { OUR_GROUPS } from '../../api/index.ts'
import { decodeText } from '../../document/encoding.ts'
import { messageOf } from '../../errors/errors.ts'
import type { ManifestProblem } from './problem.ts'
import type { DocumentContent } from './read-document.ts'
import { NotYaml, readDocument } from './read-document.ts'
import { splitDocuments } from './split.ts'

/** A document of a file. */
export interface DocumentRead {
  /** Of its text. */
  hash: string
  /** Lines of the file before it. */
  line: number
  /** Absent for a document that the caller knows: it says what it said. */
  content?: DocumentContent
}

/** Why a file says nothing: what is wrong with it, be it a manifest of ours or not, or whose it is. */
export type Unread = { problem: ManifestProblem; notOurs?: true } | { foreign: string }

/**
 * Reads a file, a document at a time.
 * @param known hashes of documents that need not be read again
 * @returns why the file says nothing, whatever documents were read of it before; undefined when it was read
 */
export function* readDocuments(
  file: string,
  bytes: Uint8Array,
  known: ReadonlySet<string>,
): Generator<DocumentRead, Unread | undefined> {
  const decoded = decodeText(bytes)
  if ('problem' in decoded) {
    const { message, remedy } = decoded.problem
    return { problem: { code: 'ERR_MANIFEST_ENCODING', file, message, remedy: `${remedy}; ${UNTIL_THEN}` } }
  }
  for (const [index, { text, line }] of splitDocuments(decoded.text).entries()) {
    const digest = hash('sha1', text, 'base64')
    if (known.has(digest)) {
      yield { hash: digest, line }
      continue
    }
    try {
      yield { hash: digest, line, content: readDocument(text, { file, index }) }
    } catch (failure) {
      const at = line + (failure instanceof NotYaml ? failure.line : 1)
      return unreadable(decoded.text, syntaxProblem(file, at, messageOf(failure)))
    }
  }
  return undefined
}

const UNTIL_THEN = 'until then its objects stay as they were'

/** A text that is not YAML. Where nothing of it speaks of resources, it need not be feared that ours are in it. */
function unreadable(text: string, problem: ManifestProblem): Unread {
  if (OUR_GROUPS.some((group) => text.includes(group))) return { problem }
  if (/\{\{.*\}\}/.test(text)) return { foreign: 'a template' }
  return /apiVersion|kind/.test(text) ? { problem } : { problem, notOurs: true }
}

function syntaxProblem(file: string, line: number, message: string): ManifestProblem {
  const remedy = `correct the file; ${UNTIL_THEN}`
  return { code: 'ERR_MANIFEST_SYNTAX', file, line, message: `is not YAML: ${message.split('\n')[0]}`, remedy }
}
