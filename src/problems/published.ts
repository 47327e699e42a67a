// The list of problems as a file in the run folder: the agent writes it, the other commands read it.
import { readFileSync } from 'node:fs'
import { messageOf } from '../errors/errors.ts'
import { replaceFile } from '../files/own-files.ts'
import type { Logger } from '../log/logger.ts'
import type { BootTime } from './boot-clock.ts'
import { bootTime, secondsSince } from './boot-clock.ts'
import type { LastingProblem } from './problem.ts'
import type { ProblemList } from './problem-list.ts'

/** Problems that the file holds: a folder of 100,000 broken manifests makes no file of 50 MB. */
const MAX_PUBLISHED = 1_000
/** Between writes: what comes alone is written at once, what comes in a stream together. */
const SPACING_MS = 50
/** Between writes where nothing changed, so that a reader knows that the writer lives. */
export const HEARTBEAT_MS = 5_000

interface Published {
  at: BootTime
  problems: LastingProblem[]
  /** Problems that found no room. */
  omitted: number
}

/** Keeps the file at what the list says until it is closed. */
export class ProblemPublisher {
  readonly #path: string
  readonly #list: ProblemList
  readonly #log: Logger
  readonly #ends: (() => void)[]
  #timer: NodeJS.Timeout | undefined
  #writtenAt = -Infinity
  #failed = false

  constructor(path: string, list: ProblemList, log: Logger) {
    this.#path = path
    this.#list = list
    this.#log = log
    const heartbeat = setInterval(() => this.#write(), HEARTBEAT_MS)
    this.#ends = [() => clearInterval(heartbeat), list.onChange(() => this.#schedule())]
    this.#write()
  }

  /** The file stays, with what was known last. */
  close(): void {
    for (const end of this.#ends) end()
    clearTimeout(this.#timer)
    this.#write()
  }

  #schedule(): void {
    const pause = Math.max(0, this.#writtenAt + SPACING_MS - performance.now())
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#write()
    }, pause)
  }

  #write(): void {
    this.#writtenAt = performance.now()
    const all = this.#list.list()
    const problems = all.slice(0, MAX_PUBLISHED)
    const published: Published = { at: bootTime(), problems, omitted: all.length - problems.length }
    try {
      replaceFile(this.#path, JSON.stringify(published), 0o644)
      this.#failed = false
    } catch (error) {
      const message = `${this.#path} cannot be written, natgw status shows old problems: ${messageOf(error)}`
      if (!this.#failed) this.#log.error({ err: error }, message)
      this.#failed = true
    }
  }
}

/** What an agent last said. */
export interface KnownProblems {
  problems: LastingProblem[]
  omitted: number
  /** Since the agent wrote it; undefined when that was before the last boot. */
  ageSeconds: number | undefined
}

/** @returns undefined when no agent has written the file, or something else is in it */
export function readPublished(path: string): KnownProblems | undefined {
  try {
    const { at, problems, omitted } = JSON.parse(readFileSync(path, 'utf8')) as Published
    const age = secondsSince(at, bootTime())
    const ageSeconds = age === undefined ? undefined : Math.floor(age)
    return {
      problems: problems.map((each) => ({ ...each, sinceSeconds: each.sinceSeconds + (ageSeconds ?? 0) })),
      omitted,
      ageSeconds,
    }
  } catch {
    return undefined
  }
}
