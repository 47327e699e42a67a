import type { Document } from 'yaml'
import { Composer, LineCounter, Parser } from 'yaml'
import type { Manifest, ManifestId } from '../../api/index.ts'
import { foreignContent, listedKind, MANIFEST_KINDS, manifestName, parseResource } from '../../api/index.ts'
import type { AmbiguousValue } from '../../document/dialects.ts'
import { ambiguousValues } from '../../document/dialects.ts'
import type { Path } from '../../document/positions.ts'
import { offsetOf } from '../../document/positions.ts'
import { messageOf } from '../../errors/errors.ts'
import { fieldPath } from '../../schema/issue.ts'
import type { ManifestProblem } from './problem.ts'
import { problemOf } from './problem.ts'

/** One object of a file, as far as it could be read. */
export interface ManifestEntry {
  /** Absent when not even the name of the object could be read. */
  id?: ManifestId
  /** Where only the kind is not known: the objects it may be about. */
  candidates?: readonly ManifestId[]
  /** Absent when there are problems. */
  object?: Manifest
  problems: ManifestProblem[]
  /** Where the object begins, from 1. */
  line: number
  /** Where the fields of its spec stand, for problems that show only later. */
  specLines: Readonly<Record<string, number>>
}

/** What a document says. Lines count from its own beginning. */
export interface DocumentContent {
  entries: ManifestEntry[]
  /** What of it is other tools', and is passed over. */
  foreign: string[]
}

/** Thrown for a text that is not YAML; `line` counts from the beginning of the document. */
export class NotYaml extends Error {
  readonly line: number

  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

/**
 * Reads one document: YAML (JSON is YAML), `kind: List` as kubectl writes it too.
 * @param source the file, and which document of it this is, from 0
 * @throws NotYaml
 */
export function readDocument(text: string, source: { file: string; index: number }): DocumentContent {
  checkFrame(text)
  const lineCounter = new LineCounter()
  const lineAt = (offset: number) => Math.max(1, lineCounter.linePos(offset).line)
  const tokens = new Parser(lineCounter.addNewLine).parse(text)
  const content: DocumentContent = { entries: [], foreign: [] }
  let documents = 0
  for (const document of new Composer({ lineCounter, prettyErrors: false, merge: true }).compose(tokens)) {
    const [error] = document.errors
    if (error !== undefined) throw new NotYaml(lineAt(error.pos[0]), error.message)
    const { value, ambiguous } = valueOf(document, lineAt)
    // `---` at the beginning or end makes a document without content.
    if (value === null || value === undefined) continue
    if (++documents > 1) throw new NotYaml(lineAt(document.range[0]), 'a second document begins without a line ---')
    const place = { source, ambiguous, lineAt, lineOf: (path: Path) => lineAt(offsetOf(document, path)) }
    for (const { item, path } of itemsOf(value)) addItem(content, item, path, place)
  }
  return content
}

/** What kubectl reads only where it stands for itself. */
function checkFrame(text: string): void {
  const sameLine = /^---[ \t]+[^\s#]/.test(text)
  if (sameLine) throw new NotYaml(1, 'there is content beside ---: begin it on the next line')
  const directive = /^(?:---[^\n]*\n)?(?:[ \t]*(?:#[^\n]*)?\n)*%/.exec(text)
  if (directive === null) return
  throw new NotYaml(directive[0].split('\n').length, 'a line begins with %: directives are not read, remove it')
}

function valueOf(
  document: Document.Parsed,
  lineAt: (offset: number) => number,
): { value: unknown; ambiguous: AmbiguousValue[] } {
  try {
    // Before the merges are made: some would make a great many.
    const ambiguous = ambiguousValues(document)
    return { value: document.toJS({ maxAliasCount: 100 }), ambiguous }
  } catch (failure) {
    throw new NotYaml(lineAt(offsetOf(document, [])), messageOf(failure))
  }
}

/** The objects of a document: itself, or the items of a list. */
function itemsOf(value: unknown): { item: unknown; path: Path }[] {
  const { kind, apiVersion, items } = value as Record<string, unknown>
  const listed = listedKind(apiVersion, kind)
  const isList = listed !== undefined || (kind === 'List' && apiVersion === 'v1')
  if (!isList || !Array.isArray(items)) return [{ item: value, path: [] }]
  // The items of a list of one kind need not say it again.
  const implied = listed === undefined ? {} : { apiVersion, kind: listed }
  return items.map((item: unknown, i) => ({
    item: typeof item === 'object' && item !== null && !Array.isArray(item) ? { ...implied, ...item } : item,
    path: ['items', i],
  }))
}

interface Place {
  source: { file: string; index: number }
  ambiguous: AmbiguousValue[]
  lineAt: (offset: number) => number
  lineOf: (path: Path) => number
}

function addItem(content: DocumentContent, item: unknown, path: Path, place: Place): void {
  const foreign = foreignContent(item)
  if (foreign !== undefined) content.foreign.push(foreign)
  else content.entries.push(entryOf(item, path, place))
}

function entryOf(item: unknown, path: Path, { source, ambiguous, lineAt, lineOf }: Place): ManifestEntry {
  const { id, object, issues = [] } = parseResource(item, source)
  const lineOfField = (field: Path) => lineOf([...path, ...field])
  const line = lineOfField([])
  const own = ambiguous.filter((each) => path.every((step, i) => each.path[i] === step))
  const problems = [
    ...own.map((each) => ambiguousProblem(each, path.length, source.file, lineAt(each.offset), id)),
    ...issues.map((issue) => problemOf(issue, source.file, lineOfField(issue.segments))),
  ].sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
  if (problems.length > 0 || object === undefined) {
    const known = id === undefined ? candidatesOf(item) : { id }
    return { ...known, problems, line, specLines: {} }
  }
  const specLines = Object.fromEntries(Object.keys(object.spec).map((name) => [name, lineOfField(['spec', name])]))
  return { id, object, problems, line, specLines }
}

function ambiguousProblem(
  { path, value, message, remedy }: AmbiguousValue,
  skipped: number,
  file: string,
  line: number,
  id: ManifestId | undefined,
): ManifestProblem {
  const object = id === undefined ? {} : { object: manifestName(id) }
  return {
    code: 'ERR_MANIFEST_AMBIGUOUS',
    file,
    line,
    ...object,
    field: fieldPath(path.slice(skipped)),
    value,
    message,
    remedy,
  }
}

/** A slip in apiVersion or kind leaves the name: whichever object has it is not to be taken for absent. */
function candidatesOf(item: unknown): Pick<ManifestEntry, 'candidates'> {
  const { metadata } = (item ?? {}) as { metadata?: { name?: unknown; namespace?: unknown } | null }
  const { name, namespace = 'default' } = metadata ?? {}
  if (typeof name !== 'string' || typeof namespace !== 'string') return {}
  return { candidates: MANIFEST_KINDS.map((kind) => ({ kind, key: `${namespace}/${name}` })) }
}
