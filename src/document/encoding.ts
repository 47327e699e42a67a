import { isUtf8 } from 'node:buffer'

/** Why bytes are no text that can be read, and what would make them one. */
export interface EncodingProblem {
  /** Of the byte that is wrong, from 0. */
  offset: number
  message: string
  remedy: string
}

const SAVE_AS_UTF8 = 'save the file as UTF-8'

/** The first bytes of texts in other encodings; the longer marks first, as one begins with another. */
const MARKS: readonly (readonly [string, readonly number[]])[] = [
  ['UTF-32 (little-endian)', [0xff, 0xfe, 0, 0]],
  ['UTF-32 (big-endian)', [0, 0, 0xfe, 0xff]],
  ['UTF-16 (little-endian)', [0xff, 0xfe]],
  ['UTF-16 (big-endian)', [0xfe, 0xff]],
]

/** Which of the first four bytes are zero in a text without a mark whose first characters are ASCII. */
const ZEROS: Readonly<Record<string, string>> = {
  '.000': 'UTF-32 (little-endian)',
  '000.': 'UTF-32 (big-endian)',
  '.0.0': 'UTF-16 (little-endian)',
  '0.0.': 'UTF-16 (big-endian)',
}

const BYTE_ORDER_MARK = '\uFEFF'

/**
 * The text of a YAML file: UTF-8, with or without a byte order mark at its beginning. Marks that begin a document, as
 * joined files have them, are taken out, and lines that end with CR alone end with LF: kubectl's reader takes both.
 */
export function decodeText(bytes: Uint8Array): { text: string } | { problem: EncodingProblem } {
  const problem = otherEncoding(bytes) ?? zeroByte(bytes) ?? invalidUtf8(bytes)
  if (problem !== undefined) return { problem }
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  return text.includes(BYTE_ORDER_MARK) || text.includes('\r') ? normalized(text) : { text }
}

function otherEncoding(bytes: Uint8Array): EncodingProblem | undefined {
  const marked = MARKS.find(([, mark]) => mark.every((byte, i) => bytes[i] === byte))
  const zeros = [...bytes.subarray(0, 4)].map((byte) => (byte === 0 ? '0' : '.')).join('')
  const name = marked?.[0] ?? ZEROS[zeros]
  if (name === undefined) return undefined
  return { offset: 0, message: `is ${name} text, as its first bytes say (byte 0)`, remedy: SAVE_AS_UTF8 }
}

function zeroByte(bytes: Uint8Array): EncodingProblem | undefined {
  const offset = bytes.indexOf(0)
  if (offset < 0) return undefined
  const message = `has a zero byte at byte ${offset}, which no text has`
  return { offset, message, remedy: 'write the file again; a crash of the machine leaves such files' }
}

function invalidUtf8(bytes: Uint8Array): EncodingProblem | undefined {
  if (isUtf8(bytes)) return undefined
  const offset = firstInvalid(bytes)
  const value = (bytes[offset] ?? 0).toString(16).padStart(2, '0')
  return { offset, message: `is not UTF-8 at byte ${offset} (0x${value})`, remedy: SAVE_AS_UTF8 }
}

/** Offset of the first sequence that is not UTF-8, by halving: a prefix is valid when decoding it as a stream is. */
function firstInvalid(bytes: Uint8Array): number {
  let [valid, invalid] = [0, bytes.length]
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >> 1
    if (decodes(bytes.subarray(0, middle), true)) valid = middle
    else invalid = middle
  }
  // A sequence that is cut short shows only with the byte after it: the problem is where the sequence begins.
  let start = valid
  while (start > 0 && !decodes(bytes.subarray(0, start), false)) start--
  return start
}

function decodes(bytes: Uint8Array, stream: boolean): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream })
    return true
  } catch {
    return false
  }
}

function normalized(raw: string): { text: string } | { problem: EncodingProblem } {
  const lines = raw.replace(/\r(?!\n)/g, '\n')
  const misplaced = [...lines.matchAll(/^\uFEFF/gm)].find(({ index }) => !beginsDocument(lines, index))
  if (misplaced === undefined) return { text: lines.replace(/^\uFEFF/gm, '') }
  const offset = Buffer.byteLength(lines.slice(0, misplaced.index))
  const message = `has a byte order mark (U+FEFF) within a document, at byte ${offset}`
  return { problem: { offset, message, remedy: 'remove it; files that are joined need a line --- between them' } }
}

function beginsDocument(text: string, index: number): boolean {
  if (index === 0) return true
  return text.startsWith('---', text.lastIndexOf('\n', index - 2) + 1)
}
