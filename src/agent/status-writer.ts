import type { Condition, NetworkInterface, ObjectKey } from '../api/index.ts'
import { mergeConditions, NETWORK_INTERFACE } from '../api/index.ts'
import type { ProgrammedState } from '../desired/record.ts'
import { messageOf, NatGwError } from '../errors/errors.ts'
import type { Logger } from '../log/logger.ts'
import { causeOf } from '../log/logger.ts'
import { RateLimitedLog } from '../log/rate-limited-log.ts'
import { FailingObjects } from '../problems/failing-objects.ts'
import type { ProblemSink } from '../problems/problem-list.ts'
import type { ResourceStore } from '../store/store.ts'
import type { Clock } from '../time/clock.ts'
import { timestamp } from '../time/clock.ts'

const TYPE = 'Programmed'
const NONE: Condition[] = []
/** Milliseconds between bursts of writes, and how many one holds: at 100,000 changes the store gets a stream, not a storm. */
const BURST_PAUSE = 250
const BURST_SIZE = 100
/** How many interfaces are looked at before others have their turn. */
const LOOKS = 1_000
/** After a store that refuses writes (disk full, API server away), or until an object that it refuses is tried again. */
const FAILURE_PAUSE = 5_000

export interface StatusWriterOptions {
  store: Pick<ResourceStore, 'get' | 'getLive' | 'updateStatus'>
  /** `leave`: the interface is none of this node's; undefined: nothing is to be said, a condition from before goes. */
  programmedState: (key: ObjectKey) => ProgrammedState | undefined | 'notLocal'
  problems: ProblemSink
  clock: Clock
  log: Logger
}

/** Writes states as the condition `Programmed`, only where it differs from what is there. */
export class StatusWriter {
  readonly #options: StatusWriterOptions
  readonly #failures: RateLimitedLog
  readonly #failing: FailingObjects
  readonly #pending = new Set<ObjectKey>()
  /** Refused by the store, and waiting for another try while the others go on. */
  readonly #refused = new Set<ObjectKey>()
  /** Whose last write was refused since the cache trails: the store itself is read before the next. */
  readonly #trailing = new Set<ObjectKey>()
  #timer: NodeJS.Timeout | undefined
  #retry: NodeJS.Timeout | undefined
  #burst: Promise<void> | undefined
  #closed = false
  #writes = 0

  constructor(options: StatusWriterOptions) {
    this.#options = options
    this.#failures = new RateLimitedLog(options.log, options.clock)
    this.#failing = new FailingObjects(options.problems, 'conditions', {
      reason: 'StatusNotWritten',
      severity: 'error',
      object: 'conditions of NetworkInterfaces',
      message: 'the store refuses them, so what they say is old; traffic is not concerned',
      remedy: 'mend the cause; it is tried again every 5 s',
    })
  }

  /** Conditions written. */
  get writes(): number {
    return this.#writes
  }

  /** Interfaces whose condition may have to change; the state is asked for when its turn comes. */
  enqueue(keys: Iterable<ObjectKey>): void {
    for (const key of keys) this.#pending.add(key)
    this.#schedule(0)
  }

  /** What has not been written by now is written by the next run. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    clearTimeout(this.#retry)
    await this.#burst
    this.#failures.close()
  }

  #schedule(pause: number): void {
    if (this.#closed || this.#pending.size === 0 || this.#timer !== undefined || this.#burst !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#burst = this.#writeBurst().then((next) => {
        this.#burst = undefined
        this.#schedule(next)
      })
    }, pause)
  }

  /** @returns the pause before the next burst */
  async #writeBurst(): Promise<number> {
    const keys: ObjectKey[] = []
    let looks = 0
    for (const key of this.#pending) {
      if (keys.length === BURST_SIZE || looks++ === LOOKS) break
      this.#pending.delete(key)
      const cached = this.#options.store.get(NETWORK_INTERFACE, key)
      if (this.#trailing.has(key) || this.#changeOf(key, cached) !== undefined) keys.push(key)
      else this.#failing.recovered(key)
    }
    if (keys.length === 0) return 0
    const outcomes = await Promise.all(keys.map((key) => this.#write(key)))
    const failures = outcomes.filter((outcome) => outcome !== undefined)
    const [first] = failures
    if (first === undefined) return BURST_PAUSE
    const message = `status of NetworkInterfaces could not be written: ${messageOf(first)}`
    this.#failures.warn(causeOf(first), { err: first }, message)
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined
      this.enqueue(this.#refused)
      this.#refused.clear()
    }, FAILURE_PAUSE)
    // A store that refuses all of them is left alone; one object that it refuses does not keep the others waiting.
    return failures.length === keys.length && keys.length > 1 ? FAILURE_PAUSE : BURST_PAUSE
  }

  /** @returns the error to be logged; conflicts and objects that are gone are none */
  async #write(key: ObjectKey): Promise<unknown> {
    const error = await this.#tryToWrite(key)
    if (error === undefined) this.#failing.recovered(key)
    else this.#failing.failed(key, error)
    return error
  }

  async #tryToWrite(key: ObjectKey): Promise<unknown> {
    try {
      const object = this.#trailing.delete(key)
        ? await this.#options.store.getLive(NETWORK_INTERFACE, key)
        : this.#options.store.get(NETWORK_INTERFACE, key)
      const changed = this.#changeOf(key, object)
      if (changed === undefined) return undefined
      await this.#options.store.updateStatus(changed)
      this.#writes++
      return undefined
    } catch (error) {
      const code = error instanceof NatGwError ? error.code : undefined
      if (code === 'ERR_NOT_FOUND') return undefined
      if (code === 'ERR_CONFLICT') {
        this.#trailing.add(key)
        this.#pending.add(key)
        return undefined
      }
      this.#refused.add(key)
      return error
    }
  }

  /** @returns the object as it should be; undefined when it is so already, or not ours to touch */
  #changeOf(key: ObjectKey, object: NetworkInterface | undefined): NetworkInterface | undefined {
    const state = this.#options.programmedState(key)
    if (object === undefined || state === 'notLocal') return undefined
    const before = object.status?.conditions
    const updates = state === undefined ? [] : [{ type: TYPE, ...state }]
    const now = timestamp(this.#options.clock)
    const conditions = mergeConditions(before ?? NONE, updates, object.metadata.generation, now, state ? [] : [TYPE])
    return conditions === (before ?? NONE) ? undefined : { ...object, status: { ...object.status, conditions } }
  }
}
