import type { ObjectMeta, Resource } from '../api/index.ts'
import { groupKindOf, keyOf, KINDS, nameOf } from '../api/index.ts'
import { NatGwError } from '../errors/errors.ts'
import { adopt } from './adopt.ts'
import type { DeletePreconditions, NewObject } from './store.ts'

// What a write makes of an object, after the rules of the Kubernetes API. Pure: the stamp brings what is not.

/** What the store gives to an object that changes. */
export interface Stamp {
  /** Later than that of any earlier change. */
  resourceVersion: string
  /** RFC 3339. */
  now: string
  /** Of an object that comes into being. */
  uid: string
}

/** @throws ERR_ALREADY_EXISTS, ERR_INVALID_FIELD */
export function created(present: Resource | undefined, object: NewObject<Resource>, stamp: Stamp): Resource {
  const { kind, metadata, spec } = object
  const groupKind = groupKindOf(object)
  const name = nameOf(groupKind, keyOf(metadata))
  if (present !== undefined) {
    const state = present.metadata.deletionTimestamp === undefined ? 'exists already' : 'is still being deleted'
    throw new NatGwError('ERR_ALREADY_EXISTS', `${name} cannot be created: an object of this name ${state}`, {
      object: name,
    })
  }
  const { namespaced } = KINDS[groupKind]
  if (namespaced !== (metadata.namespace !== undefined)) {
    const expected = namespaced ? 'needs a namespace' : 'has no namespace'
    throw new NatGwError('ERR_INVALID_FIELD', `${name}: metadata.namespace: a ${kind} ${expected}`, { object: name })
  }
  const { name: objectName, namespace } = metadata
  return adopt(undefined, {
    apiVersion: object.apiVersion,
    kind,
    metadata: {
      ...(namespace === undefined ? {} : { namespace }),
      name: objectName,
      uid: stamp.uid,
      resourceVersion: stamp.resourceVersion,
      generation: 1,
      creationTimestamp: stamp.now,
      ...writableMetadata(metadata),
    },
    spec,
  } as Resource)
}

/**
 * @returns the object after the update, `present` itself where nothing changes
 * @throws ERR_NOT_FOUND, ERR_CONFLICT, ERR_INVALID_FIELD
 */
export function updated(present: Resource | undefined, object: Resource, stamp: Stamp): Resource {
  const base = expectCurrent(present, object)
  const { deletionTimestamp, finalizers = [] } = base.metadata
  const added = (object.metadata.finalizers ?? []).filter((finalizer) => !finalizers.includes(finalizer))
  if (deletionTimestamp !== undefined && added.length > 0) {
    const name = nameOf(groupKindOf(base), keyOf(base.metadata))
    const message = `${name}: metadata.finalizers: ${added.join(', ')} cannot be added while the object is being deleted`
    throw new NatGwError('ERR_INVALID_FIELD', message, { object: name, field: 'metadata.finalizers', value: added })
  }
  const spec = adopt(base.spec, object.spec)
  const metadata: ObjectMeta = {
    ...base.metadata,
    ...writableMetadata(object.metadata),
    generation: base.metadata.generation + (spec === base.spec ? 0 : 1),
  }
  return stamped(base, { ...base, metadata, spec } as Resource, stamp)
}

/** @throws ERR_NOT_FOUND, ERR_CONFLICT */
export function statusUpdated(present: Resource | undefined, object: Resource, stamp: Stamp): Resource {
  const base = expectCurrent(present, object)
  return stamped(base, { ...base, status: 'status' in object ? object.status : undefined } as Resource, stamp)
}

/**
 * The object with its deletion asked for; `present` itself when it was before.
 * @throws ERR_CONFLICT when a precondition does not hold
 */
export function deletionRequested(present: Resource, preconditions: DeletePreconditions, stamp: Stamp): Resource {
  for (const field of ['uid', 'resourceVersion'] as const) {
    const expected = preconditions[field]
    const found = present.metadata[field]
    if (expected === undefined || expected === found) continue
    const name = nameOf(groupKindOf(present), keyOf(present.metadata))
    const message = `${name} was not deleted: metadata.${field} is ${found}, not ${expected}`
    throw new NatGwError('ERR_CONFLICT', message, { object: name, field: `metadata.${field}` })
  }
  if (present.metadata.deletionTimestamp !== undefined) return present
  const metadata = { ...present.metadata, deletionTimestamp: stamp.now }
  return stamped(present, { ...present, metadata }, stamp)
}

/** Whether nothing holds the object any longer. */
export function isGone(object: Resource): boolean {
  const { deletionTimestamp, finalizers = [] } = object.metadata
  return deletionTimestamp !== undefined && finalizers.length === 0
}

function stamped(present: Resource, next: Resource, stamp: Stamp): Resource {
  const adopted = adopt(present, next)
  if (adopted === present) return present
  const metadata = Object.freeze({ ...adopted.metadata, resourceVersion: stamp.resourceVersion })
  return Object.freeze({ ...adopted, metadata })
}

/** What a write may set; Kubernetes does not tell an empty list or map here from an absent one. */
function writableMetadata(metadata: Partial<ObjectMeta>): Partial<ObjectMeta> {
  const { labels, annotations, finalizers, ownerReferences } = metadata
  const orAbsent = (value: object | undefined) => (Object.keys(value ?? {}).length === 0 ? undefined : value)
  return {
    labels: orAbsent(labels),
    annotations: orAbsent(annotations),
    finalizers: orAbsent(finalizers),
    ownerReferences: orAbsent(ownerReferences),
  } as Partial<ObjectMeta>
}

function expectCurrent(present: Resource | undefined, object: Resource): Resource {
  const name = nameOf(groupKindOf(object), keyOf(object.metadata))
  if (present === undefined) throw new NatGwError('ERR_NOT_FOUND', `${name} does not exist`, { object: name })
  const field = present.metadata.uid === object.metadata.uid ? 'resourceVersion' : 'uid'
  if (present.metadata[field] === object.metadata[field]) return present
  const message = `${name} was changed by another: metadata.${field} is ${present.metadata[field]}, not ${object.metadata[field]}; read it again`
  throw new NatGwError('ERR_CONFLICT', message, { object: name, field: `metadata.${field}` })
}
