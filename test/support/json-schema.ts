import { typeOf } from '../../scripts/docs/json-fields.ts'
import type { Schema } from '../../src/cli/json-schemas.ts'

/** Paths at which a value is not as described. */
export function mismatches(schema: Schema, value: unknown, path = ''): string[] {
  const wrong = [`${path || '(all)'}: ${JSON.stringify(value)} is no ${typeOf(schema)}`]
  switch (schema.type) {
    case 'integer':
      return Number.isInteger(value) ? [] : wrong
    case 'string':
      return typeof value === 'string' && (schema.enum?.includes(value) ?? true) ? [] : wrong
    case 'array':
      if (!Array.isArray(value)) return wrong
      return value.flatMap((each, i) => (schema.items ? mismatches(schema.items, each, `${path}[${i}]`) : []))
    case 'object':
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong
      return memberMismatches(schema, value as Record<string, unknown>, path)
    default:
      return typeof value === schema.type ? [] : wrong
  }
}

function memberMismatches({ properties, values }: Schema, value: Record<string, unknown>, path: string): string[] {
  const at = (key: string) => (path === '' ? key : `${path}.${key}`)
  if (properties === undefined) {
    return Object.entries(value).flatMap(([key, each]) => (values ? mismatches(values, each, at(key)) : []))
  }
  const missing = Object.entries(properties).filter(([key, each]) => each.optional !== true && !(key in value))
  return [
    ...missing.map(([key]) => `${at(key)}: missing`),
    ...Object.entries(value).flatMap(([key, each]) => {
      const property = properties[key]
      return property === undefined ? [`${at(key)}: not described`] : mismatches(property, each, at(key))
    }),
  ]
}
