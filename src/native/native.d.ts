// The whole surface of the native addon (native/*.cc). What is not here does not exist.
// The addon knows no layouts: descriptors, bytes in, bytes out. Every failure is a NativeError-shaped throw (see below).

/** Thrown by every function here: `code` is the errno name, `log` libbpf's or the verifier's text where there is one. */
export interface NativeFailure extends Error {
  code: string // 'EPERM', 'ENOENT', 'E2BIG', …; 'EARG' when an argument was refused before any system call
  errno: number // positive; 0 for EARG
  syscall: string // what was tried: 'bpf_map_update_batch', 'xdp_attach', …
  log?: string
  count?: number // of a batch: entries written or deleted before it failed
}

export interface MapInfo {
  id: number
  name: string
  type: number // enum bpf_map_type
  keySize: number // bytes
  valueSize: number // bytes; per-CPU maps: of one CPU, user space sees roundUp(valueSize, 8) × possible CPUs
  maxEntries: number
  flags: number // BPF_F_*
}

export interface ProgramInfo {
  id: number
  name: string
  type: number
  tag: string // 16 hex digits: hash of the instructions
  loadedAtNs: bigint // CLOCK_BOOTTIME
}

export interface LinkInfo {
  id: number
  type: number
  programId: number
  ifindex: number // of an XDP link; 0 when the device is gone
}

import type { ReadOnlyView } from './read-only-view.ts'

/** A map by descriptor. Lengths are checked against the kernel's own key and value sizes. */
export declare class BpfMap {
  /** Creates a map without an object file, e.g. an inner map. */
  static create(options: {
    name: string
    type: number
    keySize: number
    valueSize: number
    maxEntries: number
    flags?: number
    inner?: BpfMap // of a map of maps: what its inner maps look like
  }): BpfMap
  static openPinned(path: string): BpfMap
  static openById(id: number): BpfMap
  readonly info: MapInfo
  /** Bytes of one value as user space sees it (per-CPU maps included). */
  readonly userValueSize: number
  lookup(key: Uint8Array): Uint8Array | undefined
  /** @param flags 0 BPF_ANY, 1 BPF_NOEXIST, 2 BPF_EXIST */
  update(key: Uint8Array, value: Uint8Array, flags?: number): void
  /** For maps of maps: puts each of `inner` at the key of the same place; the kernel waits for running programs once. */
  updateInner(keys: Uint8Array, inner: BpfMap[]): void
  /** @returns false when there was nothing to delete */
  delete(key: Uint8Array): boolean
  nextKey(key: Uint8Array | null): Uint8Array | undefined
  /** keys and values hold the same number of entries back to back. @returns entries written */
  updateBatch(keys: Uint8Array, values: Uint8Array, flags?: number): number
  deleteBatch(keys: Uint8Array): number
  /** All entries, read with lookup_batch where the map type has it, else key by key. */
  entries(): { keys: Uint8Array; values: Uint8Array; count: number }
  /** mmap of a BPF_F_MMAPABLE array, for reading and writing; valid until close(), which detaches it. */
  mmap(): ArrayBuffer
  /** The same memory without a way to write it; after close() each read is an error. */
  readOnlyView(): ReadOnlyView
  pin(path: string): void
  close(): void
}

export declare class BpfProgram {
  static openPinned(path: string): BpfProgram
  static openById(id: number): BpfProgram
  readonly info: ProgramInfo
  /**
   * BPF_PROG_TEST_RUN. A run with `repeat` above 1 that the kernel interrupts is begun again, so that the program may
   * run more often than asked; one with `repeat` 0 or 1 runs once.
   * @returns retval (the XDP verdict), the packet as the program left it, nanoseconds a run, and ctx as left by a syscall program
   */
  testRun(options: {
    data?: Uint8Array
    ctx?: Uint8Array
    repeat?: number
    flags?: number
    batchSize?: number
    dataOutSize?: number
  }): {
    retval: number
    data: Uint8Array
    ctx: Uint8Array
    durationNs: number
  }
  /** Attaches to a device of the calling thread's network namespace. @param mode 'native' | 'generic' */
  attachXdp(ifindex: number, mode: 'native' | 'generic'): BpfLink
  /** Attaches a tp_btf program to the tracepoint that it names. */
  attachTracepoint(): BpfLink
  pin(path: string): void
  close(): void
}

