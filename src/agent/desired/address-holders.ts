import type { ObjectKey } from '../../api/index.ts'
import type { ClaimedAddress, InterfaceRecord } from './record.ts'
import { MultiMap } from '../multi-map.ts'

/**
 * Which interface has an address of a Network when several claim it: one with a slice before one without, then the first
 * by name, so that the answer does not depend on the order in which they came.
 */
export class AddressHolders {
  /** By VNI and address. */
  readonly #claimants = new Map<number, MultiMap<number, InterfaceRecord>>()

  /** @returns other interfaces that the change is of interest to */
  set(record: InterfaceRecord, addresses: readonly ClaimedAddress[]): InterfaceRecord[] {
    const before = record.claimed
    const others: InterfaceRecord[] = []
    record.claimed = addresses
    for (const was of before) {
      if (addresses.some((now) => sameAddress(was, now))) continue
      const claimants = this.#of(was)
      claimants.delete(was.address, record)
      others.push(...claimants.get(was.address))
    }
    for (const now of addresses) {
      if (before.some((was) => sameAddress(was, now) && was.hasSlice === now.hasSlice)) continue
      const claimants = this.#of(now)
      claimants.add(now.address, record)
      others.push(...claimants.get(now.address).filter((other) => other !== record))
    }
    return others
  }

  holder(vni: number, address: number): ObjectKey | undefined {
    const claimants = this.#claimants.get(vni)?.get(address) ?? []
    if (claimants.length < 2) return claimants[0]?.key
    const withSlice = claimants.filter(({ claimed }) =>
      claimed.some((each) => each.vni === vni && each.address === address && each.hasSlice),
    )
    return (withSlice.length > 0 ? withSlice : claimants).map(({ key }) => key).toSorted()[0]
  }

  #of({ vni }: ClaimedAddress): MultiMap<number, InterfaceRecord> {
    let claimants = this.#claimants.get(vni)
    if (claimants === undefined) this.#claimants.set(vni, (claimants = new MultiMap()))
    return claimants
  }
}

function sameAddress(a: ClaimedAddress, b: ClaimedAddress): boolean {
  return a.address === b.address && a.vni === b.vni
}
