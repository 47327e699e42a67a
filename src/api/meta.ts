/** Object metadata, after Kubernetes' ObjectMeta; only the fields that we use. */
export interface ObjectMeta {
  name: string
  /** Absent for cluster-scoped kinds (NetworkID, IPAddress). */
  namespace?: string
  uid: string
  /** Opaque; an update must carry the one it read. */
  resourceVersion: string
  /** Raised when spec changes. */
  generation: number
  /** RFC 3339. */
  creationTimestamp: string
  /** Set once deletion was asked for; the object goes when its finalizers are gone. RFC 3339. */
  deletionTimestamp?: string
  finalizers?: string[]
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ownerReferences?: OwnerReference[]
}

export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
}

/** metav1.Condition. */
export interface Condition {
  type: string
  status: 'True' | 'False' | 'Unknown'
  /** CamelCase, for programs. */
  reason: string
  /** A sentence, for people. */
  message: string
  /** RFC 3339; when status last changed. */
  lastTransitionTime: string
  observedGeneration?: number
}

/** metav1.ObjectReference to something in the same namespace. */
export interface LocalObjectReference {
  name: string
}

export interface LocalUIDReference {
  name: string
  uid: string
}

export type IPFamily = 'IPv4' | 'IPv6'

/** `namespace/name`, or `name` for cluster-scoped objects. */
export type ObjectKey = string

export function keyOf(meta: { name: string; namespace?: string }): ObjectKey {
  return meta.namespace === undefined ? meta.name : `${meta.namespace}/${meta.name}`
}
