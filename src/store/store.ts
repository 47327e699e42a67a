import type { Kind, ObjectKey, ResourceOf } from '../api/index.ts'

/** What a watcher is told. It says which object changed; a reconciler reads the object from the store. */
export interface WatchEvent<K extends Kind = Kind> {
  type: 'added' | 'modified' | 'deleted'
  kind: K
  key: ObjectKey
  /** The object after the change; the last known state for `deleted`. */
  object: ResourceOf<K>
  /** The object before the change; absent for `added`. */
  old?: ResourceOf<K>
}

/** What `create` takes: the server fills in uid, resourceVersion, generation and creationTimestamp. */
export type NewObject<K extends Kind> = Omit<ResourceOf<K>, 'metadata' | 'status'> & {
  metadata: Partial<ResourceOf<K>['metadata']> & { name: string }
}

/**
 * Where resources live. Reads come from a cache and are synchronous; writes are asynchronous, durable once they
 * resolve, and visible in the cache by then. The shape is that of the Kubernetes API, so that a Kubernetes
 * implementation fits behind it: controllers do not know which one they run on.
 *
 * Objects handed out are shared and frozen: copy before changing.
 */
export interface ResourceStore {
  /** Resolves when every kind has been listed once. Nothing is programmed before. */
  ready(): Promise<void>

  get<K extends Kind>(kind: K, key: ObjectKey): ResourceOf<K> | undefined
  list<K extends Kind>(kind: K, namespace?: string): readonly ResourceOf<K>[]

  /** @throws ERR_ALREADY_EXISTS */
  create<K extends Kind>(object: NewObject<K>): Promise<ResourceOf<K>>
  /**
   * Replaces metadata (labels, annotations, finalizers, ownerReferences) and spec; status is left as it is.
   * Removing the last finalizer of an object that is being deleted removes it.
   * @throws ERR_CONFLICT when resourceVersion is not the present one; ERR_NOT_FOUND
   */
  update<K extends Kind>(object: ResourceOf<K>): Promise<ResourceOf<K>>
  /** Replaces status only. @throws ERR_CONFLICT, ERR_NOT_FOUND */
  updateStatus<K extends Kind>(object: ResourceOf<K>): Promise<ResourceOf<K>>
  /** Sets deletionTimestamp, or removes at once where there is no finalizer. No error when it is gone already. */
  delete(kind: Kind, key: ObjectKey, preconditions?: { uid?: string }): Promise<void>

  /**
   * Calls `handler` for every present object as `added`, then for every change, in order, outside of the caller's stack.
   * @returns function that ends the watch
   */
  watch<K extends Kind>(kind: K, handler: (event: WatchEvent<K>) => void): () => void

  /** Flushes and closes; no further calls. */
  close(): Promise<void>
}
