import { sameSection } from '../../allocation/address-slots.ts'
import { natTableName } from '../../allocation/lookups.ts'
import type { SliceAllocator } from '../../allocation/slice-allocator.ts'
import type { NATGateway, NATTable, NATTableSection, ObjectKey } from '../../api/index.ts'
import { CORE_API, keyOf, NAT_TABLE } from '../../api/index.ts'
import { isError } from '../../errors/errors.ts'
import type { NewObject } from '../../store/store.ts'
import { identityOf, trailing } from '../runtime/live.ts'
import type { Cluster } from '../view/cluster.ts'
import type { GatewayAddress } from './gateway-addresses.ts'

/** Writes the NATTables of gateways: one for each public address. */
export class GatewayTables {
  readonly #cluster: Cluster

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /**
   * Makes the tables of these addresses say what was dealt. New ones are written first: where one turns out to exist, the
   * others must not give its owners slices a second time.
   *
   * @param seen tables as they were when slices were dealt: one that was written since is a conflict
   * @returns the tables as they are now, in the order of the addresses
   * @throws ERR_CONFLICT
   */
  async writeAll(
    gateway: NATGateway,
    addresses: readonly GatewayAddress[],
    allocator: SliceAllocator,
    seen: readonly NATTable[],
  ): Promise<NATTable[]> {
    const known = new Set(seen.map(({ spec }) => spec.ip))
    const written = new Map<string, NATTable>()
    const write = async (address: GatewayAddress): Promise<void> => {
      written.set(address.ip, await this.#write(gateway, address, allocator, seen))
    }
    await Promise.all(addresses.filter(({ ip }) => !known.has(ip)).map(write))
    await Promise.all(addresses.filter(({ ip }) => known.has(ip)).map(write))
    return addresses.flatMap(({ ip }) => written.get(ip) ?? [])
  }

  /** @returns the table as it is now */
  async #write(
    gateway: NATGateway,
    address: GatewayAddress,
    allocator: SliceAllocator,
    seen: readonly NATTable[],
  ): Promise<NATTable> {
    const { namespace, uid, name: gatewayName } = gateway.metadata
    const { ip, ports, shared } = address
    const name = natTableName(uid, ip)
    const key = `${namespace}/${name}`
    const before = seen.find(({ metadata }) => metadata.name === name)
    const sections = before !== undefined && !allocator.isTouched(ip) ? before.spec.sections : allocator.sectionsOf(ip)
    const spec: NATTable['spec'] = {
      gatewayRef: { name: gatewayName, uid },
      ip,
      ports,
      shared,
      portsPerSlice: gateway.spec.portsPerNetworkInterface,
      sections,
    }
    if (before !== undefined && sameTable(before.spec, spec)) return before
    const metadata = { name, ...(namespace === undefined ? {} : { namespace }) }
    const written =
      before === undefined
        ? await this.#create({ apiVersion: CORE_API, kind: 'NATTable', metadata, spec }, key)
        : await this.#cluster.store.update<NATTable>({ ...before, spec })
    this.#cluster.wrote(keyOf(gateway.metadata), NAT_TABLE, key, written)
    return written
  }

  /** @throws ERR_CONFLICT when there is a table already: it may say what nobody has looked at */
  async #create(table: NewObject<NATTable>, key: ObjectKey): Promise<NATTable> {
    try {
      return await this.#cluster.store.create<NATTable>(table)
    } catch (error) {
      if (isError(error, 'ERR_ALREADY_EXISTS')) throw trailing(NAT_TABLE, key)
      throw error
    }
  }

  /** Deletes what tables the gateway has of the address, as they were looked at. */
  async delete(gateway: NATGateway, ip: string): Promise<void> {
    for (const { metadata, spec } of this.#cluster.tablesOf(gateway.metadata.uid)) {
      if (spec.ip !== ip) continue
      await this.#cluster.store.delete(NAT_TABLE, keyOf(metadata), identityOf(metadata))
      this.#cluster.wrote(keyOf(gateway.metadata), NAT_TABLE, keyOf(metadata), undefined)
    }
  }
}

function sameTable(a: NATTable['spec'], b: NATTable['spec']): boolean {
  return (
    a.gatewayRef.uid === b.gatewayRef.uid &&
    a.gatewayRef.name === b.gatewayRef.name &&
    a.ip === b.ip &&
    a.ports.first === b.ports.first &&
    a.ports.last === b.ports.last &&
    a.shared === b.shared &&
    a.portsPerSlice === b.portsPerSlice &&
    sameSections(a.sections, b.sections)
  )
}

function sameSections(a: readonly NATTableSection[], b: readonly NATTableSection[]): boolean {
  return a === b || (a.length === b.length && a.every((section, index) => sameSection(section, b[index])))
}
