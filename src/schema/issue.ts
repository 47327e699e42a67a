import type { ErrorCode } from '../errors/errors.ts'

/** What is wrong with a value, and what would be right. */
export interface Reason {
  message: string
  remedy: string
}

/** One thing that is wrong with one field of a document. */
export interface ValidationIssue extends Reason {
  code: ErrorCode
  /** What the document is about: `<Kind> <namespace>/<name>`, or a file. */
  object: string
  /** Path as in `spec.ips[0].value`; empty for the document as a whole. */
  field: string
  /** The same path, step by step. */
  segments: readonly (string | number)[]
  /** What is there; absent when nothing is. */
  value?: unknown
}

/** A path for people: `spec.ips[0].value`. */
export function fieldPath(segments: readonly (string | number)[]): string {
  return segments.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('')
}

/** One line for people. */
export function describeIssue({ object, field, message, remedy }: ValidationIssue): string {
  const where = field === '' ? object : `${object}: ${field}`
  return `${where}: ${message}; ${remedy}`
}

/** A value in a message: JSON, cut where it gets long. */
export function quoteValue(value: unknown): string {
  // Numbers JSON does not have (.inf, .nan in YAML) would read as null.
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value))
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}
