import { CORE_API, FINALIZERS, keyOf } from '../api/index.ts'
import type { NATGateway, NATTable, NATTableSection, ObjectKey } from '../api/index.ts'
import type { IpPool } from '../allocation/ip-pool.ts'
import { addressOf, natTableName } from '../allocation/lookups.ts'
import { allocateSlices } from '../allocation/port-slices.ts'
import type { SliceAllocation, SliceOwner } from '../allocation/port-slices.ts'
import type { Clock } from './clock.ts'
import { timestamp } from './clock.ts'
import type { Cluster } from './cluster.ts'
import { wantingInterfaces } from './eligibility.ts'
import { addFinalizer, removeFinalizer } from './finalizers.ts'
import { AddressClaims } from './gateway-addresses.ts'
import type { GatewayAddress, RetiredAddress } from './gateway-addresses.ts'
import { idleStatus, obstacle, servingStatus } from './gateway-status.ts'
import type { Logger } from './log.ts'
import type { Finding } from './status.ts'
import { mergeConditions, writeStatus } from './status.ts'

/**
 * Gives every interface that a gateway is to serve its port slice: as many public addresses as that takes, one NATTable
 * for each.
 *
 * Conditions: `Ready` (Ready, or why not: NetworkNotFound, NoPublicIP, PoolExhausted, Conflicted, IPv6NotRealised) and
 * `Conflicted` (HeldByOther, NoConflict).
 */
export class NatGatewayReconciler {
  readonly #cluster: Cluster
  readonly #pool: IpPool
  readonly #claims: AddressClaims
  readonly #log: Logger
  readonly #clock: Clock
  /** Gateways that would take another address if there were one. */
  readonly #hungry = new Set<ObjectKey>()

  constructor(cluster: Cluster, pool: IpPool, log: Logger, clock: Clock) {
    this.#cluster = cluster
    this.#pool = pool
    this.#claims = new AddressClaims(cluster, pool)
    this.#log = log
    this.#clock = clock
  }

  get hungry(): ReadonlySet<ObjectKey> {
    return this.#hungry
  }

  async reconcile(key: ObjectKey): Promise<void> {
    const found = this.#cluster.store.get('NATGateway', key)
    if (found === undefined) {
      this.#hungry.delete(key)
      return
    }
    if (found.metadata.deletionTimestamp !== undefined) {
      await this.#giveUpEverything(found)
      return removeFinalizer(this.#cluster.store, found, FINALIZERS.natGateway)
    }
    const gateway = await addFinalizer(this.#cluster.store, found, FINALIZERS.natGateway)
    const stop = obstacle(this.#cluster, gateway)
    if (stop === undefined) return this.#serve(gateway)
    this.#hungry.delete(key)
    await this.#giveUpEverything(gateway)
    const waiting = stop.winner === undefined ? wantingInterfaces(this.#cluster, gateway).length : 0
    await this.#report(gateway, idleStatus(stop.ready, waiting, stop.winner))
  }

  async #serve(gateway: NATGateway): Promise<void> {
    const owners = wantingInterfaces(this.#cluster, gateway).map((networkInterface): SliceOwner => {
      const { uid, name, creationTimestamp } = networkInterface.metadata
      const ip = addressOf(networkInterface, gateway.spec.ipFamily) ?? ''
      return { uid, name, ip, createdAt: Date.parse(creationTimestamp) }
    })
    // Before the pool is looked at, so that no address that is freed meanwhile goes unnoticed.
    this.#hungry.add(keyOf(gateway.metadata))
    const { kept, retired, exhausted } = await this.#claims.secure(gateway, owners.length)
    if (!exhausted) this.#hungry.delete(keyOf(gateway.metadata))

    const tables = this.#cluster.tablesOf(gateway.metadata.uid)
    const allocation = allocateSlices({
      addresses: kept,
      portsPerSlice: gateway.spec.portsPerNetworkInterface,
      existing: tables.map(({ spec }) => spec),
      owners,
    })
    this.#logChanges(gateway, allocation, retired)
    for (const { ip } of retired) await this.#giveUp(gateway, ip)
    const surplus = surplusAddresses(kept, allocation, owners.length)
    const lasting = kept.filter((address) => !surplus.has(address.ip))
    await Promise.all(lasting.map((address) => this.#writeTable(gateway, address, allocation)))
    for (const ip of surplus) await this.#giveUp(gateway, ip)

    const used = owners.length - allocation.unserved.length
    await this.#report(gateway, servingStatus(gateway, lasting, used, allocation.unserved.length, this.#pool))
  }

  async #writeTable(gateway: NATGateway, address: GatewayAddress, allocation: SliceAllocation): Promise<void> {
    const { store } = this.#cluster
    const { namespace, uid, name: gatewayName } = gateway.metadata
    const { ip, ports, shared } = address
    const sections = allocation.tables.find((table) => table.ip === ip)?.sections ?? []
    const name = natTableName(uid, ip)
    const key = `${namespace}/${name}`
    const spec: NATTable['spec'] = {
      gatewayRef: { name: gatewayName, uid },
      ip,
      ports,
      shared,
      portsPerSlice: gateway.spec.portsPerNetworkInterface,
      sections,
    }
    const present = store.get('NATTable', key)
    if (present !== undefined && sameTable(present.spec, spec)) return
    const metadata = { name, ...(namespace === undefined ? {} : { namespace }) }
    const written =
      present === undefined
        ? await store.create<'NATTable'>({ apiVersion: CORE_API, kind: 'NATTable', metadata, spec })
        : await store.update<'NATTable'>({ ...present, spec })
    this.#cluster.wrote(keyOf(gateway.metadata), 'NATTable', key, written)
  }

  async #giveUpEverything(gateway: NATGateway): Promise<void> {
    const { uid } = gateway.metadata
    const ips = [...this.#cluster.tablesOf(uid), ...this.#cluster.addressesOf(uid)].map(({ spec }) => spec.ip)
    for (const ip of new Set(ips)) await this.#giveUp(gateway, ip)
  }

  /** The tables first: an address is free for others only once nobody owns a port of it. */
  async #giveUp(gateway: NATGateway, ip: string): Promise<void> {
    for (const { metadata, spec } of this.#cluster.tablesOf(gateway.metadata.uid)) {
      if (spec.ip !== ip) continue
      await this.#cluster.store.delete('NATTable', keyOf(metadata), { uid: metadata.uid })
      this.#cluster.wrote(keyOf(gateway.metadata), 'NATTable', keyOf(metadata), undefined)
    }
    await this.#claims.release(gateway, ip)
  }

  async #report(
    gateway: NATGateway,
    { status, findings }: { status: Omit<NonNullable<NATGateway['status']>, 'conditions'>; findings: Finding[] },
  ): Promise<void> {
    const now = timestamp(this.#clock)
    const written = await writeStatus(this.#cluster.store, gateway, ({ status: present, metadata }) => ({
      ...present,
      ...status,
      conditions: mergeConditions(present?.conditions, findings, metadata.generation, now),
    }))
    const key = keyOf(gateway.metadata)
    if (written !== undefined) this.#cluster.wrote(key, 'NATGateway', key, written)
  }

