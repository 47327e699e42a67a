import type { NATTable, NATTableSection, Network, NetworkID, NetworkInterface, ObjectKey } from '../../api/index.ts'
import type { DesiredAddress } from '../../dataplane/model.ts'
import type { WatchEvent } from '../../store/store.ts'
import { isDeepStrictEqual } from 'node:util'
import { keyOf } from '../../api/index.ts'
import { parseIpv4, tryParseIpv4 } from '../../net/ipv4.ts'
import { MultiMap } from '../multi-map.ts'

/** The kinds the agent works from. */
export const AGENT_KINDS = ['Network', 'NetworkID', 'NetworkInterface', 'NATTable'] as const
export type AgentEvent = WatchEvent<(typeof AGENT_KINDS)[number]>

/** A port slice as a NATTable gives it to an interface. */
export type Claim = {
  /** Of the NetworkInterface: an object of the same name that came later has no right to it. */
  uid: string
  insideAddress: number
  publicAddress: number
  firstPort: number
  table: ObjectKey
}

export interface KnownInterface {
  object: NetworkInterface
  /** Key of its Network. */
  network: ObjectKey
  /** Its IPv4 addresses. What is no address is left out: to refuse it is for those who accept the object. */
  addresses: readonly number[]
}

/** The objects, indexed so that a change leads to the interfaces it concerns and to no others. */
export class ObjectIndex {
  readonly interfaces = new Map<ObjectKey, KnownInterface>()
  readonly #networks = new Map<ObjectKey, Network>()
  readonly #vniByUid = new Map<string, number>()
  readonly #networkByUid = new Map<string, ObjectKey>()
  readonly #interfacesOfNetwork = new MultiMap<ObjectKey, ObjectKey>()
  readonly #tables = new Map<ObjectKey, { object: NATTable; address: DesiredAddress }>()
  readonly #claims = new MultiMap<ObjectKey, Claim>()
  #dirty = new Set<ObjectKey>()

  /** @throws ERR_INVALID_FIELD for a NATTable of no IPv4 address; nothing has changed then */
  apply(event: AgentEvent): void {
    const { kind, object } = event
    const present = event.type !== 'deleted'
    if (kind === 'NetworkInterface') this.#applyInterface(event.key, object as NetworkInterface, present)
    else if (kind === 'NATTable') this.#applyTable(event.key, object as NATTable, present)
    else if (kind === 'Network') this.#applyNetwork(event.key, object as Network, present)
    else this.#applyNetworkId(object as NetworkID, present)
  }

  /** Interfaces a change concerned since the last call. */
  takeDirty(): Set<ObjectKey> {
    const dirty = this.#dirty
    this.#dirty = new Set()
    return dirty
  }

  markAll(): void {
    for (const key of this.interfaces.keys()) this.#dirty.add(key)
  }

  mark(keys: Iterable<ObjectKey>): void {
    for (const key of keys) this.#dirty.add(key)
  }

  /** @returns undefined while the Network does not exist or has no number */
  vniOf(network: ObjectKey): number | undefined {
    const uid = this.#networks.get(network)?.metadata.uid
    return uid === undefined ? undefined : this.#vniByUid.get(uid)
  }

  claimsOf(key: ObjectKey): readonly Claim[] {
    return this.#claims.get(key)
  }

  tableAddress(table: ObjectKey): DesiredAddress | undefined {
    return this.#tables.get(table)?.address
  }

  /** Texts of the public addresses that are NAT's alone. */
  natOnlyAddresses(): Set<string> {
    return new Set([...this.#tables.values()].flatMap(({ object }) => (object.spec.shared ? [] : [object.spec.ip])))
  }

  #applyInterface(key: ObjectKey, object: NetworkInterface, present: boolean): void {
    const old = this.interfaces.get(key)
    // A watch begins with what a listing has told already.
    if (present && old?.object === object) return
    this.#dirty.add(key)
    if (old !== undefined) this.#interfacesOfNetwork.delete(old.network, key)
    if (!present) {
      this.interfaces.delete(key)
      return
    }
    const known = { object, network: networkOf(object), addresses: ipv4AddressesOf(object) }
    this.interfaces.set(key, known)
    this.#interfacesOfNetwork.add(known.network, key)
  }

  #applyNetwork(key: ObjectKey, object: Network, present: boolean): void {
    if (present) this.#networks.set(key, object)
    else this.#networks.delete(key)
    if (present) this.#networkByUid.set(object.metadata.uid, key)
    else this.#networkByUid.delete(object.metadata.uid)
    this.mark(this.#interfacesOfNetwork.get(key))
  }

  #applyNetworkId(object: NetworkID, present: boolean): void {
    const { uid } = object.spec.claimRef
    if (present) this.#vniByUid.set(uid, Number(object.metadata.name))
    else this.#vniByUid.delete(uid)
    const network = this.#networkByUid.get(uid)
    if (network !== undefined) this.mark(this.#interfacesOfNetwork.get(network))
  }

  #applyTable(key: ObjectKey, object: NATTable, present: boolean): void {
    const old = this.#tables.get(key)
    if (present && old?.object === object) return
    const address = addressOf(object)
    if (present) this.#tables.set(key, { object, address })
    else this.#tables.delete(key)
    const geometryChanged = !present || old === undefined || !isDeepStrictEqual(old.address, address)
    const before = sectionsByOwner(old?.object)
    const after = sectionsByOwner(present ? object : undefined)
    for (const [owner, section] of before) {
      if (!geometryChanged && sameSection(section, after.get(owner))) continue
      const target = ownerKey(object, section)
      const inside = tryParseIpv4(section.ip)
      for (const claim of this.#claims.get(target)) {
        if (claim.table === key && claim.insideAddress === inside) this.#claims.delete(target, claim)
      }
      this.#dirty.add(target)
    }
    for (const [owner, section] of after) {
      if (!geometryChanged && sameSection(section, before.get(owner))) continue
      const target = ownerKey(object, section)
      const { uid } = section.targetRef
      const insideAddress = tryParseIpv4(section.ip)
      if (insideAddress === undefined) continue
      const claim = { uid, insideAddress, publicAddress: address.address, firstPort: section.port, table: key }
      this.#claims.add(target, claim)
      this.#dirty.add(target)
    }
  }
}

function networkOf(object: NetworkInterface): ObjectKey {
  return `${object.metadata.namespace}/${object.spec.networkRef.name}`
}

function ipv4AddressesOf({ spec }: NetworkInterface): number[] {
  return spec.ips.flatMap((ip, i) => (spec.ipFamilies[i] === 'IPv4' ? (tryParseIpv4(ip.value) ?? []) : []))
}

function ownerKey(table: NATTable, section: NATTableSection): ObjectKey {
  return keyOf({
    name: section.targetRef.name,
    ...(table.metadata.namespace ? { namespace: table.metadata.namespace } : {}),
  })
}

function sectionsByOwner(table: NATTable | undefined): Map<string, NATTableSection> {
  return new Map(table?.spec.sections.map((section) => [`${section.targetRef.uid}/${section.ip}`, section]) ?? [])
}

function sameSection(a: NATTableSection, b: NATTableSection | undefined): boolean {
  return a === b || (b !== undefined && a.port === b.port && a.endPort === b.endPort)
}

function addressOf({ spec }: NATTable): DesiredAddress {
  return {
    address: parseIpv4(spec.ip),
    firstPort: spec.ports.first,
    lastPort: spec.ports.last,
    sliceSize: spec.portsPerSlice,
    shared: spec.shared,
  }
}
