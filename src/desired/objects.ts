import { isDeepStrictEqual } from 'node:util'
import type { NATTable, NATTableSection, Network, NetworkID, NetworkInterface, ObjectKey } from '../api/index.ts'
import { boundMac, keyOf, NAT_TABLE, NETWORK, NETWORK_ID, NETWORK_INTERFACE } from '../api/index.ts'
import { changeOf } from '../dataplane/change.ts'
import type { DesiredAddress } from '../dataplane/desired-state.ts'
import type { Address } from '../net/address.ts'
import { parseAddress, requireSupported, tryParseAddress, unsupportedFamily } from '../net/address.ts'
import { sameMac } from '../net/mac.ts'
import type { WatchEvent } from '../store/store.ts'
import type { InterfaceRecord, KnownTable } from './record.ts'
import { emptyRecord } from './record.ts'

/** The kinds the agent works from. */
export const AGENT_KINDS = [NETWORK, NETWORK_ID, NETWORK_INTERFACE, NAT_TABLE] as const
export type AgentEvent = WatchEvent<(typeof AGENT_KINDS)[number]>

/** The objects, indexed so that a change leads to the interfaces it concerns and to no others. */
export class ObjectIndex {
  readonly #interfaces = new Map<ObjectKey, InterfaceRecord>()
  readonly #uidOfNetwork = new Map<ObjectKey, string>()
  readonly #vniByUid = new Map<string, number>()
  readonly #networkByUid = new Map<string, ObjectKey>()
  /** By the Network's key, which is the same string in all of its interfaces. */
  readonly #ofNetwork = new Map<ObjectKey, { key: ObjectKey; members: Set<InterfaceRecord> }>()
  readonly #tables = new Map<ObjectKey, KnownTable>()
  #dirty: InterfaceRecord[] = []
  #reported: ObjectKey[] = []

  /** @throws ERR_INVALID_FIELD for a NATTable of no supported address or a bound MAC that is none; nothing has changed then */
  apply(event: AgentEvent): void {
    const { kind, object } = event
    const present = event.type !== 'deleted'
    if (kind === NETWORK_INTERFACE) this.#applyInterface(event.key, object as NetworkInterface, present)
    else if (kind === NAT_TABLE) this.#applyTable(event.key, object as NATTable, present)
    else if (kind === NETWORK) this.#applyNetwork(event.key, object as Network, present)
    else this.#applyNetworkId(object as NetworkID, present)
  }

  /** Interfaces that a change concerned since the last call. A record without object and assignments is dropped here. */
  takeDirty(): readonly InterfaceRecord[] {
    const dirty = this.#dirty
    this.#dirty = []
    for (const record of dirty) {
      record.isDirty = false
      if (record.object === undefined && record.assignments.length === 0) this.#interfaces.delete(record.key)
    }
    return dirty
  }

  /** Interfaces of which only the status changed since the last call. */
  takeReported(): ObjectKey[] {
    return this.#reported.splice(0)
  }

  get(key: ObjectKey): InterfaceRecord | undefined {
    return this.#interfaces.get(key)
  }

  markAll(): void {
    this.mark(this.#interfaces.values())
  }

  mark(records: Iterable<InterfaceRecord>): void {
    for (const record of records) {
      if (record.isDirty) continue
      record.isDirty = true
      this.#dirty.push(record)
    }
  }

  /** @returns undefined while the Network does not exist or has no number */
  vniOf(network: ObjectKey): number | undefined {
    const uid = this.#uidOfNetwork.get(network)
    return uid === undefined ? undefined : this.#vniByUid.get(uid)
  }

  /** @returns the public addresses of NATTables, those that are there */
  tableAddresses(tables: Iterable<ObjectKey>): DesiredAddress[] {
    return Array.from(tables).flatMap((key) => this.#tables.get(key)?.address ?? [])
  }

  /** All public addresses of NATTables. */
  publicAddresses(): { address: Address; shared: boolean }[] {
    return Array.from(this.#tables.values(), ({ address: { address, shared } }) => ({ address, shared }))
  }

  /** The public addresses that are NAT's alone. */
  natOnlyAddresses(): Set<Address> {
    return new Set(this.publicAddresses().flatMap(({ address, shared }) => (shared ? [] : [address])))
  }

  #record(key: ObjectKey): InterfaceRecord {
    let record = this.#interfaces.get(key)
    if (record === undefined) this.#interfaces.set(key, (record = emptyRecord(key)))
    return record
  }

  #applyInterface(key: ObjectKey, object: NetworkInterface, present: boolean): void {
    const record = this.#record(key)
    // A watch begins with the objects of the listing, which are known.
    const { object: old } = record
    if (present && old === object) return
    const mac = present ? boundMac(object.metadata) : undefined
    const isSameMac =
      mac === undefined ? record.mac === undefined : record.mac !== undefined && sameMac(mac, record.mac)
    if (present && isSameMac && old?.spec === object.spec && old.metadata.uid === object.metadata.uid) {
      record.object = object
      this.#reported.push(key)
      return
    }
    const network = present ? networkOf(object) : ''
    if (network !== record.network) {
      this.#ofNetwork.get(record.network)?.members.delete(record)
      record.network = ''
      if (present) this.#join(network, record)
    }
    record.object = present ? object : undefined
    record.addresses = present ? supportedAddressesOf(object) : []
    record.mac = mac
    this.mark([record])
  }

  #join(key: ObjectKey, record: InterfaceRecord): void {
    let network = this.#ofNetwork.get(key)
    if (network === undefined) this.#ofNetwork.set(key, (network = { key, members: new Set() }))
    network.members.add(record)
    record.network = network.key
  }

