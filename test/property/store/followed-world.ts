// A folder of manifests and the objects it describes, followed as the product does but for the files, on a clock of its own.
import type { Manifest } from '../../../src/api/index.ts'
import { NETWORK } from '../../../src/api/index.ts'
import type { Hold } from '../../../src/store/manifests/absence.ts'
import { AbsenceJudge, REMOVAL_TIMES } from '../../../src/store/manifests/absence.ts'
import type { FileContent, FileText } from '../../../src/store/manifests/file-content.ts'
import { nextContent } from '../../../src/store/manifests/file-content.ts'
import { planOf } from '../../../src/store/manifests/plan.ts'
import { Turns } from '../../../src/store/turns.ts'

const LOOK_MS = 50
const OBJECT_BYTES = 50

/** Names in a file, or a text that cannot be read. */
export type Text = readonly string[] | 'broken'

export class FollowedWorld {
  /** What the disk has. Undefined where there is no folder. */
  folder: Map<string, Text> | undefined
  allowsEmpty = false
  readonly objects = new Set<string>()
  readonly removed: string[] = []
  holds: Hold[] = []
  #identity = 0
  #now = 1_000_000
  #judge = new AbsenceJudge()
  #contents = new Map<string, FileContent>()
  #read = new Map<string, Text>()
  #readIdentity = -1
  #changedAt = this.#now
  #replacedAt = Infinity

  constructor(files: Record<string, Text>) {
    this.folder = new Map(Object.entries(files))
  }

  /** Another folder takes the place of the present one. */
  replace(files: Record<string, Text>): void {
    this.folder = new Map(Object.entries(files))
    this.#identity++
  }

  /** The process is gone and comes back; the objects are in its state. */
  restart(): void {
    this.#judge = new AbsenceJudge()
    this.#contents = new Map()
    this.#read = new Map()
    this.#readIdentity = -1
    this.#replacedAt = Infinity
  }

  async pass(milliseconds: number): Promise<void> {
    for (let left = milliseconds; left > 0; left -= LOOK_MS) {
      this.#now += Math.min(left, LOOK_MS)
      await this.#look()
    }
  }

  async #look(): Promise<void> {
    if (this.folder !== undefined) await this.#readFolder(this.folder)
    const files = [...this.#contents.keys()].sort()
    const plan = await planOf(
      files.map((file) => this.#contents.get(file)!),
      new Turns(),
    )
    for (const name of plan.wanted.keys()) this.objects.add(name)
    const { remove, holds } = this.#judge.observe({
      now: this.#now,
      missing: [...this.objects].filter((name) => !plan.wanted.has(name) && !plan.kept.has(name)),
      described: plan.wanted.size + plan.kept.size,
      cutOff: plan.cutOff,
      unread: plan.unread,
      readable: this.folder !== undefined,
      changedAt: this.#changedAt,
      replacedAt: this.#replacedAt,
      allowsEmpty: this.allowsEmpty && this.folder !== undefined,
    })
    this.holds = holds
    for (const name of remove) this.objects.delete(name)
    this.removed.push(...remove)
  }

  async #readFolder(folder: Map<string, Text>): Promise<void> {
    if (this.#readIdentity !== this.#identity) this.#replacedAt = Infinity
    this.#readIdentity = this.#identity
    let isSettled = true
    for (const file of new Set([...folder.keys(), ...this.#read.keys()])) {
      const text = folder.get(file)
      if (text === this.#read.get(file)) continue
      isSettled = false
      this.#changedAt = this.#now
      if (text === undefined) {
        this.#read.delete(file)
        this.#contents.delete(file)
      } else {
        this.#read.set(file, text)
        this.#contents.set(file, await nextContent(file, this.#contents.get(file), said(file, text), new Turns()))
      }
    }
    if (isSettled) this.#replacedAt = Math.min(this.#replacedAt, this.#now)
  }
}

function said(file: string, text: Text): FileText {
  if (text === 'broken') {
    return { problem: { code: 'ERR_MANIFEST_SYNTAX', file, message: 'is not YAML', remedy: 'correct it' } }
  }
  const entries = text.map((name, i) => ({
    id: { kind: NETWORK, key: name },
    object: { kind: 'Network' } as Manifest,
    problems: [],
    line: i + 1,
    specLines: {},
  }))
  return { entries, foreign: [], size: text.length * OBJECT_BYTES }
}

/** Longer than any grace and doubt. */
export const LONG_MS = REMOVAL_TIMES.doubt + REMOVAL_TIMES.quiet + 2 * LOOK_MS
