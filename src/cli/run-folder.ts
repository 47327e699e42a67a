// /run/natgw: what belongs to running processes, <instance>.lock, .json and .problems.json. Commands that show only read it.
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf, NatGwError } from '../errors/errors.ts'
import { replaceFile } from '../files/own-files.ts'
import { isFileLocked, lockFile, unlockFile } from '../native/load-native.ts'

/** Written by `natgw run` for the other commands; stays when it ends, until `natgw unload`. */
export interface RunRecord {
  pid: number
  config: string
  stateFile: string
  startedAt: string
}

/** A command that shows the instance holds its lock for an instant. */
const LOCK_ATTEMPTS = 5
const LOCK_PAUSE_MS = 20

export class RunFolder {
  readonly #path: string
  readonly #instance: string

  /** @param instance a checked name: it becomes part of paths */
  constructor(path: string, instance: string) {
    this.#path = path
    this.#instance = instance
  }

  /** Where an agent publishes its problems. */
  get problemsPath(): string {
    return this.#file('problems.json')
  }

  /** Whether a process runs the instance, or changes it. @throws ERR_NO_ROOT */
  isLocked(): boolean {
    return this.#asRoot(() => isFileLocked(this.#file('lock')))
  }

  /** @returns what gives the lock back, undefined when another process holds it. @throws ERR_NO_ROOT, ERR_RUN_FOLDER */
  async lock(): Promise<(() => void) | undefined> {
    for (let attempt = 1; attempt <= LOCK_ATTEMPTS; attempt++) {
      const fd = this.#asRoot(() => {
        mkdirSync(this.#path, { recursive: true, mode: 0o755 })
        this.#expectOwn()
        return lockFile(this.#file('lock'))
      })
      if (fd !== -1) {
        return () => {
          // Removed while it is held: whoever locks next makes a file of its own.
          this.#remove('lock')
          unlockFile(fd)
          this.#removeIfEmpty()
        }
      }
      await delay(LOCK_PAUSE_MS)
    }
    return undefined
  }

  /** undefined when nobody wrote one, or something else is in it. */
  readRecord(): RunRecord | undefined {
    try {
      return JSON.parse(readFileSync(this.#file('json'), 'utf8')) as RunRecord
    } catch {
      return undefined
    }
  }

  writeRecord(record: Omit<RunRecord, 'pid' | 'startedAt'>): void {
    const written: RunRecord = { ...record, pid: process.pid, startedAt: new Date().toISOString() }
    replaceFile(this.#file('json'), JSON.stringify(written), 0o644)
  }

  /** Removes what processes of the instance left for each other, but for the lock, which its holder removes. */
  clear(): void {
    // Names of instances have no dot, so no other instance's file begins like this.
    const own = readdirSync(this.#path).filter((name) => name.startsWith(`${this.#instance}.`))
    for (const name of own) if (name !== `${this.#instance}.lock`) rmSync(join(this.#path, name), { force: true })
  }

  #file(kind: string): string {
    return join(this.#path, `${this.#instance}.${kind}`)
  }

  #remove(kind: string): void {
    rmSync(this.#file(kind), { force: true })
  }

  #removeIfEmpty(): void {
    try {
      rmdirSync(this.#path)
    } catch {
      // It holds what belongs to others, or is gone.
    }
  }

  /** Where others can write, they could put another agent's files in the place of this one's. @throws ERR_RUN_FOLDER */
  #expectOwn(): void {
    const stat = lstatSync(this.#path)
    if (stat.isDirectory() && (stat.mode & 0o002) === 0) return
    const what = stat.isDirectory() ? 'everybody can write to it: chmod 755' : 'it is no folder: remove'
    throw new NatGwError('ERR_RUN_FOLDER', `${this.#path} cannot be used: ${what} ${this.#path}`, { path: this.#path })
  }

  #asRoot<T>(body: () => T): T {
    try {
      return body()
    } catch (error) {
      if (!['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
      const message = `${this.#file('lock')} is root's: ${messageOf(error)}; run natgw as root`
      throw new NatGwError('ERR_NO_ROOT', message, { path: this.#file('lock') }, { cause: error })
    }
  }
}
