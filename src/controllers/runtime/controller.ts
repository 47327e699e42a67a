import { NatGwError, messageOf } from '../../errors/errors.ts'
import type { Clock } from '../../time/clock.ts'
import type { Logger } from '../../log/logger.ts'
import { RateLimitedLog, causeOf } from '../../log/rate-limited-log.ts'
import { WorkQueue } from './work-queue.ts'

/** So many in a row take some five seconds. */
const CONFLICTS_TOLD = 10

export interface ControllerOptions {
  /** For the log. */
  name: string
  log: Logger
  clock: Clock
  concurrency: number
  coalesceMs?: number
  /** Reads the object from the store and writes what differs; at any time, twice, or again after a crash half-way. */
  reconcile: (key: string) => Promise<void>
}

/** Runs a reconciler over a queue of keys. What the reconciler throws is logged, a line a cause and minute, and tried again. */
export class Controller {
  readonly queue: WorkQueue
  readonly #failures: RateLimitedLog

  constructor({ name, log, reconcile, ...options }: ControllerOptions) {
    this.#failures = new RateLimitedLog(log, options.clock)
    this.queue = new WorkQueue({
      ...options,
      run: reconcile,
      onError: (key, error, retry) => {
        // The stack of an error with a code says nothing that the code does not.
        const what = error instanceof NatGwError ? { code: error.code, details: error.details } : { err: error }
        const fields = { controller: name, key, ...retry, ...what }
        const message = `${name} ${key}: ${messageOf(error)}`
        // Somebody else wrote first: what optimistic concurrency is for, and no news to an operator until it lasts.
        if (isError(error, 'ERR_CONFLICT') && retry.attempt < CONFLICTS_TOLD) log.debug(fields, message)
        else this.#failures.error(`${name} ${causeOf(error)}`, fields, `${message}; trying again`)
      },
    })
  }

  /** What was begun is finished. */
  async stop(): Promise<void> {
    await this.queue.stop()
    this.#failures.close()
  }
}

export function isError(error: unknown, code: NatGwError['code']): boolean {
  return error instanceof NatGwError && error.code === code
}