  #applyNetwork(key: ObjectKey, { metadata: { uid } }: Network, present: boolean): void {
    const old = this.#uidOfNetwork.get(key)
    if (old === (present ? uid : undefined)) return
    if (old !== undefined) this.#networkByUid.delete(old)
    if (present) {
      this.#uidOfNetwork.set(key, uid)
      this.#networkByUid.set(uid, key)
    } else this.#uidOfNetwork.delete(key)
    this.mark(this.#ofNetwork.get(key)?.members ?? [])
  }

  #applyNetworkId(object: NetworkID, present: boolean): void {
    const { uid } = object.spec.claimRef
    const vni = present ? Number(object.metadata.name) : undefined
    if (this.#vniByUid.get(uid) === vni) return
    if (vni === undefined) this.#vniByUid.delete(uid)
    else this.#vniByUid.set(uid, vni)
    const network = this.#networkByUid.get(uid)
    if (network !== undefined) this.mark(this.#ofNetwork.get(network)?.members ?? [])
  }

  #applyTable(key: ObjectKey, object: NATTable, present: boolean): void {
    const old = this.#tables.get(key)
    if (present && old?.object === object) return
    const address = addressOf(object)
    const before = old?.object.spec.sections ?? []
    const after = present ? object.spec.sections : []
    const sameGeometry = present && old !== undefined && isDeepStrictEqual(old.address, address)
    const table = sameGeometry ? old : { key, keys: [key] as const, object, address }
    table.object = object
    if (present) this.#tables.set(key, table)
    else this.#tables.delete(key)
    const { removed, added } = sameGeometry ? changeOf(before, after) : { removed: before, added: after }
    for (const section of removed) {
      const record = this.#record(ownerKey(object, section))
      record.assignments = record.assignments.filter((assignment) => assignment.section !== section)
      this.mark([record])
    }
    for (const section of added) {
      const insideAddress = tryParseSupported(section.ip)
      if (insideAddress === undefined) continue
      const record = this.#record(ownerKey(object, section))
      const assignment = { table, section, insideAddress }
      record.assignments = record.assignments.length === 0 ? [assignment] : [...record.assignments, assignment]
      this.mark([record])
    }
  }
}

function networkOf(object: NetworkInterface): ObjectKey {
  return `${object.metadata.namespace}/${object.spec.networkRef.name}`
}

function supportedAddressesOf({ spec: { ips } }: NetworkInterface): Address[] {
  return ips.flatMap(({ value }) => tryParseSupported(value) ?? [])
}

function tryParseSupported(text: string): Address | undefined {
  const address = tryParseAddress(text)
  return address === undefined || unsupportedFamily(address) !== undefined ? undefined : address
}

function ownerKey({ metadata: { namespace } }: NATTable, { targetRef: { name } }: NATTableSection): ObjectKey {
  return keyOf(namespace === undefined ? { name } : { name, namespace })
}

function addressOf({ spec }: NATTable): DesiredAddress {
  return {
    address: requireSupported(parseAddress(spec.ip)),
    firstPort: spec.ports.first,
    lastPort: spec.ports.last,
    sliceSize: spec.portsPerSlice,
    shared: spec.shared,
  }
}
