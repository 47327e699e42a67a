import type { IpPool, PoolAddress } from '../../allocation/ip-pool.ts'
import { sliceCapacity } from '../../allocation/port-range.ts'
import type { IPAddress, NATGateway } from '../../api/index.ts'
import { CORE_API, IP_ADDRESS, keyOf } from '../../api/index.ts'
import { isError } from '../../errors/errors.ts'
import { identityOf, trailing } from '../runtime/live.ts'
import { claimRefTo } from '../view/claims.ts'
import type { Cluster } from '../view/cluster.ts'

/** A public address of a gateway, under its name in status.ips. */
export interface GatewayAddress extends PoolAddress {
  entryName: string
  /** Slices it has at the gateway's present portsPerNetworkInterface; at least 1. */
  capacity: number
}

/** An address the gateway has and must not keep. */
export interface RetiredAddress {
  ip: string
  reason: 'not in the pool' | 'too few ports' | 'claimed by another'
}

export interface GatewayAddresses {
  /** In the order of their names. */
  kept: GatewayAddress[]
  retired: RetiredAddress[]
  /** More were wanted than the pool has. */
  exhausted: boolean
}

/**
 * Claims and gives back public addresses for gateways. Creating the IPAddress object is the claim: of several who try,
 * one succeeds.
 */
export class AddressClaims {
  readonly #cluster: Cluster
  readonly #pool: IpPool

  constructor(cluster: Cluster, pool: IpPool) {
    this.#cluster = cluster
    this.#pool = pool
  }

  /**
   * Puts the gateway's claims in order and claims more, one after the other, until they have a slice for each of `wanted`
   * interfaces, at least one address, or the pool is empty. Nothing is given back here.
   */
  async secure(gateway: NATGateway, wanted: number): Promise<GatewayAddresses> {
    const { uid } = gateway.metadata
    const claimed = this.#cluster.addressesOf(uid).sort(byEntryName)
    const names = new Names(claimed.map(({ spec }) => spec.entryName))
    const kept: GatewayAddress[] = []
    const retired: RetiredAddress[] = []
    for (const object of claimed) {
      const reason = this.#unfit(gateway, object.spec.ip)
      const address = this.#pool.find(object.spec.ip)
      if (reason !== undefined || address === undefined)
        retired.push({ ip: object.spec.ip, reason: reason ?? 'not in the pool' })
      else kept.push(await this.#settle(gateway, object, address, names))
    }
    const settled = new Set([...kept, ...retired].map(({ ip }) => ip))
    await this.#expectNoOthers(gateway, settled)
    // A table without its claim: somebody deleted the IPAddress. Whoever was quicker has the address.
    for (const { spec } of this.#cluster.tablesOf(uid)) {
      if (settled.has(spec.ip)) continue
      settled.add(spec.ip)
      const reason = this.#unfit(gateway, spec.ip)
      const address = this.#pool.find(spec.ip)
      const former = gateway.status?.ips?.find(({ ip }) => ip === spec.ip)?.name
      const again = reason === undefined && address && (await this.#claim(gateway, address, names, former))
      if (again) kept.push(again)
      else retired.push({ ip: spec.ip, reason: reason ?? 'claimed by another' })
    }
    const exhausted = await this.#grow(gateway, wanted, kept, names)
    kept.sort((a, b) => entryNumber(a.entryName) - entryNumber(b.entryName))
    return { kept, retired, exhausted }
  }

  /**
   * The gateway has said itself which addresses it has. One of these whose claim the cache lacks may be there with all
   * its slices: these must not be given to interfaces a second time elsewhere.
   * @throws ERR_CONFLICT when the cache trails
   */
  async #expectNoOthers(gateway: NATGateway, known: ReadonlySet<string>): Promise<void> {
    for (const { ip } of gateway.status?.ips ?? []) {
      if (known.has(ip)) continue
      const live = await this.#cluster.store.getLive(IP_ADDRESS, ip)
      if (live?.spec.claimRef.uid === gateway.metadata.uid) throw trailing(IP_ADDRESS, ip)
    }
  }

  /** Gives the address back to the pool. Its table must be gone. */
  async release(gateway: NATGateway, ip: string): Promise<void> {
    const object = this.#cluster.store.get(IP_ADDRESS, ip)
    if (object?.spec.claimRef.uid !== gateway.metadata.uid) return
    await this.#cluster.store.delete(IP_ADDRESS, ip, identityOf(object.metadata))
    this.#cluster.wrote(keyOf(gateway.metadata), IP_ADDRESS, ip, undefined)
  }

  #unfit(gateway: NATGateway, ip: string): RetiredAddress['reason'] | undefined {
    const address = this.#pool.find(ip)
    if (address === undefined) return 'not in the pool'
    return sliceCapacity(address.ports, gateway.spec.portsPerNetworkInterface) === 0 ? 'too few ports' : undefined
  }

