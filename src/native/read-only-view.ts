// Memory that can only be read. A store into a mapping without write access kills the process, so that nothing that could
// be stored through leaves this class.

/** What DataView can read, little-endian where asked. Every read outside of the memory is a RangeError. */
export class ReadOnlyView {
  readonly #view: DataView

  constructor(memory: ArrayBuffer) {
    this.#view = new DataView(memory)
  }

  get byteLength(): number {
    return this.#view.byteLength
  }

  getUint8(offset: number): number {
    return this.#view.getUint8(offset)
  }

  getUint16(offset: number, littleEndian?: boolean): number {
    return this.#view.getUint16(offset, littleEndian)
  }

  getUint32(offset: number, littleEndian?: boolean): number {
    return this.#view.getUint32(offset, littleEndian)
  }

  getInt32(offset: number, littleEndian?: boolean): number {
    return this.#view.getInt32(offset, littleEndian)
  }

  getBigUint64(offset: number, littleEndian?: boolean): bigint {
    return this.#view.getBigUint64(offset, littleEndian)
  }

  /** @returns a copy of so many bytes from `offset` on */
  copy(offset: number, length: number): Uint8Array {
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + offset, length).slice()
  }
}
