import type { Document, Node } from 'yaml'
import { isMap, isNode, isPair } from 'yaml'

/** Where a value is in a document: keys and indexes from the top. */
export type Path = readonly (string | number)[]

/**
 * Offset in the text of the node at a path, or of the last one on the way that is there.
 * @param start where none is there
 */
export function offsetOf(
  document: Document.Parsed,
  path: Path,
  start = document.contents?.range?.[0] ?? document.range[0],
): number {
  let node: Node | null = document.contents
  let offset = start
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
