import type { IpPool } from '../../allocation/ip-pool.ts'
import type { SliceAllocation } from '../../allocation/port-slices.ts'
import type { SliceAllocator } from '../../allocation/slice-allocator.ts'
import type { ConditionUpdate, NATGateway, ObjectKey } from '../../api/index.ts'
import { FINALIZERS, keyOf, mergeConditions, NAT_GATEWAY } from '../../api/index.ts'
import type { Logger } from '../../log/logger.ts'
import type { Clock } from '../../time/clock.ts'
import { timestamp } from '../../time/clock.ts'
import { addFinalizer, removeFinalizer } from '../runtime/finalizers.ts'
import { writeStatus } from '../runtime/status.ts'
import type { Cluster } from '../view/cluster.ts'
import { wantingInterfaces } from '../view/eligibility.ts'
import type { Outlook } from '../view/outlook.ts'
import type { GatewayAddress, RetiredAddress } from './gateway-addresses.ts'
import { AddressClaims } from './gateway-addresses.ts'
import { GatewayBooks } from './gateway-books.ts'
import { GatewayLosses } from './gateway-losses.ts'
import { idleStatus, obstacle, servingStatus } from './gateway-status.ts'
import { GatewayTables } from './gateway-tables.ts'

/**
 * Gives every interface that a gateway is to serve its port slice: as many public addresses as that takes, one NATTable
 * for each.
 *
 * Conditions: `Ready` (Ready, or why not: NetworkNotFound, NoPublicIP, PoolExhausted, Conflicted, IPv6NotSupported, or the
 * problem of the host that keeps everybody from getting out), `Conflicted` (HeldByOther, NoConflict) and, once there was
 * one, `HostConflict` (the problem of one of its addresses, NoConflict).
 */
export class NatGatewayReconciler {
  readonly #cluster: Cluster
  readonly #pool: IpPool
  readonly #claims: AddressClaims
  readonly #tables: GatewayTables
  readonly #books: GatewayBooks
  readonly #losses: GatewayLosses
  readonly #outlook: Outlook
  readonly #log: Logger
  readonly #clock: Clock
  /** Gateways that would take another address if there were one. */
  readonly #hungry = new Set<ObjectKey>()

  constructor(cluster: Cluster, pool: IpPool, log: Logger, clock: Clock, outlook: Outlook) {
    this.#outlook = outlook
    this.#cluster = cluster
    this.#pool = pool
    this.#claims = new AddressClaims(cluster, pool)
    this.#tables = new GatewayTables(cluster)
    this.#books = new GatewayBooks(cluster)
    this.#losses = new GatewayLosses(cluster)
    this.#log = log
    this.#clock = clock
  }

  get hungry(): ReadonlySet<ObjectKey> {
    return this.#hungry
  }

