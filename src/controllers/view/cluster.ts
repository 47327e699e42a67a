import { IP_ADDRESS, keyOf, NAT_GATEWAY, NAT_TABLE, NETWORK, NETWORK_ID, NETWORK_INTERFACE } from '../../api/index.ts'
import type {
  IPAddress,
  IPFamily,
  GroupKind,
  NATGateway,
  NATTable,
  Network,
  NetworkID,
  NetworkInterface,
  ObjectKey,
  Resource,
} from '../../api/index.ts'
import { comesBefore } from '../../allocation/holder.ts'
import type { Contender } from '../../allocation/holder.ts'
import { networkKeyOf } from '../../allocation/lookups.ts'
import type { ResourceStore } from '../../store/store.ts'
import { claimerKey, claimerOf } from './claims.ts'
import type { Claimer } from './claims.ts'
import { networksOf, sameSpec, whyNotServed } from './differences.ts'
import { Grouping } from './grouping.ts'
import { InterfaceChanges } from './interface-changes.ts'
import { InterfaceIndex } from './interface-index.ts'
import { SectionIndex } from './section-index.ts'

/** Where a change makes work. */
export interface Triggers {
  network(key: ObjectKey): void
  networkInterface(key: ObjectKey): void
  natGateway(key: ObjectKey): void
  /** Something is owned by it, or it is gone. */
  claimer(key: string): void
  /** A public address went back to the pool. */
  addressFreed(): void
}

/** Slices before interfaces: who has one keeps its address. */
const KINDS = [NAT_TABLE, NETWORK, NETWORK_ID, IP_ADDRESS, NAT_GATEWAY, NETWORK_INTERFACE] as const

/**
 * The store as controllers look at it: by Network, by owner, by address. Kept up to date one changed object at a time, so
 * that finding what belongs together costs what belongs together and no more; and each change is told to the queues of
 * those it may concern.
 */
