import * as z from 'zod/mini'
import { described, fields } from '../schema/fields.ts'
import type { OwnAnnotations } from './metadata.ts'
import { metadataOf } from './metadata.ts'
import type { NameRule } from './names.ts'

/**
 * The schema of a manifest. Validation, the tables of docs/resources.md and the JSON Schemas of docs/reference/ are made
 * from it.
 * @param own annotations of ours that the kind has
 */
export function manifestSchema<S extends z.ZodMiniType>(
  { apiVersion, kind, nameRule }: { apiVersion: string; kind: string; nameRule: NameRule },
  spec: S,
  own: OwnAnnotations = {},
) {
  return fields(
    {
      apiVersion: described(z.literal(apiVersion), 'the API group and version'),
      kind: described(z.literal(kind), 'the kind of object'),
      metadata: described(metadataOf(kind, nameRule, own), 'which object this is'),
      spec: described(spec, 'what is wanted'),
    },
    { ignored: ['status'] },
  )
}