  async reconcile(key: ObjectKey): Promise<void> {
    const found = this.#cluster.store.get(NAT_GATEWAY, key)
    if (found === undefined) {
      this.#hungry.delete(key)
      this.#books.discard(key)
      return
    }
    if (found.metadata.deletionTimestamp !== undefined) {
      this.#books.discard(key)
      await this.#giveUpEverything(found)
      await this.#losses.expectNothingOwned(found)
      return removeFinalizer(this.#cluster.store, found, FINALIZERS.natGateway)
    }
    const gateway = await addFinalizer(this.#cluster.store, found, FINALIZERS.natGateway)
    const stop = obstacle(this.#cluster, gateway)
    if (stop === undefined) return this.#serve(gateway)
    this.#hungry.delete(key)
    this.#books.discard(key)
    if (this.#owns(gateway)) await this.#losses.expectObstacle(gateway, stop.winner)
    await this.#giveUpEverything(gateway)
    const waiting = stop.winner === undefined ? wantingInterfaces(this.#cluster, gateway).length : 0
    await this.#report(gateway, idleStatus(stop.ready, waiting, stop.winner))
  }

  async #serve(gateway: NATGateway): Promise<void> {
    const book = this.#books.open(gateway)
    const { wanted } = book
    // Before the pool is looked at, so that no address that is freed meanwhile goes unnoticed.
    this.#hungry.add(keyOf(gateway.metadata))
    const { kept, retired, exhausted } = await this.#claims.secure(gateway, wanted)
    if (!exhausted) this.#hungry.delete(keyOf(gateway.metadata))

    const present = this.#cluster.tablesOf(gateway.metadata.uid)
    await this.#losses.expectLeaving(gateway, book.leaving(present))
    const deal = book.deal(gateway.spec.portsPerNetworkInterface, kept, present)
    if (deal.displaced.length + retired.length > 0) await this.#losses.expectCurrent(gateway)
    const { allocator } = deal
    this.#logChanges(gateway, deal, retired)
    for (const { ip } of retired) await this.#giveUp(gateway, ip)
    const surplus = surplusAddresses(kept, allocator)
    const lasting = kept.filter((address) => !surplus.has(address.ip))
    const tables = await this.#tables.writeAll(gateway, lasting, allocator, present)
    for (const ip of surplus) await this.#giveUp(gateway, ip)

    const waiting = allocator.pending.length
    await this.#report(gateway, servingStatus(gateway, lasting, wanted - waiting, waiting, this.#pool, this.#outlook))
    this.#books.close(gateway, book, tables)
  }

  #owns({ metadata: { uid } }: NATGateway): boolean {
    return this.#cluster.tablesOf(uid).length + this.#cluster.addressesOf(uid).length > 0
  }

  async #giveUpEverything(gateway: NATGateway): Promise<void> {
    const { uid } = gateway.metadata
    const ips = [...this.#cluster.tablesOf(uid), ...this.#cluster.addressesOf(uid)].map(({ spec }) => spec.ip)
    for (const ip of new Set(ips)) await this.#giveUp(gateway, ip)
  }

  /** The tables first: an address is free for others only once nobody owns a port of it. */
  async #giveUp(gateway: NATGateway, ip: string): Promise<void> {
    await this.#tables.delete(gateway, ip)
    await this.#claims.release(gateway, ip)
  }

  async #report(
    gateway: NATGateway,
    { status, updates }: { status: Omit<NonNullable<NATGateway['status']>, 'conditions'>; updates: ConditionUpdate[] },
  ): Promise<void> {
    const now = timestamp(this.#clock)
    const written = await writeStatus(this.#cluster.store, gateway, ({ status: present, metadata }) => ({
      ...present,
      ...status,
      conditions: mergeConditions(present?.conditions, updates, metadata.generation, now),
    }))
    const key = keyOf(gateway.metadata)
    if (written !== undefined) this.#cluster.wrote(key, NAT_GATEWAY, key, written)
  }

  #logChanges(gateway: NATGateway, deal: SliceAllocation, retired: readonly RetiredAddress[]): void {
    const name = `NATGateway ${keyOf(gateway.metadata)}`
    for (const { ip, reason } of retired) {
      const fields = { gateway: keyOf(gateway.metadata), ip, reason }
      this.#log.warn(fields, `${name} gives up public address ${ip} (${reason}); its slices are dealt anew`)
    }
    for (const { ip, section, problem } of deal.damage) {
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
    if (deal.displaced.length > 0) {
      const fields = { gateway: keyOf(gateway.metadata), interfaces: deal.displaced.length }
      this.#log.info(fields, `${name} deals ${deal.displaced.length} slices anew: their size or address changed`)
    }
  }
}

/** Empty addresses that are not needed, the latest first; the first of all is kept so that the gateway keeps its face. */
function surplusAddresses(kept: readonly GatewayAddress[], allocator: SliceAllocator): Set<string> {
  const surplus = new Set<string>()
  let capacity = kept.reduce((sum, address) => sum + address.capacity, 0)
  for (const address of kept.slice(1).reverse()) {
    if (!allocator.isEmpty(address.ip) || capacity - address.capacity < allocator.wanted) continue
    surplus.add(address.ip)
    capacity -= address.capacity
  }
  return surplus
}
