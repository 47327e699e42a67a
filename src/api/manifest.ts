import type { ObjectKey } from './meta.ts'
import type { ManifestKind, ResourceOf } from './types.ts'

/** What a user says about an object: the parts of a resource that are not the store's. */
export interface ManifestOf<K extends ManifestKind> {
  apiVersion: ResourceOf<K>['apiVersion']
  kind: K
  metadata: {
    name: string
    namespace: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
  }
  spec: ResourceOf<K>['spec']
}

export type Manifest = { [K in ManifestKind]: ManifestOf<K> }[ManifestKind]

export const MANIFEST_KINDS = ['Network', 'NetworkInterface', 'NATGateway'] as const satisfies readonly ManifestKind[]

export interface ManifestId {
  kind: ManifestKind
  key: ObjectKey
}

/** @returns `<Kind> <key>` */
export function idText(id: ManifestId): string {
  return `${id.kind} ${id.key}`
}

export function idOfText(text: string): ManifestId {
  const kind = MANIFEST_KINDS.find((each) => text.startsWith(`${each} `))
  if (kind === undefined) throw new Error(`not the name of an object of a manifest: ${text}`)
  return { kind, key: text.slice(kind.length + 1) }
}
