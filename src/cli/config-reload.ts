// gateway.yaml while the gateway runs: what of it changed, and what of that is taken over.
import { readFile } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import type { GatewayConfig } from '../config/config.ts'
import { parseConfig } from '../config/load.ts'
import { messageOf } from '../errors/errors.ts'
import type { ProblemReason } from '../problems/problem.ts'
import type { ProblemSink } from '../problems/problem-list.ts'

/** How often the file is looked at. */
const LOOK_MS = 5_000
const SOURCE = 'configuration file'

/** What can change without a restart. */
const LIVE = ['log', 'timers', 'udpRefresh', 'perInterface', 'driftIntervalSeconds'] as const
export type LiveConfig = Pick<GatewayConfig, (typeof LIVE)[number]>

export interface ConfigReloadOptions {
  /** Absolute. */
  path: string
  running: GatewayConfig
  /** Takes over what is new. */
  apply: (config: LiveConfig) => void
  problems: ProblemSink
  log: { info(fields: object, message: string): void; error(fields: object, message: string): void }
}

export class ConfigReload {
  readonly #options: ConfigReloadOptions
  #running: GatewayConfig
  /** The text that was compared last. */
  #text: string | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: ConfigReloadOptions) {
    this.#options = options
    this.#running = options.running
  }

  /** Notices from now on when the file is changed. */
  async start(): Promise<void> {
    this.#text = await this.#read()
    this.#timer = setInterval(() => void this.look(), LOOK_MS)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** Says that the file was changed, without taking anything over. */
  async look(): Promise<void> {
    const text = await this.#read()
    if (text === undefined || text === this.#text) return
    this.#text = text
    if (isDeepStrictEqual(this.#parse(text), this.#running)) this.#report()
    else
      this.#report(
        'ConfigChanged',
        'was changed and natgw goes on as before',
        'SIGHUP takes over what can change live, a restart all of it',
      )
  }

  /** Reads the file, takes over what can be, and says what needs a restart. A file with mistakes changes nothing. */
  async reload(): Promise<void> {
    const { path, log } = this.#options
    let next: GatewayConfig
    try {
      const text = await readFile(path, 'utf8')
      this.#text = text
      next = parseConfig(text, path).config
    } catch (error) {
      log.error({ err: error }, `SIGHUP: ${path} is not taken over: ${messageOf(error)}`)
      this.#report('ConfigInvalid', 'is not valid; natgw goes on as before', 'the log has every mistake; mend them')
      return
    }
    const changed = changedFields(this.#running, next)
    const live = changed.filter(isLive)
    const waiting = changed.filter((field) => !live.includes(field))
    if (live.length > 0) this.#options.apply(next)
    for (const key of LIVE) this.#running = { ...this.#running, [key]: next[key] }
    log.info({ taken: live, waiting }, `SIGHUP: ${path} was read: ${outcome(live, waiting)}`)
    if (waiting.length === 0) this.#report()
    else
      this.#report(
        'ConfigNeedsRestart',
        `has changes that wait for a restart: ${waiting.join(', ')}`,
        'restart natgw; flows go on meanwhile',
      )
  }

  #report(reason?: ProblemReason, message = '', remedy = ''): void {
    const object = `file ${this.#options.path}`
    this.#options.problems.report(
      SOURCE,
      reason === undefined ? [] : [{ reason, severity: 'warning', object, message, remedy }],
    )
  }

  #parse(text: string): GatewayConfig | undefined {
    try {
      return parseConfig(text, this.#options.path).config
    } catch {
      return undefined
    }
  }

  /** undefined while it cannot be read: an editor may be replacing it. */
  async #read(): Promise<string | undefined> {
    return readFile(this.#options.path, 'utf8').catch(() => undefined)
  }
}

/** @param field a path like `timers.udp` */
function isLive(field: string): boolean {
  return LIVE.some((key) => field === key || field.startsWith(`${key}.`))
}

function outcome(live: readonly string[], waiting: readonly string[]): string {
  if (live.length + waiting.length === 0) return 'nothing changed'
  return [
    ...(live.length > 0 ? [`taken over: ${live.join(', ')}`] : []),
    ...(waiting.length > 0 ? [`needs a restart: ${waiting.join(', ')}`] : []),
  ].join('; ')
}

/** Paths like `timers.udp` at which two configurations differ; lists count as a whole. */
export function changedFields(before: object, after: object, path = ''): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return keys.flatMap((key) => {
    const [a, b] = [before, after].map((each) => (each as Record<string, unknown>)[key])
    if (isDeepStrictEqual(a, b)) return []
    const at = path === '' ? key : `${path}.${key}`
    return isSection(a) && isSection(b) ? changedFields(a, b, at) : [at]
  })
}

function isSection(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
