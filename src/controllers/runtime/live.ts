import type { GroupKind, ObjectKey, ObjectMeta, Resource } from '../../api/index.ts'
import { groupKindOf, keyOf, nameOf } from '../../api/index.ts'
import { NatGwError } from '../../errors/errors.ts'
import type { DeletePreconditions, ResourceStore } from '../../store/store.ts'
import { sameSpec } from '../view/differences.ts'

// The cache of a store may trail. Whoever takes something away because of what the cache lacks, or because an object
// says so that others may have changed, asks here first. ERR_CONFLICT then ends the run; its key is tried again later.

/**
 * Returns when no object of that uid has the name.
 * @throws ERR_CONFLICT when the cache trails
 */
export async function expectGone(store: ResourceStore, kind: GroupKind, key: ObjectKey, uid: string): Promise<void> {
  const live = await store.getLive(kind, key)
  if (live?.metadata.uid === uid) throw trailing(kind, key)
}

/**
 * Returns when the object of the name asks for what the cache says it does, or does not exist and the cache says so too.
 * @param cached undefined where the cache has none
 * @throws ERR_CONFLICT when the cache trails
 */
export async function expectCurrent(
  store: ResourceStore,
  kind: GroupKind,
  key: ObjectKey,
  cached: Resource | undefined,
): Promise<void> {
  if (!sameSpec(cached, await store.getLive(kind, key))) throw trailing(kind, key)
}

/**
 * Returns when none of these objects exists.
 * @throws ERR_CONFLICT when the cache trails
 */
export function expectNone([first]: readonly Resource[]): void {
  if (first !== undefined) throw trailing(groupKindOf(first), keyOf(first.metadata))
}

/** For the deletion of an object as it was looked at. */
export function identityOf({ uid, resourceVersion }: ObjectMeta): DeletePreconditions {
  return { uid, resourceVersion }
}

export function trailing(kind: GroupKind, key: ObjectKey): NatGwError {
  const object = nameOf(kind, key)
  return new NatGwError('ERR_CONFLICT', `${object} is not as the cache of the store shows it yet`, { object })
}
