import type { Document, Pair, YAMLMap } from 'yaml'
import { isAlias, isMap, isPair, isScalar, isSeq, Scalar, visit } from 'yaml'
import { readAsKubectl } from './kubectl-scalars.ts'
import type { Path } from './positions.ts'

/** A value that readers of YAML 1.1, kubectl among them, take for another than readers of YAML 1.2 do. */
export interface AmbiguousValue {
  path: Path
  /** As written. */
  value: string
  offset: number
  message: string
  remedy: string
}

/** Tags that say what both readers assume anyway, as the parser names them. */
const PLAIN_TAGS: ReadonlySet<string> = new Set([
  '!',
  ...['str', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`),
])
const MERGE = '<<'
const MAX_MERGE_STEPS = 1_000

/**
 * What of a document means one thing to kubectl and another here. The document is read as YAML 1.2 with merge keys.
 * @throws RangeError when the document merges more than a manifest can hold
 */
export function ambiguousValues(document: Document.Parsed): AmbiguousValue[] {
  const found: AmbiguousValue[] = []
  visit(document, (key, node, ancestors) => {
    if (isMap(node)) found.push(...mergeConflicts(document, node, pathOf(ancestors, node)))
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return
    const problem =
      node.tag !== undefined ? taggedProblem(node.tag) : isScalar(node) && scalarProblem(node, key === 'key')
    if (!problem) return
    const value = isScalar(node) ? String(node.source) : ''
    found.push({ path: pathOf(ancestors, node), value, offset: node.range?.[0] ?? 0, ...problem })
  })
  return found
}

type Problem = Pick<AmbiguousValue, 'message' | 'remedy'>

function taggedProblem(tag: string): Problem | undefined {
  if (PLAIN_TAGS.has(tag)) return undefined
  return { message: `has the tag ${tag}, which readers understand in different ways`, remedy: 'write it without a tag' }
}

function scalarProblem(node: Scalar, isKey: boolean): Problem | undefined {
  const { source, value } = node
  if (node.type !== Scalar.PLAIN || source === undefined || (isKey && source === MERGE)) return undefined
  const there = readAsKubectl(source)
  const quoted = JSON.stringify(source)
  if (!Object.is(there, value)) {
    const meanings = `${source} is ${describe(there)} to YAML 1.1, as kubectl reads, and ${describe(value)} to YAML 1.2`
    const number = typeof there === 'number' && Number.isInteger(there) ? ` or ${there}` : ''
    return { message: isKey ? `the key ${meanings}` : meanings, remedy: `write ${quoted}${number}` }
  }
  if (!isKey || typeof there !== 'number' || String(there) === source) return undefined
  return { message: `the key ${source} is a number`, remedy: `write ${quoted}` }
}

function describe(value: unknown): string {
  return typeof value === 'string' ? 'text' : String(value)
}

/** YAML lets the key beside a merge win wherever it stands; kubectl takes what comes later. */
function mergeConflicts(document: Document.Parsed, map: YAMLMap, path: Path): AmbiguousValue[] {
  const [merge, second] = map.items.filter(isMergeKey)
  if (merge === undefined) return []
  const remedyOfSecond = 'write one <<, as in <<: [*first, *second]'
  const again = second && conflict(second, path, `a second ${MERGE} in one map`, remedyOfSecond)
  const merged = mergedKeys(document, merge.value)
  const before = map.items.slice(0, map.items.indexOf(merge)).filter(({ key }) => merged.has(String(key)))
  const message = `stands before a ${MERGE} that brings it too: kubectl takes the value of ${MERGE}, YAML this one`
  return [
    ...(again === undefined ? [] : [again]),
    ...before.map((pair) => conflict(pair, path, message, `put ${MERGE} first in its map`)),
  ]
}

function conflict({ key }: Pair, path: Path, message: string, remedy: string): AmbiguousValue {
  const name = isScalar(key) ? (key.source ?? String(key)) : String(key)
  const offset = (isScalar(key) && key.range?.[0]) || 0
  return { path: [...path, name], value: name, offset, message, remedy }
}

/** Keys that a merge brings. Merges within merges can multiply: the bound is far above what a manifest has. */
function mergedKeys(document: Document.Parsed, source: unknown): Set<string> {
  const keys = new Set<string>()
  let steps = 0
  const gather = (each: unknown): void => {
    if (++steps > MAX_MERGE_STEPS) throw new RangeError(`more than ${MAX_MERGE_STEPS} steps of ${MERGE}`)
    const node = isAlias(each) ? each.resolve(document) : each
    if (isSeq(node)) for (const item of node.items) gather(item)
    if (!isMap(node)) return
    for (const pair of node.items) {
      if (isMergeKey(pair)) gather(pair.value)
      else keys.add(String(pair.key))
    }
  }
  gather(source)
  return keys
}

function isMergeKey({ key }: Pair): boolean {
  return isScalar(key) && key.type === Scalar.PLAIN && key.source === MERGE
}

function pathOf(ancestors: readonly unknown[], node: unknown): Path {
  const path: (string | number)[] = []
  const chain = [...ancestors, node]
  for (const [i, each] of chain.entries()) {
    const parent = chain[i - 1]
    if (isSeq(parent)) path.push(parent.items.indexOf(each))
    else if (isPair(each)) path.push(String(each.key))
  }
  return path
}
