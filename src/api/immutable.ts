import type { ValidationIssue } from '../schema/issue.ts'
import { quoteValue } from '../schema/issue.ts'
import type { ManifestKind, ResourceOf } from './kinds.ts'
import { groupKindOf, KINDS, nameOf } from './kinds.ts'
import type { Manifest } from './manifest.ts'

/** What a manifest would change of an object that cannot be changed; a field that is set once may come, not change. */
export function immutableIssues(present: ResourceOf<ManifestKind>, wanted: Manifest): ValidationIssue[] {
  const before = present.spec as Record<string, unknown>
  const after = wanted.spec as Record<string, unknown>
  const kind = groupKindOf(present)
  const { immutable, setOnce } = KINDS[kind]
  const isSet = setOnce.filter((field) => before[field] !== undefined && after[field] !== undefined)
  return [...immutable, ...isSet]
    .filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]))
    .map((field) => ({
      code: 'ERR_IMMUTABLE_FIELD',
      object: nameOf(kind, `${wanted.metadata.namespace}/${wanted.metadata.name}`),
      field: `spec.${field}`,
      segments: ['spec', field],
      value: after[field],
      message: `cannot change from ${quoteValue(before[field])} to ${quoteValue(after[field])}`,
      remedy: 'delete the object and create it again, or write the former value',
    }))
}
