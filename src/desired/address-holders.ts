import type { Contender } from '../allocation/holder.ts'
import { addressContender, comesBefore } from '../allocation/holder.ts'
import type { ObjectKey } from '../api/index.ts'
import type { Address } from '../net/address.ts'
import { MultiMap } from './multi-map.ts'
import type { InterfaceRecord, WantedAddress } from './record.ts'

/**
 * Which interface has an address of a Network when several want it. Controllers decide by the same rule (`comesBefore`);
 * the answer does not depend on the order in which they came.
 */
export class AddressHolders {
  /** By VNI and address. */
  readonly #contenders = new Map<number, MultiMap<Address, InterfaceRecord>>()
  /** By address: the VNI of the only Network in which it is wanted, or of all where there are several. */
  readonly #networks = new Map<Address, number | Set<number>>()

  /** @returns other interfaces that the change is of interest to */
  set(record: InterfaceRecord, addresses: readonly WantedAddress[]): InterfaceRecord[] {
    const before = record.wanted
    const others: InterfaceRecord[] = []
    record.wanted = addresses
    for (const was of before) {
      if (addresses.some((now) => sameAddress(was, now))) continue
      const contenders = this.#of(was)
      contenders.delete(was.address, record)
      others.push(...contenders.get(was.address), ...this.#gone(was))
    }
    for (const now of addresses) {
      if (before.some((was) => sameAddress(was, now) && was.hasSlice === now.hasSlice)) continue
      const contenders = this.#of(now)
      contenders.add(now.address, record)
      others.push(...contenders.get(now.address).filter((other) => other !== record), ...this.#come(now))
    }
    return others
  }

  holder(vni: number, address: Address): ObjectKey | undefined {
    const contenders = this.#contenders.get(vni)?.get(address) ?? []
    if (contenders.length < 2) return contenders[0]?.key
    const hasSlice = ({ wanted }: InterfaceRecord): boolean =>
      wanted.some((each) => each.vni === vni && each.address === address && each.hasSlice)
    let best: { key: ObjectKey; contender: Contender } | undefined
    for (const record of contenders) {
      // One that was deleted is about to give its address up.
      if (record.object === undefined) continue
      const contender = addressContender(record.object, hasSlice(record))
      if (best === undefined || comesBefore(contender, best.contender)) best = { key: record.key, contender }
    }
    return best?.key
  }

  /** All interfaces that want an address which this one wants too, itself included; none where it is the only one. */
  rivals({ wanted }: InterfaceRecord): InterfaceRecord[] {
    return wanted.flatMap(({ vni, address }) => {
      const contenders = this.#contenders.get(vni)?.get(address) ?? []
      return contenders.length < 2 ? [] : contenders
    })
  }

  /** Whether interfaces of several Networks want it. */
  isAmbiguous(address: Address): boolean {
    return typeof this.#networks.get(address) === 'object'
  }

  /** @returns interfaces of other Networks whose address is ambiguous by this one */
  #come({ vni, address }: WantedAddress): InterfaceRecord[] {
    const networks = this.#networks.get(address)
    if (networks === undefined) this.#networks.set(address, vni)
    else if (typeof networks === 'object') networks.add(vni)
    else if (networks !== vni) {
      this.#networks.set(address, new Set([networks, vni]))
      return this.#contenders.get(networks)?.get(address).slice() ?? []
    }
    return []
  }

  /** @returns interfaces of another Network whose address is ambiguous no longer */
  #gone({ vni, address }: WantedAddress): InterfaceRecord[] {
    if ((this.#contenders.get(vni)?.get(address).length ?? 0) > 0) return []
    const networks = this.#networks.get(address)
    if (typeof networks !== 'object') {
      this.#networks.delete(address)
      return []
    }
    networks.delete(vni)
    if (networks.size > 1) return []
    const [only = 0] = networks
    this.#networks.set(address, only)
    return this.#contenders.get(only)?.get(address).slice() ?? []
  }

  #of({ vni }: WantedAddress): MultiMap<Address, InterfaceRecord> {
    let contenders = this.#contenders.get(vni)
    if (contenders === undefined) this.#contenders.set(vni, (contenders = new MultiMap()))
    return contenders
  }
}

function sameAddress(a: WantedAddress, b: WantedAddress): boolean {
  return a.address === b.address && a.vni === b.vni
}