  #logChanges(gateway: NATGateway, allocation: SliceAllocation, retired: readonly RetiredAddress[]): void {
    const name = `NATGateway ${keyOf(gateway.metadata)}`
    for (const { ip, reason } of retired) {
      const fields = { gateway: keyOf(gateway.metadata), ip, reason }
      this.#log.warn(fields, `${name} gives up public address ${ip} (${reason}); its slices are dealt anew`)
    }
    for (const { ip, section, problem } of allocation.damage) {
      const { name: owner } = section.targetRef
      const fields = {
        gateway: keyOf(gateway.metadata),
        ip,
        port: section.port,
        endPort: section.endPort,
        owner,
        problem,
      }
      this.#log.warn(
        fields,
        `${name}: slice ${ip}:${section.port}-${section.endPort} of ${owner} is damaged (${problem}); repaired`,
      )
    }
    if (allocation.displaced.length > 0) {
      const fields = { gateway: keyOf(gateway.metadata), interfaces: allocation.displaced.length }
      this.#log.info(fields, `${name} deals ${allocation.displaced.length} slices anew: their size or address changed`)
    }
  }
}

/** Empty addresses that are not needed, the latest first; the first of all is kept so that the gateway keeps its face. */
function surplusAddresses(kept: readonly GatewayAddress[], allocation: SliceAllocation, wanted: number): Set<string> {
  const surplus = new Set<string>()
  let capacity = kept.reduce((sum, address) => sum + address.capacity, 0)
  for (const address of kept.slice(1).reverse()) {
    const isEmpty = allocation.tables.find(({ ip }) => ip === address.ip)?.sections.length === 0
    if (!isEmpty || capacity - address.capacity < wanted) continue
    surplus.add(address.ip)
    capacity -= address.capacity
  }
  return surplus
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
    a.sections.length === b.sections.length &&
    a.sections.every((section, index) => sameSection(section, b.sections[index]))
  )
}

function sameSection(a: NATTableSection, b: NATTableSection | undefined): boolean {
  if (a === b) return true
  return (
    a.ip === b?.ip &&
    a.port === b.port &&
    a.endPort === b.endPort &&
    a.targetRef.uid === b.targetRef.uid &&
    a.targetRef.name === b.targetRef.name
  )
}
