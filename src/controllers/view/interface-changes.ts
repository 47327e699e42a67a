import type { ObjectKey } from '../../api/index.ts'
import { Grouping } from './grouping.ts'

const NONE: ReadonlySet<string> = new Set()

/**
 * Which interfaces have to be judged again, by gateway: those of whose standing anything changed since the gateway's
 * reconciler looked last. Collected only for gateways that follow, and never more than the Network has interfaces.
 */
export class InterfaceChanges {
  /** Uids of interfaces, by key of the gateway. */
  readonly #changed = new Map<ObjectKey, Set<string>>()
  /** Gateways by Network. Not the cluster's own grouping: events of gateways may come later than those of interfaces. */
  readonly #followers = new Grouping()

  /** From now on, for a gateway that knows all there is to know. */
  follow(gateway: ObjectKey, networkKey: ObjectKey): void {
    this.#followers.put(gateway, networkKey)
    this.#changed.set(gateway, new Set())
  }

  unfollow(gateway: ObjectKey): void {
    this.#followers.put(gateway, undefined)
    this.#changed.delete(gateway)
  }

  /** @param except a gateway that knows of it */
  mark(networkKey: ObjectKey, uid: string, except?: ObjectKey): void {
    for (const gateway of this.#followers.members(networkKey)) {
      if (gateway !== except) this.#changed.get(gateway)?.add(uid)
    }
  }

  /** @returns uids of those marked since it followed or took last */
  take(gateway: ObjectKey): ReadonlySet<string> {
    const taken = this.#changed.get(gateway)
    if (taken === undefined) return NONE
    this.#changed.set(gateway, new Set())
    return taken
  }
}
