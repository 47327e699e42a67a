import { CORE_API, keyOf } from '../api/index.ts'
import type { NATGateway, NATTable, NATTableSection } from '../api/index.ts'
import { sameSection } from '../allocation/address-slots.ts'
import { natTableName } from '../allocation/lookups.ts'
import type { SliceLedger } from '../allocation/slice-ledger.ts'
import type { Cluster } from './cluster.ts'
import type { GatewayAddress } from './gateway-addresses.ts'

/** Writes the NATTables of gateways: one for each public address. */
export class GatewayTables {
  readonly #cluster: Cluster

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /**
   * Makes the table of the address say what was dealt.
   *
   * @param seen tables as they were when slices were dealt: what has changed since then is compared in full
   * @returns the table as it is now
   */
  async write(
    gateway: NATGateway,
    address: GatewayAddress,
    ledger: SliceLedger,
    seen: readonly NATTable[],
  ): Promise<NATTable> {
    const { store } = this.#cluster
    const { namespace, uid, name: gatewayName } = gateway.metadata
    const { ip, ports, shared } = address
    const name = natTableName(uid, ip)
    const key = `${namespace}/${name}`
    const present = store.get('NATTable', key)
    const isSettled = present !== undefined && !ledger.isTouched(ip) && seen.includes(present)
    const sections = isSettled ? present.spec.sections : ledger.sectionsOf(ip)
    const spec: NATTable['spec'] = {
      gatewayRef: { name: gatewayName, uid },
      ip,
      ports,
      shared,
      portsPerSlice: gateway.spec.portsPerNetworkInterface,
      sections,
    }
    if (present !== undefined && sameTable(present.spec, spec)) return present
    const metadata = { name, ...(namespace === undefined ? {} : { namespace }) }
    const written =
      present === undefined
        ? await store.create<'NATTable'>({ apiVersion: CORE_API, kind: 'NATTable', metadata, spec })
        : await store.update<'NATTable'>({ ...present, spec })
    this.#cluster.wrote(keyOf(gateway.metadata), 'NATTable', key, written)
    return written
  }

  /** Deletes what tables the gateway has of the address. */
  async delete(gateway: NATGateway, ip: string): Promise<void> {
    for (const { metadata, spec } of this.#cluster.tablesOf(gateway.metadata.uid)) {
      if (spec.ip !== ip) continue
      await this.#cluster.store.delete('NATTable', keyOf(metadata), { uid: metadata.uid })
      this.#cluster.wrote(keyOf(gateway.metadata), 'NATTable', keyOf(metadata), undefined)
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
