import type { Disk, DiskFile } from '../../../src/store/state/disk.ts'

export type Effect =
  | { type: 'create' | 'remove'; path: string }
  | { type: 'write'; path: string; bytes: Uint8Array; position: number }
  | { type: 'rename'; path: string; to: string }

interface Inode {
  path: string
  bytes: Buffer
}

/** A disk in memory that remembers each effect, so that the files can be had as a crash at any byte would leave them. */
export class CrashingDisk implements Disk {
  readonly effects: Effect[] = []
  readonly #inodes = new Map<string, Inode>()
  /** While set, every write and sync fails with it. */
  failure: Error | undefined

  constructor(files: Iterable<[string, Buffer]> = []) {
    for (const [path, bytes] of files) this.#inodes.set(path, { path, bytes: Buffer.from(bytes) })
  }

  /** The disk with `files` as a crash leaves it: with all effects before number `at`, and of that one, a write, the first `bytes`. */
  static after(effects: readonly Effect[], at: number, bytes = 0, files: [string, Buffer][] = []): CrashingDisk {
    const disk = new CrashingDisk(files)
    for (const effect of effects.slice(0, at)) disk.#apply(effect)
    const torn = effects[at]
    if (torn?.type === 'write') disk.#apply({ ...torn, bytes: torn.bytes.subarray(0, bytes) })
    return disk
  }

  get paths(): string[] {
    return [...this.#inodes.keys()]
  }

  bytesOf(path: string): Buffer {
    return Buffer.from(this.#inodes.get(path)?.bytes ?? [])
  }

  resolve(path: string): Promise<string> {
    return Promise.resolve(path)
  }

  /** A crash gives a lock back, and this disk only crashes. */
  lock(): () => void {
    return () => undefined
  }

  read(path: string): Promise<Buffer | undefined> {
    return Promise.resolve(this.#inodes.has(path) ? this.bytesOf(path) : undefined)
  }

  async create(path: string): Promise<DiskFile> {
    await this.#do({ type: 'create', path })
    return this.openForWriting(path)
  }

  openForWriting(path: string): Promise<DiskFile> {
    const inode = this.#inodes.get(path)
    if (inode === undefined) return Promise.reject(new Error(`ENOENT: ${path}`))
    return Promise.resolve({
      write: (bytes: Uint8Array, position: number) =>
        this.#do({ type: 'write', path: inode.path, bytes: Uint8Array.from(bytes), position }),
      sync: () => (this.failure === undefined ? Promise.resolve() : Promise.reject(this.failure)),
      close: () => Promise.resolve(),
    })
  }

  rename(path: string, to: string): Promise<void> {
    return this.#do({ type: 'rename', path, to })
  }

  remove(path: string): Promise<void> {
    this.#apply({ type: 'remove', path })
    this.effects.push({ type: 'remove', path })
    return Promise.resolve()
  }

  makeDirectory(): Promise<void> {
    return Promise.resolve()
  }

  syncDirectory(): Promise<void> {
    return Promise.resolve()
  }

  #do(effect: Effect): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    this.effects.push(effect)
    this.#apply(effect)
    return Promise.resolve()
  }

  #apply(effect: Effect): void {
    const inode = this.#inodes.get(effect.path)
    switch (effect.type) {
      case 'create':
        this.#inodes.set(effect.path, { path: effect.path, bytes: Buffer.alloc(0) })
        break
      case 'remove':
        this.#inodes.delete(effect.path)
        break
      case 'rename':
        if (inode === undefined) break
        this.#inodes.delete(effect.path)
        inode.path = effect.to
        this.#inodes.set(effect.to, inode)
        break
      case 'write': {
        if (inode === undefined) break
        const missing = effect.position + effect.bytes.length - inode.bytes.length
        if (missing > 0) inode.bytes = Buffer.concat([inode.bytes, Buffer.alloc(missing)])
        inode.bytes.set(effect.bytes, effect.position)
      }
    }
  }
}
