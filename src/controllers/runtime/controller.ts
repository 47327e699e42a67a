import { isError, messageOf, NatGwError } from '../../errors/errors.ts'
import type { Logger } from '../../log/logger.ts'
import { causeOf } from '../../log/logger.ts'
import { RateLimitedLog } from '../../log/rate-limited-log.ts'
import { FailingObjects } from '../../problems/failing-objects.ts'
import type { ProblemSink } from '../../problems/problem-list.ts'
import type { Clock } from '../../time/clock.ts'
import { WorkQueue } from './work-queue.ts'

/** A key that failed so often in a row has failed for some five seconds. */
const PERSISTENT_ATTEMPTS = 10

export interface ControllerOptions {
  /** For the log. */
  name: string
  log: Logger
  problems: ProblemSink
  clock: Clock
  concurrency: number
  coalesceMs?: number
  /** Reads the object from the store and writes what differs; at any time, twice, or again after a crash half-way. */
  reconcile: (key: string) => Promise<void>
}

/**
 * Runs a reconciler over a queue of keys. A run that throws is logged, a line a cause and minute, and tried again. Keys that
 * keep failing are one problem of the controller.
 */
export class Controller {
  readonly queue: WorkQueue
  readonly #failures: RateLimitedLog

  constructor({ name, log, problems, reconcile, ...options }: ControllerOptions) {
    this.#failures = new RateLimitedLog(log, options.clock)
    const persistent = new FailingObjects(problems, `controller ${name}`, {
      reason: 'ReconcileFailed',
      severity: 'error',
      object: `controller ${name}`,
      message: 'objects keep failing: what is new about them is not taken over',
      remedy: 'mend the cause, the log has each; they are tried again every 30 s at the latest',
    })
    this.queue = new WorkQueue({
      ...options,
      run: reconcile,
      onError: (key, error, retry) => {
        // The stack of an error with a code says nothing that the code does not.
        const what = error instanceof NatGwError ? { code: error.code, details: error.details } : { err: error }
        const fields = { controller: name, key, ...retry, ...what }
        const message = `${name} ${key}: ${messageOf(error)}`
        const isPersistent = retry.attempt >= PERSISTENT_ATTEMPTS
        if (isPersistent) persistent.failed(key, error)
        // Optimistic concurrency expects that others write first: a conflict is news to an operator when it lasts.
        if (isError(error, 'ERR_CONFLICT') && !isPersistent) log.debug(fields, message)
        else this.#failures.error(`${name} ${causeOf(error)}`, fields, `${message}; trying again`)
      },
      onRecovery: (key) => persistent.recovered(key),
    })
  }

  /** What was begun is finished. */
  async stop(): Promise<void> {
    await this.queue.stop()
    this.#failures.close()
  }
}
