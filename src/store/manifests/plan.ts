import type { Manifest, ManifestId } from '../../api/index.ts'
import type { ManifestProblem } from './problem.ts'
import type { ManifestEntry, ManifestText } from './read-manifest.ts'

/** What is known of one file of the folder. */
export interface FileContent {
  file: string
  /** Of the last text that could be read. */
  entries: readonly ManifestEntry[]
  /** Objects that the file had and that may be among what cannot be read of it now. */
  retained: readonly ManifestId[]
  /** Part of the file could not be read and never could since the start: any object may come from it. */
  incomplete: boolean
  /** Why the present text could not be read. */
  problem?: ManifestProblem
}

/** What is known of a file after it was read once more. */
export function nextContent(file: string, before: FileContent | undefined, text: ManifestText): FileContent {
  if ('problem' in text) {
    return { ...(before ?? { file, entries: [], retained: [], incomplete: true }), problem: text.problem }
  }
  const { entries } = text
  if (entries.every(({ id }) => id !== undefined)) return { file, entries, retained: [], incomplete: false }
  const now = new Set(idsOf({ entries, retained: [] }).map(idText))
  const retained = before === undefined ? [] : idsOf(before).filter((id) => !now.has(idText(id)))
  return { file, entries, retained, incomplete: before?.incomplete ?? true }
}

export interface WantedObject {
  id: ManifestId
  object: Manifest
  file: string
  line: number
  specLines: ManifestEntry['specLines']
}

/** What all files together ask for. */
export interface Plan {
  /** By `<Kind> <key>`. */
  wanted: Map<string, WantedObject>
  /** Objects to leave as they are, for what the folder says of them cannot be read. */
  kept: Set<string>
  /** A file could not be read from which any object may have come: none is to be deleted for not being found. */
  incomplete: boolean
  problems: ManifestProblem[]
}

export function idText(id: ManifestId): string {
  return `${id.kind} ${id.key}`
}

function idsOf({ entries, retained }: Pick<FileContent, 'entries' | 'retained'>): ManifestId[] {
  return [...entries.map(({ id }) => id).filter((id) => id !== undefined), ...retained]
}

/** @param files in the order of their names: of two that describe one object the first counts */
export function planOf(files: readonly FileContent[]): Plan {
  const plan: Plan = { wanted: new Map(), kept: new Set(), incomplete: false, problems: [] }
  const firstPlace = new Map<string, string>()
  for (const { file, entries, retained, incomplete, problem } of files) {
    if (problem !== undefined) plan.problems.push(problem)
    plan.incomplete ||= incomplete
    for (const entry of entries) addEntry(plan, firstPlace, file, entry)
    for (const id of retained) plan.kept.add(idText(id))
  }
  return plan
}

function addEntry(plan: Plan, firstPlace: Map<string, string>, file: string, entry: ManifestEntry): void {
  const { id, object, problems, line, specLines } = entry
  plan.problems.push(...problems)
  if (id === undefined) return
  const first = firstPlace.get(idText(id))
  if (first !== undefined) {
    const message = `is described a second time; ${first} describes it first and counts`
    const remedy = 'remove one of the two'
    plan.problems.push({ code: 'ERR_DUPLICATE_OBJECT', file, line, object: idText(id), message, remedy })
    return
  }
  firstPlace.set(idText(id), `${file}:${line}`)
  if (object === undefined) plan.kept.add(idText(id))
  else plan.wanted.set(idText(id), { id, object, file, line, specLines })
}