export declare class BpfLink {
  static openPinned(path: string): BpfLink
  readonly info: LinkInfo
  /** Replaces the program in place. */
  update(program: BpfProgram): void
  pin(path: string): void
  /** Detaches at once, whatever other references there are. */
  detach(): void
  close(): void
}

/** A BPF object file: open → (resize, reuse) → load → maps and programs by name → close. */
export declare class BpfObject {
  /** @param bytes the ELF file */
  constructor(bytes: Uint8Array, name: string)
  readonly mapNames: string[]
  readonly programNames: string[]
  setMaxEntries(map: string, maxEntries: number): void
  /** The object's map becomes this one (same type and sizes, else the load fails). */
  reuseMap(map: string, existing: BpfMap): void
  /** Inner map prototype of a map of maps; needed before load(). */
  setInnerMap(map: string, inner: BpfMap): void
  /** Keeps a program from being loaded. */
  skipProgram(program: string): void
  /** @throws with `log` holding libbpf's text and the verifier's log */
  load(): void
  map(name: string): BpfMap
  program(name: string): BpfProgram
  close(): void
}

/** A BPF ring buffer on the libuv loop. */
export declare class RingBuffer {
  /** @param onRecords called once a wake-up with the records of that wake-up back to back, each `recordSize` bytes */
  constructor(map: BpfMap, recordSize: number, onRecords: (records: Uint8Array, count: number) => void)
  /** Records of another size than `recordSize`: skipped. */
  readonly mismatched: number
  /** Keeps the process alive only while referenced. */
  ref(): void
  unref(): void
  close(): void
}

/** Netlink of the calling thread's network namespace: messages in, messages out, no meaning attached. */
export declare class NetlinkSocket {
  /**
   * @param groups multicast groups (RTNLGRP_* numbers) whose messages go to onMessage
   * @param protocol NETLINK_*; default NETLINK_ROUTE
   */
  constructor(groups: number[], onMessage?: (datagram: Uint8Array) => void, onOverrun?: () => void, protocol?: number)
  /**
   * Sends one request (nlmsghdr included, sequence number overwritten) and gathers its answers until NLMSG_DONE,
   * NLMSG_ERROR or the ACK; one answer for a GET with neither NLM_F_ACK nor NLM_F_DUMP. What is not a GET needs
   * NLM_F_ACK. A dump that a change disturbed is asked for again.
   * @returns one element a message, nlmsghdr included, without DONE and ACK
   * @throws ETIMEDOUT after a second without an answer, or three seconds in all; the kernel's errno with its explanation in the message
   */
  request(message: Uint8Array): Uint8Array[]
  /**
   * The same on another thread, while the loop turns. One at a time of a socket, EARG for a second; close() does not end it.
   * @returns the messages back to back, each begins at a multiple of four bytes
   */
  dump(message: Uint8Array): Promise<Uint8Array>
  ref(): void
  unref(): void
  close(): void
}

/**
 * Takes an advisory write lock (flock) for the life of the thread that calls, making the file where there is none. The holder may
 * remove the file before it unlocks. @returns the descriptor, or -1 when another holds it
 */
export declare function lockFile(path: string): number
/** Whether somebody holds the lock of lockFile(). Makes no file; a lockFile() in the same instant may be refused. */
export declare function isFileLocked(path: string): boolean
export declare function unlockFile(fd: number): void
/**
 * Sends one datagram to a unix socket without waiting. @param socket a path, or `@name` in the abstract namespace
 * @throws EAGAIN when its receiver does not keep up, ECONNREFUSED and ENOENT when there is none
 */
export declare function sendDatagram(socket: string, message: string): void
/** Ends the process at once. process.exit() waits for file operations that hang. */
export declare function exitNow(status: number): never
/** @returns f_type of statfs(2), e.g. 0xcafe4a11 for bpffs */
export declare function fileSystemType(path: string): number
/** Mounts a BPF file system on the folder, unless it is one already. */
export declare function mountBpffs(path: string): void
export declare function ifIndex(name: string): number
export declare function possibleCpus(): number
/** Pins the calling thread to one CPU (tests and bench). */
export declare function setAffinity(cpu: number): void
/**
 * Moves the calling thread into the network namespace at `path`, runs `body`, and moves back, also on a throw. A body
 * that returns a promise is refused with EARG: what it awaits would run in the outer namespace.
 */
export declare function inNetworkNamespace<T>(path: string, body: () => T): T
