import type { ObjectKey } from '../../api/index.ts'
import type { ClaimedAddress, InterfaceRecord } from './record.ts'
import type { Claimant } from '../../allocation/holder.ts'
import { addressClaimant, comesBefore } from '../../allocation/holder.ts'
import { MultiMap } from '../multi-map.ts'

/**
 * Which interface has an address of a Network when several claim it. Controllers decide by the same rule (`comesBefore`);
 * the answer does not depend on the order in which they came.
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
    const hasSlice = ({ claimed }: InterfaceRecord): boolean =>
      claimed.some((each) => each.vni === vni && each.address === address && each.hasSlice)
    let best: { key: ObjectKey; claimant: Claimant } | undefined
    for (const record of claimants) {
      // One that was deleted is about to give its address up.
      if (record.object === undefined) continue
      const claimant = addressClaimant(record.object, hasSlice(record))
      if (best === undefined || comesBefore(claimant, best.claimant)) best = { key: record.key, claimant }
    }
    return best?.key
  }

  /** All interfaces that claim an address which this one claims too, itself included; none where it is the only one. */
  rivals({ claimed }: InterfaceRecord): InterfaceRecord[] {
    return claimed.flatMap(({ vni, address }) => {
      const claimants = this.#claimants.get(vni)?.get(address) ?? []
      return claimants.length < 2 ? [] : claimants
    })
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
