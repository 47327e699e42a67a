import { nearest } from '../schema/nearest.ts'
import { apiVersionOf, KINDS, MANIFEST_KINDS, UNSUPPORTED_KINDS } from './kinds.ts'

const OUR_KINDS = MANIFEST_KINDS.map((each) => KINDS[each].kind)
const OUR_API_VERSIONS: ReadonlySet<unknown> = new Set(MANIFEST_KINDS.map(apiVersionOf))
/** API groups of the kinds that users write. */
export const OUR_GROUPS: readonly string[] = [...new Set(MANIFEST_KINDS.map((each) => KINDS[each].group))]

/**
 * Whether a document is another tool's: what is in it, for a note. A document that may be ours with a mistake in it is
 * not foreign.
 */
export function foreignContent(document: unknown): string | undefined {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return 'no resource'
  const resource = document as Record<string, unknown>
  const { apiVersion, kind } = resource
  if (OUR_API_VERSIONS.has(apiVersion) && typeof kind === 'string' && UNSUPPORTED_KINDS.has(kind)) {
    return `${kind}, which is not supported`
  }
  const [group, version] = typeof apiVersion === 'string' ? apiVersion.split('/') : []
  // Without a group only the rest can tell: no kind of ours is in the core group.
  const isOurs =
    group !== undefined && version !== undefined ? isLikeGroup(group) : isLikeKind(kind) || isObject(resource)
  if (isOurs) return undefined
  return typeof apiVersion === 'string' && typeof kind === 'string' ? `${kind} of ${apiVersion}` : 'no resource'
}

/** Neither apiVersion nor kind can be read, but it has the rest of an object. */
function isObject({ apiVersion, kind, metadata, spec }: Record<string, unknown>): boolean {
  const { name } = (metadata ?? {}) as { name?: unknown }
  return apiVersion === undefined && kind === undefined && typeof name === 'string' && spec !== undefined
}

function isLikeGroup(group: string): boolean {
  return nearest(group, OUR_GROUPS) !== undefined
}

function isLikeKind(kind: unknown): boolean {
  return typeof kind === 'string' && nearest(kind, OUR_KINDS) !== undefined
}
