import type { ValidationIssue } from '../schema/issue.ts'
import { quoteValue } from '../schema/issue.ts'
import type { Manifest } from './manifest.ts'
import type { ManifestKind, ResourceOf } from './types.ts'

/** Fields of spec that stay what they were when the object was created (docs/reference/ironcore-api.md). */
const IMMUTABLE: Record<ManifestKind, readonly string[]> = {
  Network: [],
  NetworkInterface: ['networkRef', 'ipFamilies'],
  // Upstream lets ipFamily change and then fails to realise it: refused here from the start.
  NATGateway: ['networkRef', 'ipFamily'],
}

/** What a manifest would change of an object that cannot be changed; a providerID may only come, not change. */
export function immutableIssues(present: ResourceOf<ManifestKind>, wanted: Manifest): ValidationIssue[] {
  const before = present.spec as Record<string, unknown>
  const after = wanted.spec as Record<string, unknown>
  const setOnce = before.providerID !== undefined && after.providerID !== undefined ? ['providerID'] : []
  return [...IMMUTABLE[present.kind], ...setOnce]
    .filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]))
    .map((field) => ({
      code: 'ERR_IMMUTABLE_FIELD',
      object: `${present.kind} ${wanted.metadata.namespace}/${wanted.metadata.name}`,
      field: `spec.${field}`,
      segments: ['spec', field],
      value: after[field],
      message: `cannot change from ${quoteValue(before[field])} to ${quoteValue(after[field])}`,
      remedy: 'delete the object and create it again, or write the former value',
    }))
}
