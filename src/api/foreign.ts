import { nearest } from '../schema/nearest.ts'
import { MANIFEST_KINDS } from './manifest.ts'
import { NETWORKING_API } from './types.ts'

const [GROUP = ''] = NETWORKING_API.split('/')

/** Kinds of the same API group that this gateway has no use for. */
const OTHER_KINDS: ReadonlySet<string> = new Set([
  'VirtualIP',
  'LoadBalancer',
  'LoadBalancerRouting',
  'NetworkPolicy',
  'AliasPrefix',
])

/**
 * Whether a document is another tool's: what is in it, for a note. A document that may be ours with a mistake in it is
 * not foreign.
 */
export function foreignContent(document: unknown): string | undefined {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return 'no resource'
  const resource = document as Record<string, unknown>
  const { apiVersion, kind } = resource
  if (apiVersion === NETWORKING_API && typeof kind === 'string' && OTHER_KINDS.has(kind)) {
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
  return nearest(group, [GROUP]) !== undefined
}

function isLikeKind(kind: unknown): boolean {
  return typeof kind === 'string' && nearest(kind, MANIFEST_KINDS) !== undefined
}
