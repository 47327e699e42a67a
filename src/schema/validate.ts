import * as z from 'zod/mini'
import type { ErrorCode } from '../errors/errors.ts'
import type { Reason, ValidationIssue } from './issue.ts'
import { fieldPath, quoteValue } from './issue.ts'
import { nearest } from './nearest.ts'
import type { FieldSchema } from './walk.ts'
import { fieldAt, fieldNames, mapForm } from './walk.ts'

export type Validated<T> = { value: T; issues?: never } | { value?: never; issues: ValidationIssue[] }

/**
 * Reads a document by its schema: defaults filled in, everything checked.
 * @param about the object that issues name, and their code
 * @returns all that is wrong, at most one issue for each path
 */
export function validate<S extends z.core.$ZodType>(
  schema: S,
  document: unknown,
  about: { object: string; code: ErrorCode },
): Validated<z.core.output<S>> {
  const result = z.safeParse(schema, document, { reportInput: true })
  if (result.success) return { value: result.data }
  return { issues: toIssues(schema, result.error.issues, about) }
}

/** A place, its value, and what is wrong with it. */
interface Placed extends Reason {
  path: (string | number)[]
  value: unknown
  unknown?: true
}

function toIssues(
  schema: z.core.$ZodType,
  issues: readonly z.core.$ZodIssue[],
  { object, code }: { object: string; code: ErrorCode },
): ValidationIssue[] {
  const placed = issues.flatMap((issue) => placedOf(schema, issue, []))
  // A misspelt name explains what is missing: unknown fields come first, the outermost before others.
  const unknown = placed.filter((each) => each.unknown).sort((a, b) => a.path.length - b.path.length)
  const found = new Map<string, ValidationIssue>()
  for (const { path, value, message, remedy } of [...unknown, ...placed]) {
    const field = fieldPath(path)
    // The first thing said of a field counts: the rest often follows from it.
    if (found.has(field)) continue
    const present = value === undefined ? {} : { value }
    found.set(field, { code, object, field, segments: path, ...present, message, remedy })
  }
  return [...found.values()]
}

function placedOf(schema: z.core.$ZodType, issue: z.core.$ZodIssue, above: readonly (string | number)[]): Placed[] {
  const path = [...above, ...issue.path.map((step) => (typeof step === 'number' ? step : String(step)))]
  const field = fieldAt(schema, path)
  if (issue.code === 'unrecognized_keys') {
    const given = issue.input as unknown as Readonly<Record<string, unknown>>
    return issue.keys.map((key) => ({
      path: [...path, key],
      value: given[key] ?? undefined,
      ...unknownField(key, field && mapForm(field)),
      unknown: true,
    }))
  }
  if (issue.code === 'invalid_union') {
    // The form that was meant is the one whose type is right.
    const meant = issue.errors.find((errors) => errors.some((each) => each.path.length > 0 || !isTypeIssue(each)))
    if (meant !== undefined) return meant.flatMap((each) => placedOf(schema, each, path))
  }
  return [{ path, value: issue.input, ...reasonOf(issue, field) }]
}

function isTypeIssue({ code }: z.core.$ZodIssue): boolean {
  return code === 'invalid_type'
}

function unknownField(key: string, map: FieldSchema | undefined): Reason {
  const unsupported = map?.wording.unsupported ?? {}
  if (Object.hasOwn(unsupported, key)) return { message: 'is not supported here', remedy: unsupported[key] ?? '' }
  const known = map === undefined ? [] : fieldNames(map)
  const near = nearest(key, known)
  const remedy = near === undefined ? `known are ${known.join(', ')}` : `did you mean ${near}?`
  return { message: 'is not a known field', remedy }
}

function reasonOf(issue: z.core.$ZodIssue, field: FieldSchema | undefined): Reason {
  if (issue.code === 'custom') return { message: issue.message, remedy: String(issue.params?.remedy) }
  const { input } = issue as { input?: unknown }
  const title = field?.title ?? titleOfType(field)
  if (input === undefined) return { message: 'is missing', remedy: `give ${title}` }
  const own = field?.wording.instead?.(input)
  if (own !== undefined) return own
  if (issue.code === 'invalid_value') return notOneOf(input, issue.values.map(String))
  if (issue.code === 'too_small' && issue.origin === 'array') return { message: 'is empty', remedy: `give ${title}` }
  if (issue.code === 'too_big' && issue.origin === 'array') {
    const length = Array.isArray(input) ? input.length : 0
    return { message: `has ${length} elements`, remedy: `give at most ${issue.maximum}` }
  }
  return notOfType(input, field, title)
}

function notOneOf(input: unknown, values: readonly string[]): Reason {
  const near = typeof input === 'string' ? nearest(input, values) : undefined
  return { message: `${quoteValue(input)} is not a supported value`, remedy: `write ${near ?? values.join(' or ')}` }
}

function titleOfType(field: FieldSchema | undefined): string {
  const known = field === undefined ? [] : fieldNames(field)
  return known.length > 0 ? known.join(', ') : 'a value'
}

function notOfType(input: unknown, field: FieldSchema | undefined, title: string): Reason {
  const quoted = quoteValue(input)
  switch (field?.schema._zod.def.type) {
    case 'object':
      return { message: `${quoted} is not a map of fields`, remedy: `its fields are ${fieldNames(field).join(', ')}` }
    case 'record':
      return { message: `${quoted} is not a map`, remedy: 'write name: "value" pairs' }
    case 'array':
      return {
        message: `${quoted} is not a list`,
        remedy: 'put each element on a line of its own that begins with "- "',
      }
    case 'boolean':
      return { message: `${quoted} is not a boolean`, remedy: 'write true or false' }
    case 'number':
      return notNumber(input, field, title)
    case 'string':
      return typeof input === 'string'
        ? { message: `${quoted} is not valid`, remedy: `give ${title}` }
        : notText(input, field)
    default:
      return { message: `${quoted} is not valid`, remedy: `give ${title}` }
  }
}

function notNumber(input: unknown, { schema, wording }: FieldSchema, title: string): Reason {
  const remedy = wording.remedy ?? `give ${title}`
  if (typeof input !== 'string') return { message: `${quoteValue(input)} is not ${title}`, remedy }
  const unquoted = input.trim() !== '' && z.safeParse(schema, Number(input)).success
  const message = `${quoteValue(input)} is text, not ${title}`
  return { message, remedy: unquoted ? `write ${Number(input)} without quotes` : remedy }
}

function notText(input: unknown, { schema, title }: FieldSchema): Reason {
  const isText = (text: string) => z.safeParse(schema, text).success
  const expected = title === undefined ? 'text is expected' : `give ${title}`
  if (input === null) return { message: 'is empty', remedy: isText('') ? 'write "" for an empty text' : expected }
  const quotable = typeof input === 'number' || typeof input === 'boolean'
  const remedy = quotable && isText(String(input)) ? `put it in quotes: "${String(input)}"` : expected
  return { message: `${quoteValue(input)} is not text`, remedy }
}
