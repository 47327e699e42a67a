import type { JsonSchema, Key } from './json-schemas.ts'
import { keysOf } from './json-schemas.ts'

/** A table of the keys of a document: a row each, with what it may be, its default and its meaning. */
export function keysTable(schema: JsonSchema): string {
  const rows = keysOf(schema).map(
    (key) => `| \`${key.path}\` | ${valueOf(key)} | ${defaultOf(key)} | ${meaningOf(key)} |`,
  )
  return ['| key | value | default | meaning |', '|---|---|---|---|', ...rows].join('\n')
}

function valueOf({ schema: { type, title, const: constant, enum: values } }: Key): string {
  if (values !== undefined) return values.map((value) => `\`${value}\``).join(', ')
  if (constant !== undefined) return `\`${constant}\``
  return title ?? (type === 'boolean' ? '`true`, `false`' : String(type))
}

function defaultOf({ schema, required }: Key): string {
  const fallback = schema.default ?? schema['x-default']
  if (fallback === undefined) return required ? '–' : 'none'
  const text = typeof fallback === 'string' && fallback !== '' ? fallback : JSON.stringify(fallback)
  return text.includes(' ') ? text : `\`${text}\``
}

function meaningOf({ schema }: Key): string {
  return schema.description ?? ''
}
