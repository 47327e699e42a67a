import type { FSWatcher } from 'node:fs'
import { watch } from 'node:fs'
import { MANIFEST_KINDS } from '../../api/index.ts'
import { messageOf, NatGwError } from '../../errors/errors.ts'
import type { ResourceStore } from '../store.ts'
import { Turns } from '../turns.ts'
import type { RemovalTimes, Verdict } from './absence.ts'
import { AbsenceJudge } from './absence.ts'
import type { FolderLimits } from './folder.ts'
import { ManifestFolder, SETTLE_MS } from './folder.ts'
import { holdProblem, namesOf } from './hold-problems.ts'
import { ManifestParser } from './parser.ts'
import type { Plan } from './plan.ts'
import { planOf } from './plan.ts'
import type { ManifestNote, ManifestProblem } from './problem.ts'
import { describeProblem } from './problem.ts'
import { ManifestSync } from './sync.ts'
import { DeletionWatch } from './waiting-deletions.ts'

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
  limits: FolderLimits
  times: RemovalTimes
  store: ResourceStore
  log: StoreLog
  onProblems: (problems: readonly ManifestProblem[], notes: readonly ManifestNote[]) => void
}

/** Keeps the store at what the manifests of a folder say, for as long as it runs. */
export class ManifestWatcher {
  readonly #options: ManifestWatcherOptions
  readonly #folder: ManifestFolder
  readonly #parser: ManifestParser
  readonly #sync: ManifestSync
  readonly #judge: AbsenceJudge
  readonly #deletions: DeletionWatch
  readonly #stops: (() => void)[] = []
  /** All problems as last reported, and of these all but the folder's own. */
  #problems: readonly ManifestProblem[] = []
  #found: readonly ManifestProblem[] = []
  #notes: readonly ManifestNote[] = []
  #watcher: FSWatcher | undefined
  /** Of the folder the kernel watches for us. */
  #watched: string | undefined
  #timer: NodeJS.Timeout | undefined
  #due = Infinity
  #pass: Promise<void> | undefined
  #stopped = false
  /** Something other than a file changed that the next pass has to look at. */
  #dirty = false
  /** When objects that are missing are to be judged again. */
  #judgeAt = Infinity
  /** A pass was due while one was under way. */
  #missed = false

  constructor(options: ManifestWatcherOptions) {
    this.#options = options
    this.#sync = new ManifestSync(options.store)
    this.#parser = new ManifestParser((id) => this.#sync.appliedTo(id))
    this.#folder = new ManifestFolder(options.path, options.limits, this.#parser)
    this.#judge = new AbsenceJudge(options.times)
    this.#deletions = new DeletionWatch(options.store)
  }

  /** What keeps manifests from taking effect at present. */
  get problems(): readonly ManifestProblem[] {
    return this.#problems
  }

  /** What of the folder is passed over at present. */
  get notes(): readonly ManifestNote[] {
    return this.#notes
  }

  /**
   * Resolves when the store has what the folder says.
   * @throws ERR_MANIFEST_READ when the folder cannot be read and the store has no objects to go on with
   */
  async start(): Promise<void> {
    const patience = performance.now() + START_PATIENCE_MS
    while ((await this.#folder.scan()).unsettled && performance.now() < patience) {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    }
    const { problem } = this.#folder
    const isNew = MANIFEST_KINDS.every((kind) => this.#options.store.list(kind).length === 0)
    if (problem !== undefined && isNew) {
      const message = `${problem.message}; make the folder, or name another one as manifests`
      throw new NatGwError('ERR_MANIFEST_READ', message, { path: this.#options.path })
    }
    await this.#apply()
    this.#report()
    for (const kind of MANIFEST_KINDS) {
      const stop = this.#options.store.watch(kind, (event) => {
        this.#deletions.see(event)
        // What was waiting for an object of its name to go can be created now.
        if (event.type === 'deleted') this.#changed(0)
      })
      this.#stops.push(stop)
    }
    this.#schedule(RESCAN_MS)
    this.#scheduleJudgement()
    this.#listen()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const stop of this.#stops) stop()
    this.#watcher?.close()
    clearTimeout(this.#timer)
    await this.#pass
    await this.#parser.close()
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
    const due = this.#dirty || performance.now() >= this.#judgeAt
    this.#dirty = false
    if (changed || due) await this.#apply()
    this.#report()
    this.#listen()
    this.#schedule(unsettled || this.#missed ? SETTLE_MS : RESCAN_MS)
    this.#scheduleJudgement()
    this.#missed = false
  }

  #scheduleJudgement(): void {
    if (this.#judgeAt < Infinity) this.#schedule(Math.max(0, Math.ceil(this.#judgeAt - performance.now())))
  }

  async #apply(): Promise<void> {
    const turns = new Turns()
    const plan = await planOf(this.#folder.contents(), turns)
    const verdict = this.#judged(plan, await this.#sync.missing(plan, turns))
    this.#judgeAt = verdict.again ?? Infinity
    const { problems, again } = await this.#sync.apply(plan, verdict.remove, turns)
    this.#dirty ||= again
    const { path, times } = this.#options
    const holds = verdict.holds.map((hold) => holdProblem(hold, path, times))
    this.#found = [...plan.problems, ...holds, ...problems]
  }

  #judged(plan: Plan, missing: readonly string[]): Verdict {
    const { changedAt, replacedAt, problem, allowsEmpty } = this.#folder
    const verdict = this.#judge.observe({
      now: performance.now(),
      missing,
      described: plan.wanted.size + plan.kept.size,
      cutOff: plan.cutOff,
      unread: plan.unread,
      readable: problem === undefined,
      changedAt,
      replacedAt,
      allowsEmpty,
    })
    const { remove } = verdict
    const { log, path } = this.#options
    if (remove.length > 0) log.info({ path }, `in no manifest any more, so deleted: ${namesOf(remove)}`)
    return verdict
  }

  #report(): void {
    const { problem } = this.#folder
    const next = [...(problem === undefined ? [] : [problem]), ...this.#found, ...this.#deletions.problems()]
    const notes = this.#folder.notes()
    const before = new Set(this.#problems.map((problem) => describeProblem(problem)))
    const after = new Set(next.map((problem) => describeProblem(problem)))
    const noted = new Set(this.#notes.map(describeNote))
    this.#problems = next
    this.#notes = notes
    const same = before.size === after.size && [...after].every((text) => before.has(text))
    const sameNotes = noted.size === notes.length && notes.every((note) => noted.has(describeNote(note)))
    if (!same || !sameNotes) this.#options.onProblems(next, notes)
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

function describeNote({ file, message }: ManifestNote): string {
  return `${file}: ${message}`
}
