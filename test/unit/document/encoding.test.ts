import { describe, expect, it } from 'vitest'
import { decodeText } from '../../../src/document/encoding.ts'

const decoded = (bytes: Buffer | string) => decodeText(Buffer.from(bytes))
const big = (text: string) => Buffer.from(text, 'utf16le').swap16()
const utf32 = (text: string) => Buffer.concat([...text].map((letter) => Buffer.from([letter.charCodeAt(0), 0, 0, 0])))

describe('the text of a YAML file', () => {
  it('is UTF-8, with or without a byte order mark at its beginning', () => {
    expect(decoded('a: Zürich\n')).toEqual({ text: 'a: Zürich\n' })
    expect(decoded('\uFEFFa: 1\n')).toEqual({ text: 'a: 1\n' })
    expect(decoded('')).toEqual({ text: '' })
  })

  it('may have a byte order mark where a document begins, as joined files do', () => {
    expect(decoded('\uFEFFa: 1\n---\n\uFEFFb: 2\n')).toEqual({ text: 'a: 1\n---\nb: 2\n' })
  })

  it('may end its lines with CR LF, which stays, or CR', () => {
    expect(decoded('a: 1\r\nb: 2\r\n')).toEqual({ text: 'a: 1\r\nb: 2\r\n' })
    expect(decoded('a: 1\rb: 2\r')).toEqual({ text: 'a: 1\nb: 2\n' })
  })

  it.each([
    ['UTF-16 with a mark', Buffer.from('\uFEFFa: 1', 'utf16le'), 0, 'UTF-16 (little-endian)'],
    ['UTF-16 without a mark', Buffer.from('a: 1', 'utf16le'), 0, 'UTF-16 (little-endian)'],
    ['big-endian UTF-16 with a mark', big('\uFEFFa: 1'), 0, 'UTF-16 (big-endian)'],
    ['big-endian UTF-16 without a mark', big('a: 1'), 0, 'UTF-16 (big-endian)'],
    [
      'UTF-32 with a mark',
      Buffer.concat([Buffer.from([0xff, 0xfe, 0, 0]), utf32('a: 1')]),
      0,
      'UTF-32 (little-endian)',
    ],
    ['UTF-32 without a mark', utf32('a: 1'), 0, 'UTF-32 (little-endian)'],
    ['Windows-1252', Buffer.from('a: Z\xfcrich', 'latin1'), 4, 'is not UTF-8 at byte 4 (0xfc)'],
    ['a sequence that is cut off', Buffer.from('a: €').subarray(0, 5), 3, 'is not UTF-8 at byte 3 (0xe2)'],
    ['zero bytes behind a text', 'a: 1\n\0\0', 5, 'has a zero byte at byte 5'],
    ['nothing but zero bytes', Buffer.alloc(600), 0, 'has a zero byte at byte 0'],
    [
      'a mark within a document',
      'é: 1\n\uFEFFb: 2\n',
      6,
      'has a byte order mark (U+FEFF) within a document, at byte 6',
    ],
    ['a mark behind one that is right', '\uFEFFa: 1\n---\n\uFEFFb: 2\n\uFEFFc: 3', 20, 'at byte 20'],
  ])('is refused as %s, with the byte', (_, bytes, offset, message) => {
    const { problem } = decoded(bytes) as { problem: { offset: number; message: string; remedy: string } }
    expect([problem.offset, problem.message]).toEqual([offset, expect.stringContaining(message)])
    expect(problem.remedy).not.toBe('')
  })
})
