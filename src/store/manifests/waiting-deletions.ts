import type { ManifestKind, ResourceOf } from '../../api/index.ts'
import { groupKindOf, idOfText, idText, keyOf, MANIFEST_KINDS, nameOf } from '../../api/index.ts'
import type { ResourceStore, WatchEvent } from '../store.ts'
import type { ManifestProblem } from './problem.ts'

/** Milliseconds that a deletion may take without a word: most are done at once. */
const PATIENCE_MS = 2_000

/** Knows the objects whose deletion was asked for and waits. */
export class DeletionWatch {
  readonly #store: ResourceStore
  readonly #since = new Map<string, number>()

  constructor(store: ResourceStore) {
    this.#store = store
    for (const kind of MANIFEST_KINDS) for (const object of store.list(kind)) this.#note(object)
  }

  /** To be told of every change. */
  see({ type, kind, key, object }: WatchEvent<ManifestKind>): void {
    if (type === 'deleted') this.#since.delete(idText({ kind, key }))
    else this.#note(object)
  }

  /** What each object waits for that waits for long. */
  problems(now = performance.now()): ManifestProblem[] {
    return [...this.#since].flatMap(([text, since]) => {
      const { kind, key } = idOfText(text)
      const object = now - since < PATIENCE_MS ? undefined : this.#store.get(kind, key)
      return object === undefined ? [] : [waitingProblem(nameOf(kind, key), object)]
    })
  }

  #note(object: ResourceOf<ManifestKind>): void {
    const { metadata } = object
    if (metadata.deletionTimestamp === undefined) return
    const text = idText({ kind: groupKindOf(object), key: keyOf(metadata) })
    if (!this.#since.has(text)) this.#since.set(text, performance.now())
  }
}

function waitingProblem(object: string, { metadata, status }: ResourceOf<ManifestKind>): ManifestProblem {
  const inUse = status?.conditions?.find(({ type, status: met }) => type === 'InUse' && met === 'True')
  const what = inUse?.message ?? `is deleted once its finalizers are gone: ${(metadata.finalizers ?? []).join(', ')}`
  const remedy = inUse === undefined ? 'see the log for what keeps them' : 'remove those too, or put its manifest back'
  return { code: 'ERR_DELETION_WAITS', object, message: what, remedy, severity: 'warning' }
}
