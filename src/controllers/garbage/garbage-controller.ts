import { groupKindOf, keyOf, nameOf } from '../../api/index.ts'
import type { Logger } from '../../log/logger.ts'
import { expectGone } from '../runtime/live.ts'
import { parseClaimerKey } from '../view/claims.ts'
import type { Cluster } from '../view/cluster.ts'

/**
 * Takes back what belonged to a Network or NATGateway that is gone without having cleaned up (its finalizer was removed by
 * hand, or the state was restored from before). Works by claimer, as `claimerKey` writes it.
 */
export class GarbageReconciler {
  readonly #cluster: Cluster
  readonly #log: Logger

  constructor(cluster: Cluster, log: Logger) {
    this.#cluster = cluster
    this.#log = log
  }

  async reconcile(claimerKey: string): Promise<void> {
    const claimer = parseClaimerKey(claimerKey)
    const { store } = this.#cluster
    if (store.get(claimer.kind, claimer.key)?.metadata.uid === claimer.uid) return
    await expectGone(store, claimer.kind, claimer.key, claimer.uid)
    // Tables first: an address is free for others only once nobody owns a port of it.
    const left = [
      ...this.#cluster.tablesOf(claimer.uid),
      ...this.#cluster.addressesOf(claimer.uid),
      ...this.#cluster.networkIdsOf(claimer.uid),
    ]
    for (const object of left) {
      const kind = groupKindOf(object)
      const key = keyOf(object.metadata)
      await store.delete(kind, key, { uid: object.metadata.uid })
      this.#cluster.refresh(kind, key)
    }
    if (left.length === 0) return
    const names = left.map((object) => nameOf(groupKindOf(object), keyOf(object.metadata)))
    const fields = { claimer: claimer.key, uid: claimer.uid, deleted: names }
    this.#log.warn(
      fields,
      `${nameOf(claimer.kind, claimer.key)} is gone; took back ${left.length} objects it had left behind`,
    )
  }
}