export class Cluster {
  readonly store: ResourceStore
  readonly sections = new SectionIndex()
  /** Interfaces that gateways have to judge anew. */
  readonly changes = new InterfaceChanges()
  readonly #interfaces = new InterfaceIndex((uid) => this.sections.of(uid).length > 0)
  readonly #gateways = new Grouping()
  readonly #tables = new Grouping()
  readonly #addresses = new Grouping()
  readonly #networkIds = new Grouping()
  readonly #seen = new Map<GroupKind, Map<ObjectKey, Resource>>(
    KINDS.map((kind) => [kind, new Map<ObjectKey, Resource>()]),
  )
  readonly #triggers: Triggers
  readonly #wake: Triggers['natGateway']
  /** The gateway whose own write is being taken in. */
  #writer: ObjectKey | undefined
  #events = 0

  constructor(store: ResourceStore, triggers: Triggers) {
    this.store = store
    this.#wake = (key) => triggers.natGateway(key)
    this.#triggers = {
      ...triggers,
      natGateway: (key) => {
        if (key !== this.#writer) triggers.natGateway(key)
      },
    }
  }

  /** Takes in what is in the store and follows it. Nothing may be written before. @returns function that ends it */
  follow(): () => void {
    for (const kind of KINDS) for (const { metadata } of this.store.list(kind)) this.refresh(kind, keyOf(metadata))
    const ends = KINDS.map((kind) =>
      this.store.watch(kind, (event) => {
        this.#events++
        this.refresh(kind, event.key)
      }),
    )
    return () => {
      for (const end of ends) end()
    }
  }

  /** How many events have arrived. */
  get events(): number {
    return this.#events
  }

  /**
   * Takes in the object as the store has it now. Events only say what to look at, so the view never goes back in time;
   * a controller that depends on its own write calls this instead of waiting for the event.
   */
  refresh(kind: GroupKind, key: ObjectKey): void {
    const seen = this.#seen.get(kind)
    const old = seen?.get(key)
    const present: Resource | undefined = this.store.get(kind, key)
    if (old === present) return
    if (present === undefined) seen?.delete(key)
    else seen?.set(key, present)
    switch (kind) {
      case NETWORK:
        return this.#networkChanged(key, old as Network | undefined, present as Network | undefined)
      case NETWORK_INTERFACE:
        return this.#interfaceChanged(key, old as NetworkInterface | undefined, present as NetworkInterface | undefined)
      case NAT_GATEWAY:
        return this.#gatewayChanged(key, old as NATGateway | undefined, present as NATGateway | undefined)
      case IP_ADDRESS:
        return this.#addressChanged(key, old as IPAddress | undefined, present as IPAddress | undefined)
      case NETWORK_ID:
        return this.#networkIdChanged(key, old as NetworkID | undefined, present as NetworkID | undefined)
      case NAT_TABLE:
        return this.#tableChanged(key, old as NATTable | undefined, present as NATTable | undefined)
    }
  }

  /**
   * Takes in what a gateway's reconciler has written itself, without waking that gateway for it: looking at all its
   * interfaces once more would show nothing new.
   *
   * @param written what the write returned; undefined for a deletion
   */
  wrote(writer: ObjectKey, kind: GroupKind, key: ObjectKey, written: Resource | undefined): void {
    // What somebody else has changed since then is news.
    const isOurs = this.store.get(kind, key)?.metadata.resourceVersion === written?.metadata.resourceVersion
    this.#writer = isOurs ? writer : undefined
    this.refresh(kind, key)
    this.#writer = undefined
  }

  interfacesOf(networkKey: ObjectKey): Iterable<NetworkInterface> {
    return this.#interfaces.ofNetwork(networkKey)
  }

  /** By uid. */
  interfaceOf(uid: string): NetworkInterface | undefined {
    return this.#interfaces.withUid(uid)
  }

  gatewaysOf(networkKey: ObjectKey): NATGateway[] {
    return this.#present(NAT_GATEWAY, this.#gateways.members(networkKey))
  }

  tablesOf(gatewayUid: string): NATTable[] {
    return this.#present(NAT_TABLE, this.#tables.members(gatewayUid))
  }

  addressesOf(claimerUid: string): IPAddress[] {
    return this.#present(IP_ADDRESS, this.#addresses.members(claimerUid))
  }

  networkIdsOf(claimerUid: string): NetworkID[] {
    return this.#present(NETWORK_ID, this.#networkIds.members(claimerUid))
  }

  /** Which interface of the Network has the address, of those that want it. */
  addressHolder(networkInterface: NetworkInterface, address: string): NetworkInterface {
    return this.#interfaces.holderOf(networkInterface, address)
  }

  /** The gateway that serves a Network in a family, of those that want to: the one that does, else the oldest. */
  servingGateway(networkKey: ObjectKey, family: IPFamily): NATGateway | undefined {
    const rivals = this.gatewaysOf(networkKey).filter(({ spec }) => spec.ipFamily === family)
    if (rivals.length < 2) return rivals[0]
    let best: { gateway: NATGateway; contender: Contender } | undefined
    for (const gateway of rivals) {
      const contender = this.#contender(gateway)
      if (best === undefined || comesBefore(contender, best.contender)) best = { gateway, contender }
    }
    return best?.gateway
  }

  #contender({ metadata: { uid, creationTimestamp, name } }: NATGateway): Contender {
    const hasSlices = this.tablesOf(uid).some(({ spec }) => spec.sections.length > 0)
    const holds = hasSlices ? 2 : Number(this.#addresses.members(uid).size > 0)
    return { holds, createdAt: creationTimestamp, name }
  }

  #present<K extends GroupKind>(kind: K, keys: ReadonlySet<ObjectKey>) {
    return Array.from(keys).flatMap((key) => this.store.get(kind, key) ?? [])
  }

  #networkChanged(key: ObjectKey, old: Network | undefined, present: Network | undefined): void {
    this.#triggers.network(key)
    if (old !== undefined && old.metadata.uid !== present?.metadata.uid) this.#claimer(NETWORK, key, old)
    if (old?.metadata.uid === present?.metadata.uid && old?.spec.providerID === present?.spec.providerID) return
    for (const { metadata } of this.interfacesOf(key)) this.#triggers.networkInterface(keyOf(metadata))
    for (const each of this.#gateways.members(key)) this.#triggers.natGateway(each)
  }

  #interfaceChanged(key: ObjectKey, old: NetworkInterface | undefined, present: NetworkInterface | undefined): void {
    const affected = this.#interfaces.replace(old, present)
    this.#triggers.networkInterface(key)
    for (const { metadata } of affected) {
      this.#triggers.networkInterface(keyOf(metadata))
      this.#judgeAnew(metadata.uid)
    }
    if (sameSpec(old, present)) return
    for (const networkKey of networksOf(old, present)) {
      for (const each of [old, present]) if (each !== undefined) this.changes.mark(networkKey, each.metadata.uid)
      for (const each of this.#gateways.members(networkKey)) this.#triggers.natGateway(each)
      this.#released(networkKey)
    }
  }

  #gatewayChanged(key: ObjectKey, old: NATGateway | undefined, present: NATGateway | undefined): void {
    this.#gateways.put(key, present && networkKeyOf(present))
    this.#triggers.natGateway(key)
    if (old !== undefined && old.metadata.uid !== present?.metadata.uid) this.#claimer(NAT_GATEWAY, key, old)
    const same = sameSpec(old, present)
    if (same && whyNotServed(old) === whyNotServed(present)) return
    for (const networkKey of networksOf(old, present)) {
      for (const { metadata } of this.interfacesOf(networkKey)) {
        if (this.sections.of(metadata.uid).length === 0) this.#triggers.networkInterface(keyOf(metadata))
      }
      if (same) continue
      for (const each of this.#gateways.members(networkKey)) this.#triggers.natGateway(each)
      this.#released(networkKey)
    }
  }

  #addressChanged(key: ObjectKey, old: IPAddress | undefined, present: IPAddress | undefined): void {
    this.#addresses.put(key, present?.spec.claimRef.uid)
    if (old !== undefined && present === undefined) this.#triggers.addressFreed()
    this.#claimed(old, present)
  }

  #networkIdChanged(key: ObjectKey, old: NetworkID | undefined, present: NetworkID | undefined): void {
    this.#networkIds.put(key, present?.spec.claimRef.uid)
    this.#claimed(old, present)
  }

  #tableChanged(key: ObjectKey, old: NATTable | undefined, present: NATTable | undefined): void {
    this.#tables.put(key, present?.spec.gatewayRef.uid)
    const { owners, uids } = this.sections.replace(old, present)
    for (const uid of uids) this.#judgeAnew(uid)
    for (const table of [old, present]) {
      if (table === undefined) continue
      const { name, uid } = table.spec.gatewayRef
      const gateway: ObjectKey = `${table.metadata.namespace}/${name}`
      this.#triggers.natGateway(gateway)
      if (table === present) this.#triggers.claimer(claimerKey({ kind: NAT_GATEWAY, key: gateway, uid }))
    }
    // A slice in one gateway's table keeps every other gateway of the Network from serving its owner.
    const networks = new Set<ObjectKey>()
    for (const owner of owners) {
      this.#triggers.networkInterface(owner)
      const networkInterface = this.store.get(NETWORK_INTERFACE, owner)
      if (networkInterface !== undefined) networks.add(networkKeyOf(networkInterface))
    }
    for (const each of networks) for (const rival of this.#gateways.members(each)) this.#triggers.natGateway(rival)
  }

  /** A gateway knows to whom it gave a slice; who lost one while being deleted wants none any more, which is news to it. */
  #judgeAnew(uid: string): void {
    const networkInterface = this.interfaceOf(uid)
    if (networkInterface === undefined) return
    const lost = this.sections.of(uid).length === 0
    this.changes.mark(networkKeyOf(networkInterface), uid, lost ? undefined : this.#writer)
    const isLeaving = networkInterface.metadata.deletionTimestamp !== undefined
    if (lost && isLeaving && this.#writer !== undefined) this.#wake(this.#writer)
  }

  /** Rivals as well: of two gateways the one that has addresses serves. */
  #gatewayAndRivals(key: ObjectKey): void {
    this.#triggers.natGateway(key)
    const gateway = this.store.get(NAT_GATEWAY, key)
    if (gateway === undefined) return
    for (const each of this.#gateways.members(networkKeyOf(gateway))) this.#triggers.natGateway(each)
  }

  /** A Network that is being deleted goes when the last that refers to it is gone. */
  #released(networkKey: ObjectKey): void {
    if (this.store.get(NETWORK, networkKey)?.metadata.deletionTimestamp !== undefined) {
      this.#triggers.network(networkKey)
    }
  }

  #claimed(old: IPAddress | NetworkID | undefined, present: IPAddress | NetworkID | undefined): void {
    for (const object of [old, present]) {
      const claimer = object && claimerOf(object.spec.claimRef)
      if (claimer === undefined) continue
      if (claimer.kind === NETWORK) this.#triggers.network(claimer.key)
      else this.#gatewayAndRivals(claimer.key)
      if (object === present) this.#triggers.claimer(claimerKey(claimer))
    }
  }

  #claimer(kind: Claimer['kind'], key: ObjectKey, gone: Network | NATGateway): void {
    this.#triggers.claimer(claimerKey({ kind, key, uid: gone.metadata.uid }))
  }
}
