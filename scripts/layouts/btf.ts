// BTF as the kernel documents it (Documentation/bpf/btf.rst): types are numbered from 1, 0 is void.
import { readString } from './elf.ts'

export type BtfType =
  | { kind: 'void' }
  | { kind: 'int'; name: string; size: number; signed: boolean }
  | { kind: 'pointer'; to: number }
  | { kind: 'array'; element: number; count: number }
  | { kind: 'struct' | 'union'; name: string; size: number; members: BtfMember[] }
  | { kind: 'enum'; name: string; size: number; values: { name: string; value: number }[] }
  | { kind: 'typedef'; name: string; to: number }
  | { kind: 'modifier'; to: number } // const, volatile, restrict, type tag
  | { kind: 'variable'; name: string; type: number }
  | { kind: 'section'; name: string; variables: number[] }
  | { kind: 'other' }

export interface BtfMember {
  name: string
  type: number
  bitOffset: number
  /** 0 unless it is a bitfield. */
  bits: number
}

const HEADER_MAGIC = 0xeb9f

/** @param section contents of `.BTF`. @returns types by number */
export function parseBtf(section: Uint8Array, littleEndian: boolean): BtfType[] {
  const view = new DataView(section.buffer, section.byteOffset, section.byteLength)
  const u32 = (at: number) => view.getUint32(at, littleEndian)
  if (section.length < 24 || view.getUint16(0, littleEndian) !== HEADER_MAGIC) throw new Error('no BTF header')
  const headerLength = u32(4)
  const typesAt = headerLength + u32(8)
  const typesEnd = typesAt + u32(12)
  const stringsAt = headerLength + u32(16)
  const string = (offset: number) => readString(section, stringsAt + offset)

  const types: BtfType[] = [{ kind: 'void' }]
  let at = typesAt
  while (at < typesEnd) {
    const name = string(u32(at))
    const info = u32(at + 4)
    const sizeOrType = u32(at + 8)
    const count = info & 0xffff
    const hasBitfields = info >>> 31 === 1
    const body = at + 12
    const list = <T>(stride: number, read: (offset: number) => T): T[] => {
      at = body + count * stride
      return Array.from({ length: count }, (_, index) => read(body + index * stride))
    }
    at = body

    switch ((info >>> 24) & 0x1f) {
      case 1:
        types.push({ kind: 'int', name, size: sizeOrType, signed: ((u32(body) >>> 24) & 1) === 1 })
        at = body + 4
        break
      case 2:
        types.push({ kind: 'pointer', to: sizeOrType })
        break
      case 3:
        types.push({ kind: 'array', element: u32(body), count: u32(body + 8) })
        at = body + 12
        break
      case 4:
      case 5: {
        const members = list(12, (offset) => {
          const position = u32(offset + 8)
          return {
            name: string(u32(offset)),
            type: u32(offset + 4),
            bitOffset: hasBitfields ? position & 0xffffff : position,
            bits: hasBitfields ? position >>> 24 : 0,
          }
        })
        types.push({ kind: ((info >>> 24) & 0x1f) === 4 ? 'struct' : 'union', name, size: sizeOrType, members })
        break
      }
      case 6: {
        const signed = info >>> 31 === 1
        const values = list(8, (offset) => ({
          name: string(u32(offset)),
          value: signed ? view.getInt32(offset + 4, littleEndian) : u32(offset + 4),
        }))
        types.push({ kind: 'enum', name, size: sizeOrType, values })
        break
      }
      case 8:
        types.push({ kind: 'typedef', name, to: sizeOrType })
        break
      case 9:
      case 10:
      case 11:
      case 18:
        types.push({ kind: 'modifier', to: sizeOrType })
        break
      case 13:
        list(8, () => undefined)
        types.push({ kind: 'other' })
        break
      case 14:
        types.push({ kind: 'variable', name, type: sizeOrType })
        at = body + 4
        break
      case 15:
        types.push({ kind: 'section', name, variables: list(12, (offset) => u32(offset)) })
        break
      case 17:
        types.push({ kind: 'other' })
        at = body + 4
        break
      case 19:
        list(12, () => undefined)
        types.push({ kind: 'other' })
        break
      default: // forward, function, float: no body
        types.push({ kind: 'other' })
    }
  }
  return types
}
