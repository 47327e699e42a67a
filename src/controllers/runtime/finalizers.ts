import type { NATGateway, Network } from '../../api/index.ts'
import type { ResourceStore } from '../../store/store.ts'

/** @returns the object as it is with the finalizer. @throws ERR_CONFLICT, ERR_NOT_FOUND */
export async function addFinalizer<T extends Network | NATGateway>(
  store: ResourceStore,
  object: T,
  finalizer: string,
): Promise<T> {
  const { finalizers = [] } = object.metadata
  if (finalizers.includes(finalizer)) return object
  const metadata = { ...object.metadata, finalizers: [...finalizers, finalizer] }
  return store.update<T>({ ...object, metadata })
}

/** @throws ERR_CONFLICT, ERR_NOT_FOUND */
export async function removeFinalizer(
  store: ResourceStore,
  object: Network | NATGateway,
  finalizer: string,
): Promise<void> {
  const { finalizers = [] } = object.metadata
  if (!finalizers.includes(finalizer)) return
  const metadata = { ...object.metadata, finalizers: finalizers.filter((each) => each !== finalizer) }
  await store.update<Network | NATGateway>({ ...object, metadata })
}
