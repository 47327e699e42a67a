// The little of ELF64 that is needed to find a section by its name (System V ABI, "Object Files").

export interface ElfFile {
  littleEndian: boolean
  section(name: string): Uint8Array | undefined
}

const SECTION_TYPE_NOBITS = 8

/** @param bytes a relocatable ELF64 object, as clang -target bpf writes it */
export function parseElf(bytes: Uint8Array): ElfFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 64 || view.getUint32(0, false) !== 0x7f454c46 || bytes[4] !== 2) {
    throw new Error('not an ELF64 file: expected the object that scripts/build-bpf writes')
  }
  const littleEndian = bytes[5] === 1
  const headersAt = Number(view.getBigUint64(0x28, littleEndian))
  const headerSize = view.getUint16(0x3a, littleEndian)
  const count = view.getUint16(0x3c, littleEndian)
  const nameTable = view.getUint16(0x3e, littleEndian)

  const header = (index: number) => {
    const at = headersAt + index * headerSize
    return {
      name: view.getUint32(at, littleEndian),
      type: view.getUint32(at + 4, littleEndian),
      offset: Number(view.getBigUint64(at + 24, littleEndian)),
      size: Number(view.getBigUint64(at + 32, littleEndian)),
    }
  }
  const names = header(nameTable)

  return {
    littleEndian,
    section(name) {
      for (let index = 0; index < count; index++) {
        const found = header(index)
        if (found.type === SECTION_TYPE_NOBITS || readString(bytes, names.offset + found.name) !== name) continue
        return bytes.subarray(found.offset, found.offset + found.size)
      }
      return undefined
    },
  }
}

/** A NUL-terminated string of ASCII. */
export function readString(bytes: Uint8Array, offset: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset).toString('latin1', offset, bytes.indexOf(0, offset))
}
