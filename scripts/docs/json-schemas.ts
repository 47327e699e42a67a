// JSON Schemas of what users write, for editors and reference pages: docs/reference/*.schema.json.
import * as z from 'zod/mini'
import type { ManifestKind } from '../../src/api/index.ts'
import { KINDS, MANIFEST_KINDS } from '../../src/api/index.ts'
import { gatewaySchema } from '../../src/config/schema.ts'
import { wordings } from '../../src/schema/fields.ts'

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
  const?: string
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

export function manifestJsonSchema(kind: ManifestKind): JsonSchema {
  return jsonSchemaOf(KINDS[kind].schema)
}

function jsonSchemaOf(schema: z.core.$ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: 'input', override: allowIgnored }) as JsonSchema
}

/** What kubectl writes of an object is allowed in its manifest, and passed over. */
function allowIgnored({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodType
  jsonSchema: z.core.JSONSchema.BaseSchema
}) {
  for (const name of wordings.get(zodSchema)?.ignored ?? []) {
    jsonSchema.properties = { ...jsonSchema.properties, [name]: { description: PASSED_OVER } }
  }
}

/** Meaning of a field that only the server writes. */
export const PASSED_OVER = "the server's own: passed over in a manifest"

/** By file in docs/reference/. */
export const JSON_SCHEMA_FILES: Readonly<Record<string, () => JsonSchema>> = {
  'gateway.schema.json': gatewayJsonSchema,
  ...Object.fromEntries(
    MANIFEST_KINDS.map((kind) => [`${KINDS[kind].kind.toLowerCase()}.schema.json`, () => manifestJsonSchema(kind)]),
  ),
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

/** The keys that have values of their own; sections have their keys instead. Fields of the server are left out. */
export function keysOf(schema: JsonSchema, path = '', required = true): Key[] {
  const { properties, items, anyOf } = schema
  if (properties !== undefined) {
    const own = Object.entries(properties).filter(([, each]) => each.description !== PASSED_OVER)
    return own.flatMap(([name, each]) =>
      keysOf(each, path === '' ? name : `${path}.${name}`, required && (schema.required?.includes(name) ?? false)),
    )
  }
  if (anyOf !== undefined)
    return [{ path, schema, required }, ...anyOf.flatMap((each) => keysBelow(each, path, required))]
  const below = items === undefined ? [] : keysBelow(items, `${path}[]`, required)
  return below.length > 0 ? below : [{ path, schema, required }]
}

function keysBelow(schema: JsonSchema, path: string, required: boolean): Key[] {
  return schema.properties === undefined && schema.anyOf === undefined ? [] : keysOf(schema, path, required)
}
