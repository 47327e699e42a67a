import { Worker } from 'node:worker_threads'
import { NatGwError } from '../../errors/errors.ts'
import type { ParsePiece, ParseRequest } from './parse-worker.ts'
import type { Unread } from './read-documents.ts'
import type { Gathered } from './read-manifest.ts'

/** No manifest takes so long, but for one that was made to. */
const TIMEOUT_MS = 60_000

/** A thread that reads one file after the other. After a failure it is to be ended. */
export class ParseThread {
  readonly #worker: Worker
  #answer: { resolve: (piece: ParsePiece) => void; reject: (error: Error) => void } | undefined

  /** @param maxHeapMb for the objects of the thread */
  constructor(maxHeapMb: number) {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    this.#worker = new Worker(new URL(`./parse-worker.${extension}`, import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
      execArgv: [],
    })
    this.#worker.on('message', (piece: ParsePiece) => this.#answer?.resolve(piece))
    this.#worker.on('error', (error: Error) => this.#answer?.reject(error))
    this.#worker.on('exit', () => this.#answer?.reject(new Error('the thread that read it ended')))
    this.#worker.unref()
  }

  /**
   * @param bytes are the thread's afterwards
   * @returns why the file says nothing, if it does
   */
  async read(file: string, bytes: Uint8Array, gathered: Gathered): Promise<Unread | undefined> {
    const deadline = performance.now() + TIMEOUT_MS
    let piece = await this.#ask({ file, bytes, known: gathered.hashes }, deadline, [bytes.buffer as ArrayBuffer])
    for (;;) {
      for (const document of piece.documents) gathered.add(document)
      if (piece.end !== undefined) return piece.end.unread
      piece = await this.#ask('more', deadline)
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  async #ask(request: ParseRequest, deadline: number, transfer: ArrayBuffer[] = []): Promise<ParsePiece> {
    const { promise, ...answer } = Promise.withResolvers<ParsePiece>()
    this.#answer = answer
    const late = () => answer.reject(new NatGwError('ERR_MANIFEST_LIMIT', `it takes more than ${TIMEOUT_MS / 1000} s`))
    const timer = setTimeout(late, Math.max(0, deadline - performance.now()))
    try {
      this.#worker.postMessage(request, transfer)
      return await promise
    } finally {
      clearTimeout(timer)
      this.#answer = undefined
    }
  }
}