  async #grow(gateway: NATGateway, wanted: number, kept: GatewayAddress[], names: Names): Promise<boolean> {
    const refused = new Set<string>()
    const isTaken = (ip: string): boolean => refused.has(ip) || this.#cluster.store.get(IP_ADDRESS, ip) !== undefined
    let capacity = kept.reduce((sum, address) => sum + address.capacity, 0)
    while (kept.length === 0 || capacity < wanted) {
      const candidate = this.#pool.next(isTaken, gateway.spec.portsPerNetworkInterface)
      if (candidate === undefined) return true
      const address = await this.#claim(gateway, candidate, names)
      if (address === undefined) {
        refused.add(candidate.ip)
        continue
      }
      kept.push(address)
      capacity += address.capacity
    }
    return false
  }

  /** @returns undefined when another has claimed it */
  async #claim(
    gateway: NATGateway,
    address: PoolAddress,
    names: Names,
    wish?: string,
  ): Promise<GatewayAddress | undefined> {
    const { ip, ports, shared } = address
    const entryName = names.take(wish)
    let written: IPAddress
    try {
      written = await this.#cluster.store.create<IPAddress>({
        apiVersion: CORE_API,
        kind: 'IPAddress',
        metadata: { name: ip },
        spec: { ip, claimRef: claimRefTo(gateway), entryName, ports, shared },
      })
    } catch (error) {
      if (!isError(error, 'ERR_ALREADY_EXISTS')) throw error
      // Ours where the answer to an earlier creation was lost, or the cache trails.
      const present = await this.#cluster.store.getLive(IP_ADDRESS, ip)
      names.giveBack(entryName)
      if (present?.spec.claimRef.uid !== gateway.metadata.uid) return undefined
      return this.#settle(gateway, present, address, names)
    }
    this.#cluster.wrote(keyOf(gateway.metadata), IP_ADDRESS, ip, written)
    return gatewayAddress(gateway, address, entryName)
  }

  /** Makes the object say what the configuration says; names are kept unless they are no names or taken. */
  async #settle(gateway: NATGateway, object: IPAddress, address: PoolAddress, names: Names): Promise<GatewayAddress> {
    const { ports, shared } = address
    const entryName = names.settle(object.spec.entryName)
    const { spec } = object
    const same =
      spec.entryName === entryName &&
      spec.shared === shared &&
      spec.ports.first === ports.first &&
      spec.ports.last === ports.last
    if (!same) {
      const changed: IPAddress = { ...object, spec: { ...spec, entryName, ports, shared } }
      const written = await this.#cluster.store.update<IPAddress>(changed)
      this.#cluster.wrote(keyOf(gateway.metadata), IP_ADDRESS, object.metadata.name, written)
    }
    return gatewayAddress(gateway, address, entryName)
  }
}

function gatewayAddress(gateway: NATGateway, address: PoolAddress, entryName: string): GatewayAddress {
  return { ...address, entryName, capacity: sliceCapacity(address.ports, gateway.spec.portsPerNetworkInterface) }
}

/** @returns n of `ip<n>`, Infinity for what is no such name */
function entryNumber(name: string): number {
  const digits = /^ip([1-9][0-9]{0,8})$/.exec(name)?.[1]
  return digits === undefined ? Infinity : Number(digits)
}

function byEntryName(a: IPAddress, b: IPAddress): number {
  const [x, y] = [entryNumber(a.spec.entryName), entryNumber(b.spec.entryName)]
  return x < y || (x === y && a.spec.ip < b.spec.ip) ? -1 : 1
}

/** The names of a gateway's addresses: ip1, ip2, …; each keeps its own as long as it is there. */
class Names {
  /** Present on some object, perhaps on two. */
  readonly #present: ReadonlySet<string>
  readonly #taken = new Set<string>()

  constructor(present: readonly string[]) {
    this.#present = new Set(present)
  }

  settle(name: string): string {
    if (entryNumber(name) === Infinity || this.#taken.has(name)) return this.take()
    this.#taken.add(name)
    return name
  }

  /** @returns the wished name if it is free, else the lowest that is */
  take(wish?: string): string {
    const isFree = (name: string): boolean => !this.#taken.has(name) && !this.#present.has(name)
    let name = wish !== undefined && entryNumber(wish) < Infinity && isFree(wish) ? wish : undefined
    for (let n = 1; name === undefined; n++) if (isFree(`ip${n}`)) name = `ip${n}`
    this.#taken.add(name)
    return name
  }

  giveBack(name: string): void {
    this.#taken.delete(name)
  }
}
