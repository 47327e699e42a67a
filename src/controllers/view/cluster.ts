import type { GroupKind, ObjectKey, Resource } from '../../api/index.ts'
import { keyOf } from '../../api/index.ts'
import type { ResourceStore } from '../../store/store.ts'
import { ClusterView } from './cluster-view.ts'
import { InterfaceChanges } from './interface-changes.ts'
import type { Evaluation, KindView, Queues, Receiver } from './kind-views.ts'
import { KIND_VIEWS } from './kind-views.ts'

/** Where a change makes work. */
export type Triggers = { [Q in keyof Queues]: (key: Queues[Q]) => void }

const KINDS = Object.keys(KIND_VIEWS) as GroupKind[]

/**
 * The store as controllers look at it: by Network, by owner, by address. It is kept up to date one changed object at a
 * time, so that finding what belongs together costs what belongs together and no more. Each change is told to the queues of
 * those it may concern.
 */
export class Cluster extends ClusterView {
  /** Interfaces that gateways have to evaluate again. */
  readonly changes = new InterfaceChanges()
  readonly #seen = new Map<GroupKind, Map<ObjectKey, Resource>>(
    KINDS.map((kind) => [kind, new Map<ObjectKey, Resource>()]),
  )
  readonly #triggers: Triggers
  readonly #receiver: Receiver = {
    add: (queue, key) => {
      if (queue !== 'natGateway' || key !== this.#writer) this.#triggers[queue](key)
    },
    evaluate: (evaluation) => this.#evaluate(evaluation),
  }
  /** The gateway whose own write is being taken in. */
  #writer: ObjectKey | undefined
  #events = 0

  constructor(store: ResourceStore, triggers: Triggers) {
    super(store)
    this.#triggers = triggers
  }

  /** Takes in what is in the store and follows it. Nothing may be written before. @returns function that ends it */
  follow(): () => void {
    for (const kind of KINDS) for (const { metadata } of this.store.list(kind)) this.refresh(kind, keyOf(metadata))
    const ends = KINDS.map((kind) =>
      this.store.watch(kind, (event) => {
        this.#events++
        this.refresh(kind, event.key)
      }),
    )
    return () => {
      for (const end of ends) end()
    }
  }

  /** How many events have arrived. */
  get events(): number {
    return this.#events
  }

  /**
   * Takes in the object as the store has it now. Events only say what to look at, so the view never goes back in time;
   * a controller that depends on its own write calls this instead of waiting for the event.
   */
  refresh(kind: GroupKind, key: ObjectKey): void {
    const seen = this.#seen.get(kind)
    if (seen === undefined) return
    const old = seen.get(key)
    const present: Resource | undefined = this.store.get(kind, key)
    if (old === present) return
    if (present === undefined) seen.delete(key)
    else seen.set(key, present)
    const takeIn = KIND_VIEWS[kind] as KindView<Resource>
    takeIn({ key, old, present }, this, this.#receiver)
  }

  /**
   * Takes in what a gateway's reconciler has written itself, without waking that gateway for it: looking at all its
   * interfaces once more would show nothing new.
   *
   * @param written what the write returned; undefined for a deletion
   */
  wrote(writer: ObjectKey, kind: GroupKind, key: ObjectKey, written: Resource | undefined): void {
    // What somebody else has changed since then is news.
    const isOurs = this.store.get(kind, key)?.metadata.resourceVersion === written?.metadata.resourceVersion
    this.#writer = isOurs ? writer : undefined
    this.refresh(kind, key)
    this.#writer = undefined
  }

  /**
   * A gateway knows to whom it gave a slice. If a deleted interface just lost its slice, the gateway is woken so that it
   * drops the interface: nothing else would make it look.
   */
  #evaluate({ networkKey, uid }: Evaluation): void {
    const lost = this.sections.of(uid).length === 0
    this.changes.mark(networkKey, uid, lost ? undefined : this.#writer)
    const isDeleted = this.interfaceOf(uid)?.metadata.deletionTimestamp !== undefined
    if (lost && isDeleted && this.#writer !== undefined) this.#triggers.natGateway(this.#writer)
  }
}
