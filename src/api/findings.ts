import type { ErrorCode } from '../errors/errors.ts'

/** One thing wrong with one field of a resource. */
export interface Finding {
  code: ErrorCode
  /** `<Kind> <namespace>/<name>`, or where it stands in a file when it has no name. */
  object: string
  /** Path as in `spec.ips[0].value`. */
  field: string
  /** The same path, step by step. */
  segments: readonly (string | number)[]
  /** What is there; absent when nothing is. */
  value?: unknown
  /** What is wrong with it. */
  message: string
  /** What would be right. */
  remedy: string
}

/** A path for people: `spec.ips[0].value`. */
export function fieldPath(segments: readonly (string | number)[]): string {
  return segments.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('')
}

/** One line for people. */
export function describeFinding(finding: Finding): string {
  const where = finding.field === '' ? finding.object : `${finding.object}: ${finding.field}`
  return `${where}: ${finding.message}; ${finding.remedy}`
}

/** A value in a message: JSON, cut where it gets long. */
export function quoteValue(value: unknown): string {
  // Numbers JSON does not have (.inf, .nan in YAML) would read as null.
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value))
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}

/** The one of `known` a person most likely meant by `text`, undefined when none is close or several are as close. */
export function nearest(text: string, known: readonly string[]): string | undefined {
  const distances = known.map((candidate) => editDistance(text.toLowerCase(), candidate.toLowerCase()))
  const least = Math.min(...distances)
  if (least >= text.length || least > Math.max(2, Math.floor(text.length / 3))) return undefined
  const closest = known.filter((_, i) => distances[i] === least)
  return closest.length === 1 ? closest[0] : undefined
}

/** Fewest insertions, removals and replacements that make `b` of `a` (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
