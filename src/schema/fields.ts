// The building blocks of our schemas. Each knows what belongs in its place (`title`), which messages, reference pages and
// JSON Schema tell alike.
import * as z from 'zod/mini'
import type { Reason } from './issue.ts'

/** How issues of a schema are worded where the general words do not do. */
export interface Wording {
  /** What is right where a value is out of its bounds. */
  remedy?: string
  /** Fields of the upstream API that are not supported here, and what to do instead. */
  unsupported?: Readonly<Record<string, string>>
  /** Fields that are passed over. */
  ignored?: readonly string[]
  /** Of a value of another type. */
  instead?: (value: unknown) => Reason | undefined
}

export const wordings = z.registry<Wording>()

/** @param title what belongs here, as the end of "give …" */
export function titled<S extends z.ZodMiniType>(schema: S, title: string, wording?: Wording): S {
  return annotated(schema, { title }, wording)
}

/** @param description what the field means, for the reference page */
export function described<S extends z.ZodMiniType>(schema: S, description: string, more: z.core.GlobalMeta = {}): S {
  return annotated(schema, { description, ...more })
}

/** @param meta what JSON Schema says of the field */
export function annotated<S extends z.ZodMiniType>(schema: S, meta: z.core.GlobalMeta, wording?: Wording): S {
  // A copy: one schema stands in several places, and means something else in each.
  const copy = schema.clone(schema.def, { parent: true })
  z.globalRegistry.add(copy, meta)
  if (wording !== undefined) wordings.add(copy, wording)
  return copy
}

/** Text as `title` says. @param problem what is wrong with a text, if anything */
export function text(title: string, problem?: (text: string) => Reason | undefined) {
  return titled(problem === undefined ? z.string() : z.string().check(rule(problem)), title)
}

/** Text of a shape. */
export function patternText(title: string, pattern: RegExp) {
  return titled(z.string().check(z.regex(pattern)), title)
}

/** What a text says, or why it says nothing. */
export type Converted<T> = { value: T } | Reason

/** A text that stands for another value, or for itself in canonical form. */
export function converted<T>(title: string, convert: (text: string) => Converted<T>) {
  const conversion = z.transform<string, T>((text, context) => {
    const result = convert(text)
    if ('value' in result) return result.value
    // Without `continue`: what asks for the value it stands for is not asked.
    const { continue: _, ...issue } = customIssue(result, text, [])
    context.issues.push(issue)
    return z.NEVER
  })
  return titled(z.pipe(z.string(), conversion), title)
}

export interface FieldsOptions extends Pick<Wording, 'unsupported' | 'ignored'> {
  /** Fields that are absent where they have this empty value. */
  emptyIsAbsent?: Readonly<Record<string, '' | readonly never[]>>
}

/** A map of fields as the Kubernetes API reads it: a field that is `null` is absent. */
export function fields<S extends z.core.$ZodLooseShape>(
  shape: S,
  { emptyIsAbsent = {}, unsupported = {}, ignored = [] }: FieldsOptions = {},
) {
  const object = z.strictObject(shape)
  wordings.add(object, { unsupported, ignored })
  const isAbsent = (name: string, value: unknown) =>
    (value === null && Object.hasOwn(shape, name)) ||
    ignored.includes(name) ||
    (Object.hasOwn(emptyIsAbsent, name) && isSameEmpty(value, emptyIsAbsent[name]))
  const present = z.transform((value: unknown): unknown => {
    if (!isMap(value) || !Object.keys(value).some((name) => isAbsent(name, value[name]))) return value
    return Object.fromEntries(Object.entries(value).filter(([name, each]) => !isAbsent(name, each)))
  })
  return z.pipe(present, object)
}

function isSameEmpty(value: unknown, empty: unknown): boolean {
  return Array.isArray(empty) ? Array.isArray(value) && value.length === 0 : value === empty
}

export interface NumberRule {
  min: number
  max: number
  unit?: string
}

/** @param fallback where the field is not given */
export function wholeNumber(rule: NumberRule, fallback: number) {
  return z._default(numberOf(rule, fallback), fallback)
}

/** A number whose default follows from other fields. @param fallback the default in words */
export function derivedNumber(rule: NumberRule, fallback: string) {
  return annotated(z.exactOptional(numberOf(rule, fallback)), { 'x-default': fallback })
}

function numberOf({ min, max, unit }: NumberRule, fallback: number | string) {
  const title = `a whole number of ${min} … ${max}${unit === undefined ? '' : ` ${unit}`}`
  return titled(z.int().check(z.gte(min), z.lte(max)), title, { remedy: `${fallback} is the default` })
}

export function list<S extends z.ZodMiniType>(element: S, title: string) {
  return titled(z.array(element), title)
}

/** Says what is wrong with a value that has the right type. */
export function rule<T>(problem: (value: T) => Reason | undefined): z.core.$ZodCheck<T> {
  return z.check<T>(({ value, issues }) => {
    const reason = problem(value)
    if (reason !== undefined) issues.push(customIssue(reason, value, []))
  })
}

/** Leaves an issue at a path below. */
export type Refuse = (path: readonly (string | number)[], value: unknown, reason: Reason) => void

/**
 * A rule between the fields of a map. It is asked whatever is wrong with single fields, so that all is told at once: a field
 * may be absent, or what the document says.
 */
export function across<T extends object>(check: (value: Unchecked<T>, refuse: Refuse) => void): z.core.$ZodCheck<T> {
  const when = ({ value }: { value: unknown }) => isMap(value)
  return z.check<T>(
    ({ value, issues }) => {
      check(value, (path, input, reason) => issues.push(customIssue(reason, input, path)))
    },
    { when },
  )
}

type Unchecked<T> = { readonly [K in keyof T]?: unknown }

function customIssue({ message, remedy }: Reason, input: unknown, path: readonly (string | number)[]) {
  return { code: 'custom' as const, input, path: [...path], message, params: { remedy }, continue: true }
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The maps of what should be a list of maps. */
export function mapsOf(value: unknown): [number, Readonly<Record<string, unknown>>][] {
  const elements: unknown[] = Array.isArray(value) ? value : []
  return elements.flatMap((each, i) => (isMap(each) ? [[i, each]] : []))
}
