import type { ManifestId } from '../../api/index.ts'
import { idText } from '../../api/index.ts'
import type { Turns } from '../turns.ts'
import type { ManifestProblem } from './problem.ts'
import type { ManifestEntry } from './read-document.ts'

/** What is known of one file of the folder. */
export interface FileContent {
  file: string
  /** Of the last text that could be read. */
  entries: readonly ManifestEntry[]
  /** Objects that the file had and that may be among what cannot be read of it now. */
  retained: readonly ManifestId[]
  /** Objects that the file no longer has since it became shorter at its end. */
  cutOff: readonly ManifestId[]
  /** Part of the file could not be read and never could since the start: any object may come from it. */
  incomplete: boolean
  /** Why the present text could not be read. */
  problem?: ManifestProblem
  /** What of the file is passed over, for it is other tools'. */
  foreign: readonly string[]
  /** Bytes of the last text that could be read. */
  size: number
}

/** What a file was found to say: its objects, whose it is, or why it cannot be read. */
export type FileText =
  | { entries: readonly ManifestEntry[]; foreign: readonly string[]; size: number }
  | { foreign: string }
  | { problem: ManifestProblem; notOurs?: true }

/** Of a file that was not read yet. */
export function unreadContent(file: string): FileContent {
  return { file, entries: [], retained: [], cutOff: [], incomplete: true, foreign: [], size: 0 }
}

/** What is known of a file after it was read once more. */
export async function nextContent(
  file: string,
  before: FileContent | undefined,
  text: FileText,
  turns: Turns,
): Promise<FileContent> {
  const known = before ?? unreadContent(file)
  if ('problem' in text) {
    const incomplete = known.incomplete && text.notOurs === undefined
    return { ...known, incomplete, problem: text.problem }
  }
  if (!('entries' in text)) return foreignContent(file, known, text.foreign)
  const { entries, foreign, size } = text
  const now = new Set<string>()
  let isNamed = true
  for (const entry of entries) {
    await turns.next()
    for (const id of idsOfEntry(entry)) now.add(idText(id))
    isNamed &&= entry.id !== undefined || entry.candidates !== undefined
  }
  const lost: ManifestId[] = []
  for (const id of idsOf(known)) {
    await turns.next()
    if (!now.has(idText(id))) lost.push(id)
  }
  const base = { file, entries, foreign, size }
  if (!isNamed) return { ...base, retained: lost, cutOff: [], incomplete: before?.incomplete ?? true }
  const gone = known.cutOff.filter((id) => !now.has(idText(id)))
  const cutOff = lost.length > 0 && lostItsEnd(known, now, size) ? [...gone, ...lost] : gone
  return { ...base, retained: [], cutOff, incomplete: false }
}

/** A file that had objects of ours and is another tool's all of a sudden is doubted, not believed. */
function foreignContent(file: string, known: FileContent, foreign: string): FileContent {
  if (idsOf(known).next().done === true) return { ...unreadContent(file), incomplete: false, foreign: [foreign] }
  const message = `is ${foreign}, and described objects before`
  const remedy = 'write the manifest again, or remove the file; until then its objects stay as they were'
  return { ...known, problem: { code: 'ERR_MANIFEST_SYNTAX', file, message, remedy } }
}

/** A text that is written in place, or was cut by a full disk, has the beginning of what it had. */
function lostItsEnd(known: FileContent, now: ReadonlySet<string>, size: number): boolean {
  if (size >= known.size) return false
  const stays = known.entries.map(({ id }) => id !== undefined && now.has(idText(id)))
  return stays.lastIndexOf(true) < stays.indexOf(false)
}

function* idsOf({ entries, retained }: Pick<FileContent, 'entries' | 'retained'>): Generator<ManifestId> {
  for (const entry of entries) yield* idsOfEntry(entry)
  yield* retained
}

function idsOfEntry({ id, candidates = [] }: ManifestEntry): readonly ManifestId[] {
  return id === undefined ? candidates : [id]
}
