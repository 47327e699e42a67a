import { NatGwError, messageOf } from '../errors/errors.ts'
import type { Clock } from './clock.ts'
import type { Logger } from './log.ts'
import { WorkQueue } from './work-queue.ts'

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

/** Runs a reconciler over a queue of keys. What the reconciler throws is logged and tried again. */
export class Controller {
  readonly queue: WorkQueue

  constructor({ name, log, reconcile, ...options }: ControllerOptions) {
    this.queue = new WorkQueue({
      ...options,
      run: reconcile,
      onError(key, error, retry) {
        const fields = { controller: name, key, ...retry, ...(error instanceof NatGwError ? { code: error.code } : {}) }
        // Somebody else wrote first: what optimistic concurrency is for, and no news to an operator.
        if (isError(error, 'ERR_CONFLICT')) log.debug(fields, `${name} ${key}: ${messageOf(error)}`)
        else log.error({ ...fields, err: error }, `${name} ${key}: ${messageOf(error)}; trying again`)
      },
    })
  }
}

export function isError(error: unknown, code: NatGwError['code']): boolean {
  return error instanceof NatGwError && error.code === code
}
