import type { Manifest, ManifestId } from '../../api/index.ts'
import { idText, manifestName } from '../../api/index.ts'
import type { Turns } from '../turns.ts'
import type { FileContent } from './file-content.ts'
import type { ManifestProblem } from './problem.ts'
import type { ManifestEntry } from './read-document.ts'

export interface WantedObject {
  id: ManifestId
  object: Manifest
  file: string
  line: number
  specLines: ManifestEntry['specLines']
}

/** What all files together ask for. */
export interface Plan {
  /** By `idText`. */
  wanted: Map<string, WantedObject>
  /** Objects to leave as they are, for what the folder says of them cannot be read. */
  kept: Set<string>
  /** Files that cannot be read and from which any object may have come: none is deleted for not being found. */
  unread: string[]
  /** Objects that a file lost when it lost its end: they may not have been written yet. */
  cutOff: Map<string, string>
  problems: ManifestProblem[]
}

/** @param files in the order of their names: of two that describe one object the first counts */
export async function planOf(files: Iterable<FileContent>, turns: Turns): Promise<Plan> {
  const plan: Plan = { wanted: new Map(), kept: new Set(), unread: [], cutOff: new Map(), problems: [] }
  const firstPlace = new Map<string, string>()
  for (const { file, entries, retained, cutOff, incomplete, problem } of files) {
    if (problem !== undefined) plan.problems.push(problem)
    if (incomplete) plan.unread.push(file)
    for (const entry of entries) {
      await turns.next()
      addEntry(plan, firstPlace, file, entry)
    }
    for (const id of retained) plan.kept.add(idText(id))
    for (const id of cutOff) plan.cutOff.set(idText(id), file)
  }
  return plan
}

function addEntry(plan: Plan, firstPlace: Map<string, string>, file: string, entry: ManifestEntry): void {
  const { id, candidates = [], object, problems, line, specLines } = entry
  plan.problems.push(...problems)
  for (const candidate of candidates) plan.kept.add(idText(candidate))
  if (id === undefined) return
  const text = idText(id)
  const first = firstPlace.get(text)
  if (first !== undefined) {
    const message = `is described a second time; ${first} describes it first and counts`
    const remedy = 'remove one of the two'
    plan.problems.push({ code: 'ERR_DUPLICATE_OBJECT', file, line, object: manifestName(id), message, remedy })
    return
  }
  firstPlace.set(text, `${file}:${line}`)
  if (object === undefined) plan.kept.add(text)
  else plan.wanted.set(text, { id, object, file, line, specLines })
}
