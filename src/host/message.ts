import { endianness } from 'node:os'

// Framing of netlink (RFC 3549, <linux/netlink.h>): messages of a 16-byte header and a body; the body is a fixed struct
// and attributes of type, length, value. All numbers are host order unless an attribute says otherwise.

const LITTLE = endianness() === 'LE'
const HEADER_BYTES = 16
const ATTRIBUTE_HEADER_BYTES = 4
/** The two upper bits of an attribute's type say `nested` and `network byte order`. */
const ATTRIBUTE_TYPE_MASK = 0x3fff

export const NLM_F_REQUEST = 0x1
export const NLM_F_ACK = 0x4
export const NLM_F_DUMP = 0x300
export const NLM_F_REPLACE = 0x100
export const NLM_F_CREATE = 0x400

/** One netlink message; `body` is what follows the header. */
export interface Message {
  type: number
  body: Uint8Array
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

const aligned = (length: number): number => (length + 3) & ~3

/** The messages of a datagram. Reading ends at a header with more bytes than there are; the kernel never sends one. */
export function* messagesOf(datagram: Uint8Array): Generator<Message> {
  const view = viewOf(datagram)
  let offset = 0
  while (offset + HEADER_BYTES <= datagram.length) {
    const length = view.getUint32(offset, LITTLE)
    if (length < HEADER_BYTES || offset + length > datagram.length) return
    yield {
      type: view.getUint16(offset + 4, LITTLE),
      body: datagram.subarray(offset + HEADER_BYTES, offset + length),
    }
    offset += aligned(length)
  }
}

/** Attributes from `offset` to the end, by type; of a type that comes twice the last. */
export function attributesOf(bytes: Uint8Array, offset = 0): Map<number, Uint8Array> {
  return new Map(attributeList(bytes, offset))
}

/** Attributes from `offset` to the end, in their order. */
export function attributeList(bytes: Uint8Array, offset = 0): [type: number, value: Uint8Array][] {
  const view = viewOf(bytes)
  const found: [number, Uint8Array][] = []
  while (offset + ATTRIBUTE_HEADER_BYTES <= bytes.length) {
    const length = view.getUint16(offset, LITTLE)
    if (length < ATTRIBUTE_HEADER_BYTES || offset + length > bytes.length) break
    const type = view.getUint16(offset + 2, LITTLE) & ATTRIBUTE_TYPE_MASK
    found.push([type, bytes.subarray(offset + ATTRIBUTE_HEADER_BYTES, offset + length)])
    offset += aligned(length)
  }
  return found
}

/** A request of one message: header, fixed struct, attributes. The addon fills in the sequence number. */
export function request(type: number, flags: number, fixed: Uint8Array, attributes: Uint8Array[] = []): Uint8Array {
  const bodyLength = aligned(fixed.length) + attributes.reduce((sum, each) => sum + each.length, 0)
  const bytes = new Uint8Array(HEADER_BYTES + bodyLength)
  const view = viewOf(bytes)
  view.setUint32(0, bytes.length, LITTLE)
  view.setUint16(4, type, LITTLE)
  view.setUint16(6, flags | NLM_F_REQUEST, LITTLE)
  bytes.set(fixed, HEADER_BYTES)
  let offset = HEADER_BYTES + aligned(fixed.length)
  for (const each of attributes) {
    bytes.set(each, offset)
    offset += each.length
  }
  return bytes
}

/** An attribute, padded to four bytes. */
export function attribute(type: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(aligned(ATTRIBUTE_HEADER_BYTES + value.length))
  const view = viewOf(bytes)
  view.setUint16(0, ATTRIBUTE_HEADER_BYTES + value.length, LITTLE)
  view.setUint16(2, type, LITTLE)
  bytes.set(value, ATTRIBUTE_HEADER_BYTES)
  return bytes
}

export function readU16(bytes: Uint8Array, offset = 0): number {
  return viewOf(bytes).getUint16(offset, LITTLE)
}

export function readU32(bytes: Uint8Array, offset = 0): number {
  return viewOf(bytes).getUint32(offset, LITTLE)
}

export function readI32(bytes: Uint8Array, offset = 0): number {
  return viewOf(bytes).getInt32(offset, LITTLE)
}

export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  viewOf(bytes).setUint32(0, value, LITTLE)
  return bytes
}

/** Network order. */
export function readBe16(bytes: Uint8Array, offset = 0): number {
  return viewOf(bytes).getUint16(offset)
}

/** Network order. */
export function readBe32(bytes: Uint8Array, offset = 0): number {
  return viewOf(bytes).getUint32(offset)
}

/** A string attribute; the kernel ends it with a NUL. */
export function readText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end))
}
