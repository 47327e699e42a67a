import type { ManifestKind, ResourceOf } from './kinds.ts'
import { apiVersionOf, KINDS, MANIFEST_KINDS, nameOf } from './kinds.ts'
import type { ObjectKey } from './meta.ts'

/** What a user says about an object: the parts of a resource that are not the store's. */
export interface ManifestOf<K extends ManifestKind> {
  apiVersion: ResourceOf<K>['apiVersion']
  kind: ResourceOf<K>['kind']
  metadata: {
    name: string
    namespace: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
  }
  spec: ResourceOf<K>['spec']
}

export type Manifest = { [K in ManifestKind]: ManifestOf<K> }[ManifestKind]

export interface ManifestId {
  kind: ManifestKind
  key: ObjectKey
}

/** One text for an object, as a key of maps: `<kind>.<group> <key>`. */
export function idText(id: ManifestId): string {
  return `${id.kind} ${id.key}`
}

export function idOfText(text: string): ManifestId {
  const [prefix, key] = text.split(' ', 2)
  const kind = MANIFEST_KINDS.find((each) => each === prefix)
  if (kind === undefined || key === undefined) throw new Error(`not the name of an object of a manifest: ${text}`)
  return { kind, key }
}

/** How messages name the object of a manifest. */
export function manifestName({ kind, key }: ManifestId): string {
  return nameOf(kind, key)
}

/** The kind of the items of a list as kubectl writes it: Network of a NetworkList. */
export function listedKind(apiVersion: unknown, kind: unknown): string | undefined {
  const listed = MANIFEST_KINDS.find((each) => apiVersion === apiVersionOf(each) && kind === `${KINDS[each].kind}List`)
  return listed && KINDS[listed].kind
}
