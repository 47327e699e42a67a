import { Composer, LineCounter, Parser, isMap, isNode, isPair } from 'yaml'
import type { Document, Node, ParsedNode } from 'yaml'
import { parseResource } from '../../api/index.ts'
import type { Finding, Manifest, ManifestId, ParsedResource } from '../../api/index.ts'
import { messageOf } from '../../errors/errors.ts'
import { adopt } from '../adopt.ts'
import { problemOf } from './problem.ts'
import type { ManifestProblem } from './problem.ts'

/** One object of a file, as far as it could be read. */
export interface ManifestEntry {
  /** Absent when not even the name of the object could be read. */
  id?: ManifestId
  /** Absent when there are problems. */
  object?: Manifest
  problems: ManifestProblem[]
  /** Where the object begins, from 1. */
  line: number
  /** Where the fields of its spec stand, for problems that show only later. */
  specLines: Readonly<Record<string, number>>
}

/** What a file says: its objects, or why it cannot be read at all. */
export type ManifestText = { entries: ManifestEntry[] } | { problem: ManifestProblem }

type Path = readonly (string | number)[]

/** Reads the text of a manifest: YAML (JSON is YAML) of any number of documents, `kind: List` as kubectl writes it too. */
export function readManifest(file: string, text: string): ManifestText {
  const lineCounter = new LineCounter()
  const lineAt = (offset: number) => Math.max(1, lineCounter.linePos(offset).line)
  const tokens = new Parser(lineCounter.addNewLine).parse(text)
  const entries: ManifestEntry[] = []
  let index = -1
  // A document is a hundred times the size of its text in memory: each is read and let go before the next.
  for (const document of new Composer({ lineCounter, prettyErrors: false }).compose(tokens)) {
    index++
    const [error] = document.errors
    if (error !== undefined) return { problem: syntaxProblem(file, lineAt(error.pos[0]), error.message) }
    const lineOf = (path: Path) => lineAt(offsetOf(document, path))
    let value: unknown
    try {
      value = document.toJS({ maxAliasCount: 100 })
    } catch (failure) {
      return { problem: syntaxProblem(file, lineOf([]), messageOf(failure)) }
    }
    // `---` at the beginning or end makes a document without content.
    if (value === null || value === undefined) continue
    const items = itemsOf(value)
    if (items === undefined) entries.push(entryOf(parseResource(value, { file, index }), file, lineOf))
    for (const [i, item] of items?.entries() ?? []) {
      entries.push(entryOf(parseResource(item, { file, index }), file, (path) => lineOf(['items', i, ...path])))
    }
  }
  return { entries }
}

function entryOf(parsed: ParsedResource, file: string, lineOf: (path: Path) => number): ManifestEntry {
  const problems = (parsed.findings ?? []).map((finding: Finding) => problemOf(finding, file, lineOf(finding.segments)))
  const id = parsed.id === undefined ? {} : { id: parsed.id }
  const specLines = Object.fromEntries(
    Object.keys(parsed.object?.spec ?? {}).map((name) => [name, lineOf(['spec', name])]),
  )
  return {
    ...id,
    // Frozen: the store has no copy of its own then.
    ...(parsed.object === undefined ? {} : { object: adopt(undefined, parsed.object) }),
    problems,
    line: lineOf([]),
    specLines,
  }
}

function itemsOf(value: unknown): unknown[] | undefined {
  const { kind, apiVersion, items } = value as Record<string, unknown>
  return kind === 'List' && apiVersion === 'v1' && Array.isArray(items) ? items : undefined
}

function syntaxProblem(file: string, line: number, message: string): ManifestProblem {
  const remedy = 'correct the file; until then its objects stay as they were'
  return { code: 'ERR_MANIFEST_SYNTAX', file, line, message: `is not YAML: ${message.split('\n')[0]}`, remedy }
}

/** Offset in the text of the node at a path, or of the last one on the way that is there. */
function offsetOf(document: Document.Parsed<ParsedNode>, path: Path): number {
  let node: Node | null = document.contents
  let offset = node?.range?.[0] ?? document.range[0]
  for (const step of path) {
    const next = stepInto(node, step)
    if (next === undefined) break
    offset = next.offset ?? offset
    node = next.node
  }
  return offset
}

function stepInto(node: Node | null, step: string | number): { node: Node | null; offset?: number } | undefined {
  if (isMap(node)) {
    const pair = node.items.find((each) => isPair(each) && String(each.key) === step)
    if (pair === undefined) return undefined
    // The key's line: the value of a map or list begins on the next one.
    const offset = isNode(pair.key) ? pair.key.range?.[0] : undefined
    return { node: isNode(pair.value) ? pair.value : null, ...(offset === undefined ? {} : { offset }) }
  }
  const child = node !== null && 'items' in node ? node.items[Number(step)] : undefined
  if (!isNode(child)) return undefined
  return { node: child, ...(child.range ? { offset: child.range[0] } : {}) }
}
