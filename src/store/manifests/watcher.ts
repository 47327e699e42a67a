import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { MANIFEST_KINDS } from '../../api/index.ts'
import { NatGwError, messageOf } from '../../errors/errors.ts'
import type { ResourceStore } from '../store.ts'
import { ManifestFolder, SETTLE_MS } from './folder.ts'
import { planOf } from './plan.ts'
import { describeProblem } from './problem.ts'
import type { ManifestProblem } from './problem.ts'
import { ManifestSync } from './sync.ts'

/** Between looks at the folder where the kernel tells of no change: it does not on every file system. */
const RESCAN_MS = 2000
/** How long the start waits for files that keep changing. */
const START_PATIENCE_MS = 2000

/** What the store needs of a logger; pino's fits. */
export interface StoreLog {
  info(details: object, message: string): void
  warn(details: object, message: string): void
}

export interface ManifestWatcherOptions {
  /** The folder. */
  path: string
  store: ResourceStore
  log: StoreLog
  onProblems: (problems: readonly ManifestProblem[]) => void
}

/** Keeps the store at what the manifests of a folder say, for as long as it runs. */
export class ManifestWatcher {
  readonly #options: ManifestWatcherOptions
  readonly #folder: ManifestFolder
  readonly #sync: ManifestSync
  readonly #stops: (() => void)[] = []
  /** All problems as last reported, and of these all but the folder's own. */
  #problems: readonly ManifestProblem[] = []
  #found: readonly ManifestProblem[] = []
  #watcher: FSWatcher | undefined
  /** Of the folder the kernel watches for us. */
  #watched: string | undefined
  #timer: NodeJS.Timeout | undefined
  #due = Infinity
  #pass: Promise<void> | undefined
  #stopped = false
  /** Something other than a file changed that the next pass has to look at. */
  #dirty = false
  /** A pass was due while one was under way. */
  #missed = false

  constructor(options: ManifestWatcherOptions) {
    this.#options = options
    this.#folder = new ManifestFolder(options.path)
    this.#sync = new ManifestSync(options.store)
  }

  /** What keeps manifests from taking effect at present. */
  get problems(): readonly ManifestProblem[] {
    return this.#problems
  }

  /** Resolves when the store has what the folder says. @throws ERR_MANIFEST_READ when the folder cannot be read */
  async start(): Promise<void> {
    const patience = performance.now() + START_PATIENCE_MS
    while ((await this.#folder.scan()).unsettled && performance.now() < patience) {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    }
    const { problem } = this.#folder
    if (problem !== undefined) {
      const message = `${problem.message}; make the folder, or name another one as manifests`
      throw new NatGwError('ERR_MANIFEST_READ', message, { path: this.#options.path })
    }
    await this.#apply()
    this.#report()
    for (const kind of MANIFEST_KINDS) {
      // What was waiting for an object of its name to go can be created now.
      const stop = this.#options.store.watch(kind, ({ type }) => {
        if (type === 'deleted') this.#changed(0)
      })
      this.#stops.push(stop)
    }
    this.#schedule(RESCAN_MS)
    this.#listen()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const stop of this.#stops) stop()
    this.#watcher?.close()
    clearTimeout(this.#timer)
    await this.#pass
  }

  #changed(delay: number): void {
    this.#dirty = true
    this.#schedule(delay)
  }

  #schedule(delay: number): void {
    const due = performance.now() + delay
    if (this.#stopped || due >= this.#due) return
    clearTimeout(this.#timer)
    this.#due = due
    this.#timer = setTimeout(() => {
      this.#due = Infinity
      this.#missed = this.#pass !== undefined
      this.#pass ??= this.#run().finally(() => (this.#pass = undefined))
    }, delay)
  }

  async #run(): Promise<void> {
    const { changed, unsettled } = await this.#folder.scan()
    const dirty = this.#dirty
    this.#dirty = false
    if (changed || dirty) await this.#apply()
    this.#report()
    this.#listen()
    this.#schedule(unsettled || this.#missed ? SETTLE_MS : RESCAN_MS)
    this.#missed = false
  }

  async #apply(): Promise<void> {
    const plan = planOf(this.#folder.contents())
    const { problems, again } = await this.#sync.apply(plan)
    this.#dirty ||= again
    this.#found = [...plan.problems, ...problems]
  }

  #report(): void {
    const { problem } = this.#folder
    const next = problem === undefined ? this.#found : [problem, ...this.#found]
    const before = new Set(this.#problems.map((problem) => describeProblem(problem)))
    const after = new Set(next.map((problem) => describeProblem(problem)))
    this.#problems = next
    if (before.size !== after.size || [...after].some((text) => !before.has(text))) this.#options.onProblems(next)
  }

  /** Hears of changes at once, where the kernel tells; the rescans find the rest. */
  #listen(): void {
    const { identity } = this.#folder
    if (this.#stopped || identity === this.#watched) return
    this.#watcher?.close()
    this.#watcher = undefined
    this.#watched = identity
    if (identity === undefined) return
    const { path, log } = this.#options
    const forget = (error: unknown) => {
      log.info({ path }, `changes in ${path} are seen every ${RESCAN_MS / 1000} s only: ${messageOf(error)}`)
      this.#watcher?.close()
      this.#watcher = undefined
    }
    try {
      this.#watcher = watch(path, () => this.#schedule(SETTLE_MS))
      this.#watcher.on('error', forget)
    } catch (error) {
      forget(error)
    }
  }
}
