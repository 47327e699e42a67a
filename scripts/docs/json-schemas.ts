// JSON Schemas of what users write, for editors and reference pages: docs/reference/*.schema.json.
import * as z from 'zod/mini'
import { gatewaySchema } from '../../src/config/schema.ts'

/** The part of JSON Schema that ours use. */
export interface JsonSchema {
  type?: string
  /** What belongs here. */
  title?: string
  /** What it means. */
  description?: string
  default?: unknown
  /** The default in words, where it follows from other fields. */
  'x-default'?: string
  enum?: string[]
  minimum?: number
  maximum?: number
  properties?: Record<string, JsonSchema>
  required?: string[]
  items?: JsonSchema
  anyOf?: JsonSchema[]
}

export function gatewayJsonSchema(): JsonSchema {
  return jsonSchemaOf(gatewaySchema)
}

function jsonSchemaOf(schema: z.core.$ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: 'input' }) as JsonSchema
}

/** By file in docs/reference/. */
export const JSON_SCHEMA_FILES: Readonly<Record<string, () => JsonSchema>> = {
  'gateway.schema.json': gatewayJsonSchema,
}

export function fileText(schema: JsonSchema): string {
  return `${JSON.stringify(schema, null, 2)}\n`
}

/** One value that a document may give. */
export interface Key {
  /** As in `private[].network`. */
  path: string
  schema: JsonSchema
  required: boolean
}

/** The keys that have values of their own; sections have their keys instead. */
export function keysOf(schema: JsonSchema, path = '', required = true): Key[] {
  const { properties, items, anyOf } = schema
  if (properties !== undefined) {
    return Object.entries(properties).flatMap(([name, each]) =>
      keysOf(each, path === '' ? name : `${path}.${name}`, schema.required?.includes(name) ?? false),
    )
  }
  if (anyOf !== undefined) return [{ path, schema, required }, ...anyOf.flatMap((each) => keysBelow(each, path))]
  const below = items === undefined ? [] : keysBelow(items, `${path}[]`)
  return below.length > 0 ? below : [{ path, schema, required }]
}

function keysBelow(schema: JsonSchema, path: string): Key[] {
  return schema.properties === undefined && schema.anyOf === undefined ? [] : keysOf(schema, path)
}
