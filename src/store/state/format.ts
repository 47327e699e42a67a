import { crc32 } from 'node:zlib'

// The bytes of a state file; all integers little-endian.
//
//   0      magic, format version, size of the whole file, CRC-32 of these
//   512    mark 0 ┐ up to which byte records are known to be durable; written in turn, so that a torn write of one
//   1024   mark 1 ┘ leaves the other; the greater one holds
//   4096   records, one after the other, each: length of the payload, CRC-32, payload (JSON)
//   …      zeros up to the size: room for records, reserved on the disk beforehand
//
// The file never changes its size: one that is shorter than it says was cut.

/** Version 1 named removed objects by kind without group. */
export const FORMAT_VERSION = 2
const MAGIC = Buffer.from('natgw state\n')
const HEADER_BYTES = 32
const MARK_OFFSETS = [512, 1024] as const
const MARK_BYTES = 12
export const FIRST_RECORD = 4096
export const RECORD_HEADER_BYTES = 8

export function encodeHeader(fileSize: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  MAGIC.copy(bytes)
  bytes.writeUInt32LE(FORMAT_VERSION, 12)
  bytes.writeBigUInt64LE(BigInt(fileSize), 16)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 24)), 24)
  return bytes
}

export type Header =
  { kind: 'ok'; version: number; fileSize: number } | { kind: 'newer'; version: number } | { kind: 'damaged' }

/** The version is looked at first: the rest may be something else in a newer one. */
export function decodeHeader(file: Buffer): Header {
  if (file.length < HEADER_BYTES || !file.subarray(0, MAGIC.length).equals(MAGIC)) return { kind: 'damaged' }
  const version = file.readUInt32LE(12)
  if (version > FORMAT_VERSION) return { kind: 'newer', version }
  if (version < 1 || crc32(file.subarray(0, 24)) !== file.readUInt32LE(24)) return { kind: 'damaged' }
  return { kind: 'ok', version, fileSize: Number(file.readBigUInt64LE(16)) }
}

/** Where mark number `turn` (any count) goes. */
export function markOffset(turn: number): number {
  return MARK_OFFSETS[turn % 2] ?? MARK_OFFSETS[0]
}

/** @param end byte after the last durable record */
export function encodeMark(end: number): Buffer {
  const bytes = Buffer.alloc(MARK_BYTES)
  bytes.writeBigUInt64LE(BigInt(end))
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 8)), 8)
  return bytes
}

/** @returns the byte up to which records were acknowledged, at least; undefined when both marks are damaged */
export function decodeMarks(file: Buffer): number | undefined {
  const marks = MARK_OFFSETS.filter((at) => crc32(file.subarray(at, at + 8)) === file.readUInt32LE(at + 8))
  return marks.length === 0 ? undefined : Math.max(...marks.map((at) => Number(file.readBigUInt64LE(at))))
}

/** @param at the byte it will be written to: a record that turns up elsewhere is not valid */
export function encodeRecord(payload: string, at: number): Buffer {
  const bytes = Buffer.alloc(RECORD_HEADER_BYTES + Buffer.byteLength(payload))
  bytes.write(payload, RECORD_HEADER_BYTES)
  bytes.writeUInt32LE(bytes.length - RECORD_HEADER_BYTES)
  bytes.writeUInt32LE(checksum(bytes, at), 4)
  return bytes
}

/** @returns the payload of the record at a byte of the file and where it ends, undefined when there is no valid one */
export function decodeRecord(file: Buffer, at: number): { payload: string; end: number } | undefined {
  if (at + RECORD_HEADER_BYTES > file.length) return undefined
  const end = at + RECORD_HEADER_BYTES + file.readUInt32LE(at)
  if (end === at + RECORD_HEADER_BYTES || end > file.length) return undefined
  const record = file.subarray(at, end)
  if (checksum(record, at) !== record.readUInt32LE(4)) return undefined
  return { payload: record.toString('utf8', RECORD_HEADER_BYTES), end }
}

function checksum(record: Buffer, at: number): number {
  return crc32(record.subarray(RECORD_HEADER_BYTES), crc32(`${at} ${record.readUInt32LE(0)}`))
}
