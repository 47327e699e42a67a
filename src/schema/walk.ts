import * as z from 'zod/mini'
import type { Wording } from './fields.ts'
import { wordings } from './fields.ts'

type AnySchema = z.core.$ZodTypes

/** What stands at a place of a document. */
export interface FieldSchema {
  /** Without what only says that it may be absent, or is converted. */
  schema: AnySchema
  /** What belongs here. */
  title: string | undefined
  wording: Wording
}

/** @returns undefined for a path that the schema does not have */
export function fieldAt(root: z.core.$ZodType, path: readonly PropertyKey[]): FieldSchema | undefined {
  let field = unwrapped(root as AnySchema)
  for (const step of path) {
    const next = childOf(field.schema, String(step))
    if (next === undefined) return undefined
    field = unwrapped(next)
  }
  return field
}

/** The field as a map of fields: itself, or the one of its forms that is one. */
export function mapForm(field: FieldSchema): FieldSchema | undefined {
  const { def } = field.schema._zod
  if (def.type === 'object') return field
  if (def.type !== 'union') return undefined
  const forms = def.options.map((option) => unwrapped(option as AnySchema))
  return forms.map(mapForm).find((form) => form !== undefined)
}

/** The names of its fields, where it is a map of fields. */
export function fieldNames({ schema }: FieldSchema): string[] {
  const { def } = schema._zod
  return def.type === 'object' ? Object.keys(def.shape) : []
}

function unwrapped(outer: AnySchema): FieldSchema {
  let schema = outer
  let title: string | undefined
  let wording: Wording = {}
  for (;;) {
    title ??= z.globalRegistry.get(schema)?.title
    wording = { ...wordings.get(schema), ...wording }
    const next = wrappedBy(schema)
    if (next === undefined) return { schema, title, wording }
    schema = next
  }
}

function wrappedBy({ _zod: { def } }: AnySchema): AnySchema | undefined {
  switch (def.type) {
    case 'optional':
    case 'default':
    case 'prefault':
      return def.innerType as AnySchema
    case 'pipe':
      return ((def.in as AnySchema)._zod.def.type === 'transform' ? def.out : def.in) as AnySchema
    default:
      return undefined
  }
}

function childOf({ _zod: { def } }: AnySchema, step: string): AnySchema | undefined {
  switch (def.type) {
    case 'object':
      return Object.hasOwn(def.shape, step) ? (def.shape[step] as AnySchema) : undefined
    case 'array':
      return def.element as AnySchema
    case 'record':
      return def.valueType as AnySchema
    case 'union':
      return def.options.map((option) => childOf(unwrapped(option as AnySchema).schema, step)).find((each) => each)
    default:
      return undefined
  }
}
