import type { GroupKind, ObjectKey, Resource, ResourceOf } from '../api/index.ts'

/** What a watcher is told. It says which object changed; a reconciler reads the object from the store. */
export interface WatchEvent<K extends GroupKind = GroupKind> {
  type: 'added' | 'modified' | 'deleted'
  kind: K
  key: ObjectKey
  /** The object after the change; the last known state for `deleted`. */
  object: ResourceOf<K>
  /** The object before the change; absent for `added`. */
  old?: ResourceOf<K>
}

/** What `create` takes: the server fills in uid, resourceVersion, generation and creationTimestamp. */
export type NewObject<R extends Resource> = Omit<R, 'metadata' | 'status'> & {
  metadata: Partial<R['metadata']> & { name: string }
}

/** What an object must still be for its deletion; anything else is ERR_CONFLICT. */
export interface DeletePreconditions {
  uid?: string
  /** Nobody has written the object since it was looked at. */
  resourceVersion?: string
}

/**
 * Where resources live. The shape is that of the Kubernetes API, so that a Kubernetes implementation fits behind it:
 * controllers do not know which one they run on. test/support/store-conformance.ts is the contract as tests; every store
 * passes it.
 *
 * Reads come from a cache and are synchronous. The cache may trail behind what others write, but:
 * 1. Read-your-writes: once a write resolves, the cache shows it, or something later.
 * 2. Once `ready` resolves, the cache shows all that was acknowledged to anybody before `ready` was called.
 * 3. The cache of an object never goes back to an earlier state.
 *
 * So what the cache has was true, and what it lacks may be there: nothing is deleted, released or given up for being
 * absent from it before `getLive` or `listLive` has said the same.
 *
 * Objects handed out are shared and frozen: copy before changing.
 */
export interface ResourceStore {
  /** Resolves when the cache is filled. Nothing is written or programmed before. */
  ready(): Promise<void>

  get<K extends GroupKind>(kind: K, key: ObjectKey): ResourceOf<K> | undefined
  /** In no particular order. */
  list<K extends GroupKind>(kind: K, namespace?: string): readonly ResourceOf<K>[]

  /** Past the cache, from where the truth is. The cache may show it later. */
  getLive<K extends GroupKind>(kind: K, key: ObjectKey): Promise<ResourceOf<K> | undefined>
  /** As `getLive`, for all objects of a kind: costly, for what is rare. */
  listLive<K extends GroupKind>(kind: K, namespace?: string): Promise<readonly ResourceOf<K>[]>

  /**
   * @throws ERR_ALREADY_EXISTS. Whose the object is that exists, `getLive` tells: it may be the caller's own, of a write
   * whose answer was lost
   */
  create<R extends Resource>(object: NewObject<R>): Promise<R>
  /**
   * Replaces metadata (labels, annotations, finalizers, ownerReferences) and spec; status is left as it is.
   * Removing the last finalizer of an object that is being deleted removes it.
   * @throws ERR_CONFLICT when uid or resourceVersion are not the present ones; ERR_NOT_FOUND
   */
  update<R extends Resource>(object: R): Promise<R>
  /** Replaces status only. @throws ERR_CONFLICT, ERR_NOT_FOUND */
  updateStatus<R extends Resource>(object: R): Promise<R>
  /**
   * Sets deletionTimestamp, or removes at once where there is no finalizer. No error when it is gone already.
   * @throws ERR_CONFLICT when a precondition does not hold
   */
  delete(kind: GroupKind, key: ObjectKey, preconditions?: DeletePreconditions): Promise<void>

  /**
   * Calls `handler` for every object of the cache as `added`, then for every change of it, in order, outside of the
   * caller's stack. `deleted` is told only of what is gone for certain.
   * @returns function that ends the watch
   */
  watch<K extends GroupKind>(kind: K, handler: (event: WatchEvent<K>) => void): () => void

  /** Lets writes under way end and closes: writes are refused afterwards, watches are silent. */
  close(): Promise<void>
}
