// When an object is deleted that is in no manifest any more. Pure: times come in, decisions go out.

/** All in milliseconds. */
export interface RemovalTimes {
  /** That an object is missed before it is deleted. Files are moved, folders switched, texts written again. */
  grace: number
  /** The same where the absence itself is in doubt. */
  doubt: number
  /** That nothing of the folder may have changed: who is at work has not said all yet. */
  quiet: number
  /** That a folder which is never quiet delays a deletion at most. */
  restless: number
}

export const REMOVAL_TIMES: RemovalTimes = { grace: 2_000, doubt: 30_000, quiet: 1_000, restless: 60_000 }

/** What is missed within this time of the first look at a folder was missing at that look. */
const SAME_LOOK_MS = 1_000

/** What was seen of the folder. Times are of one monotonic clock, in milliseconds. */
export interface Observation {
  now: number
  /** Objects that are there and that no manifest describes, by `idText`. */
  missing: readonly string[]
  /** How many objects the manifests describe, those included that cannot be read. */
  described: number
  /** Of objects that a file lost with its end: the file. */
  cutOff: ReadonlyMap<string, string>
  /** Files that cannot be read and may describe any object. */
  unread: readonly string[]
  /** Whether the folder itself can be read. */
  readable: boolean
  /** When a file of it was last seen to change. */
  changedAt: number
  /** When another folder than before, or the first one, was first read as a whole; Infinity until then. */
  replacedAt: number
  /** The user says that no manifest is what is meant. */
  allowsEmpty: boolean
}

/** Why objects that are missing are not deleted yet. */
export type Hold =
  /** Nothing of it: the folder cannot be read, or has no manifest at all. */
  | { reason: 'unreadable' | 'empty'; objects: string[] }
  /** Nothing of it until the file can be read. */
  | { reason: 'unread'; file: string; objects: string[] }
  /** They are deleted when `doubt` is over after they were missed first. */
  | { reason: 'cutOff'; file: string; objects: string[] }
  | { reason: 'replaced' | 'most'; objects: string[] }
  /** They are deleted once the folder is quiet. */
  | { reason: 'restless'; objects: string[] }

export interface Verdict {
  remove: string[]
  holds: Hold[]
  /** When to ask again, although nothing changes. */
  again?: number
}

type Doubt = 'cutOff' | 'replaced' | 'most'

interface Absence {
  since: number
  /** Kept until the object is there again, or is deleted. */
  doubt?: Doubt
}

/**
 * Decides about every object that is missing. It is deleted when it was missed for the grace, doubts of its absence
 * being over, and the folder is quiet; never while it cannot be known whether it is missing. An object that is described
 * again is as if it had never been missed.
 */
export class AbsenceJudge {
  readonly #times: RemovalTimes
  readonly #absences = new Map<string, Absence>()

  constructor(times: RemovalTimes = REMOVAL_TIMES) {
    this.#times = times
  }

  observe(seen: Observation): Verdict {
    const missing = new Set(seen.missing)
    for (const id of this.#absences.keys()) if (!missing.has(id)) this.#absences.delete(id)
    if (missing.size === 0) return { remove: [], holds: [] }
    // What is not seen is not missed: the time begins once the folder can be read.
    if (!seen.readable) return { remove: [], holds: [{ reason: 'unreadable', objects: [...missing] }] }
    for (const id of missing) this.#note(id, seen)
    const [file] = seen.unread
    if (file !== undefined) return { remove: [], holds: [{ reason: 'unread', file, objects: [...missing] }] }
    if (seen.described === 0 && !seen.allowsEmpty) {
      return { remove: [], holds: [{ reason: 'empty', objects: [...missing] }] }
    }
    return this.#verdict(seen)
  }

  #note(id: string, seen: Observation): void {
    const absence = this.#absences.get(id) ?? { since: seen.now }
    this.#absences.set(id, absence)
    const doubt = seen.allowsEmpty && seen.described === 0 ? undefined : doubtOf(id, absence, seen)
    if (doubt !== undefined) absence.doubt ??= doubt
  }

  #verdict(seen: Observation): Verdict {
    const remove: string[] = []
    const holds = new Map<string, Hold>()
    let again = Infinity
    const times = this.#times
    for (const [id, { since, doubt }] of this.#absences) {
      const due = since + (doubt === undefined ? times.grace : times.doubt)
      const quiet = Math.min(seen.changedAt + times.quiet, due + times.restless)
      if (seen.now >= due && seen.now >= quiet) {
        remove.push(id)
        continue
      }
      again = Math.min(again, Math.max(due, quiet))
      if (seen.now >= due) hold(holds, { reason: 'restless', objects: [id] })
      else if (doubt === 'cutOff') hold(holds, { reason: doubt, file: seen.cutOff.get(id) ?? '', objects: [id] })
      else if (doubt !== undefined) hold(holds, { reason: doubt, objects: [id] })
    }
    return { remove, holds: [...holds.values()], ...(again === Infinity ? {} : { again }) }
  }
}

function doubtOf(id: string, { since }: Absence, seen: Observation): Doubt | undefined {
  if (seen.cutOff.has(id)) return 'cutOff'
  // Of what this folder never had it is not known whether it was taken out of it.
  if (since < seen.replacedAt + SAME_LOOK_MS) return 'replaced'
  return seen.missing.length > seen.described ? 'most' : undefined
}

function hold(holds: Map<string, Hold>, next: Hold): void {
  const key = 'file' in next ? `${next.reason} ${next.file}` : next.reason
  const present = holds.get(key)
  if (present === undefined) holds.set(key, next)
  else present.objects.push(...next.objects)
}
