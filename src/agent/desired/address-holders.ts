import type { ObjectKey } from '../../api/index.ts'
import { MultiMap } from '../multi-map.ts'

/** An address an interface claims, as `vni/address`, and whether it has a slice for it. */
export interface ClaimedAddress {
  readonly address: string
  readonly hasSlice: boolean
}

/**
 * Which interface has an address of a Network when several claim it: one with a slice before one without, then the first
 * by name, so that the answer does not depend on the order in which they came.
 */
export class AddressHolders {
  readonly #claimants = new MultiMap<string, ObjectKey>()
  readonly #claimed = new Map<ObjectKey, readonly ClaimedAddress[]>()

  /** @returns other interfaces that the change is of interest to */
  set(key: ObjectKey, addresses: readonly ClaimedAddress[]): ObjectKey[] {
    const before = this.#claimed.get(key) ?? []
    if (addresses.length > 0) this.#claimed.set(key, addresses)
    else this.#claimed.delete(key)
    const left = before.filter(({ address }) => !addresses.some((now) => now.address === address))
    for (const { address } of left) this.#claimants.delete(address, key)
    const changed = addresses.filter(
      ({ address, hasSlice }) => !before.some((was) => was.address === address && was.hasSlice === hasSlice),
    )
    for (const { address } of changed) this.#claimants.add(address, key)
    return [...left, ...changed].flatMap(({ address }) => this.#claimants.get(address)).filter((other) => other !== key)
  }

  holder(address: string): ObjectKey | undefined {
    const claimants = this.#claimants.get(address)
    if (claimants.length < 2) return claimants[0]
    const withSlice = claimants.filter((key) =>
      this.#claimed.get(key)?.some((each) => each.address === address && each.hasSlice),
    )
    return (withSlice.length > 0 ? withSlice : claimants).toSorted()[0]
  }
}
