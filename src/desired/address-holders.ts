import type { ObjectKey } from '../api/index.ts'
import type { ClaimedAddress, InterfaceRecord } from './record.ts'
import type { Address } from '../net/address.ts'
import type { Claimant } from '../allocation/holder.ts'
import { addressClaimant, comesBefore } from '../allocation/holder.ts'
import { MultiMap } from './multi-map.ts'

/**
 * Which interface has an address of a Network when several claim it. Controllers decide by the same rule (`comesBefore`);
 * the answer does not depend on the order in which they came.
 */
export class AddressHolders {
  /** By VNI and address. */
  readonly #claimants = new Map<number, MultiMap<Address, InterfaceRecord>>()
  /** By address: the VNI of the only Network in which it is claimed, or of all where there are several. */
  readonly #networks = new Map<Address, number | Set<number>>()

  /** @returns other interfaces that the change is of interest to */
  set(record: InterfaceRecord, addresses: readonly ClaimedAddress[]): InterfaceRecord[] {
    const before = record.claimed
    const others: InterfaceRecord[] = []
    record.claimed = addresses
    for (const was of before) {
      if (addresses.some((now) => sameAddress(was, now))) continue
      const claimants = this.#of(was)
      claimants.delete(was.address, record)
      others.push(...claimants.get(was.address), ...this.#gone(was))
    }
    for (const now of addresses) {
      if (before.some((was) => sameAddress(was, now) && was.hasSlice === now.hasSlice)) continue
      const claimants = this.#of(now)
      claimants.add(now.address, record)
      others.push(...claimants.get(now.address).filter((other) => other !== record), ...this.#come(now))
    }
    return others
  }

  holder(vni: number, address: Address): ObjectKey | undefined {
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

  /** Whether interfaces of several Networks claim it. */
  isAmbiguous(address: Address): boolean {
    return typeof this.#networks.get(address) === 'object'
  }

  /** @returns interfaces of other Networks whose address is ambiguous by this one */
  #come({ vni, address }: ClaimedAddress): InterfaceRecord[] {
    const networks = this.#networks.get(address)
    if (networks === undefined) this.#networks.set(address, vni)
    else if (typeof networks === 'object') networks.add(vni)
    else if (networks !== vni) {
      this.#networks.set(address, new Set([networks, vni]))
      return this.#claimants.get(networks)?.get(address).slice() ?? []
    }
    return []
  }

  /** @returns interfaces of another Network whose address is ambiguous no longer */
  #gone({ vni, address }: ClaimedAddress): InterfaceRecord[] {
    if ((this.#claimants.get(vni)?.get(address).length ?? 0) > 0) return []
    const networks = this.#networks.get(address)
    if (typeof networks !== 'object') {
      this.#networks.delete(address)
      return []
    }
    networks.delete(vni)
    if (networks.size > 1) return []
    const [only = 0] = networks
    this.#networks.set(address, only)
    return this.#claimants.get(only)?.get(address).slice() ?? []
  }

  #of({ vni }: ClaimedAddress): MultiMap<Address, InterfaceRecord> {
    let claimants = this.#claimants.get(vni)
    if (claimants === undefined) this.#claimants.set(vni, (claimants = new MultiMap()))
    return claimants
  }
}

function sameAddress(a: ClaimedAddress, b: ClaimedAddress): boolean {
  return a.address === b.address && a.vni === b.vni
}
