import type { SliceAddress } from '../../allocation/address-slots.ts'
import { addressOf, networkKeyOf } from '../../allocation/lookups.ts'
import type { SliceAllocation } from '../../allocation/port-slices.ts'
import { allocateSlices } from '../../allocation/port-slices.ts'
import type { SliceOwner } from '../../allocation/slice-owner.ts'
import type { NATGateway, NATTable, NetworkInterface, ObjectKey } from '../../api/index.ts'
import { keyOf, NETWORK } from '../../api/index.ts'
import type { Cluster } from '../view/cluster.ts'
import { wantingInterfaces, wantsSlice } from '../view/eligibility.ts'

/** What decides who wants a slice, apart from the interfaces themselves. */
interface Basis {
  gatewayUid: string
  generation: number
  /** The Network is there and has its ID. */
  networkAvailable: boolean
}

/** Who wants a slice of a gateway, and, once allocated, who has which. */
export class GatewayBook {
  readonly basis: Basis
  #owners: readonly SliceOwner[]
  #allocator: SliceAllocation['allocator'] | undefined
  /** What stands in the store if nobody else wrote there. */
  #tables: readonly NATTable[] = []

  constructor(basis: Basis, owners: readonly SliceOwner[]) {
    this.basis = basis
    this.#owners = owners
  }

  /** How many want a slice. */
  get wanted(): number {
    return this.#allocator?.wanted ?? this.#owners.length
  }

  /** @param owner undefined when it wants no slice */
  judged(uid: string, owner: SliceOwner | undefined): void {
    if (owner === undefined) this.#allocator?.unwant(uid)
    else this.#allocator?.want(owner)
  }

  /** Owners whose slices the next allocation takes away, since they are not among those that want one. */
  leaving(tables: readonly NATTable[]): { name: string; uid: string }[] {
    const allocator = this.#allocator
    if (allocator !== undefined && sameTables(tables, this.#tables)) return allocator.released
    const wanting = new Set((allocator?.owners ?? this.#owners).map(({ uid }) => uid))
    const owners = tables.flatMap(({ spec }) => spec.sections.map(({ targetRef }) => targetRef))
    return owners.filter(({ uid }) => !wanting.has(uid))
  }

  /**
   * Slices as `allocateSlices` would allocate them to these owners; worked out from what was allocated last wherever that comes
   * to the same.
   *
   * @param tables those the gateway has
   */
  deal(portsPerSlice: number, addresses: readonly SliceAddress[], tables: readonly NATTable[]): SliceAllocation {
    const allocator = this.#allocator
    if (allocator !== undefined && sameTables(tables, this.#tables) && allocator.allocate(addresses)) {
      return { allocator, displaced: [], damage: [] }
    }
    const owners = allocator?.owners ?? this.#owners
    const allocated = allocateSlices({ addresses, portsPerSlice, existing: tables.map(({ spec }) => spec), owners })
    this.#allocator = allocated.allocator
    this.#owners = []
    return allocated
  }

  /** What was allocated is what the gateway's tables say. */
  written(tables: readonly NATTable[]): void {
    this.#tables = tables
    this.#allocator?.settled(tables.map(({ spec }) => spec))
  }
}

/**
 * The books of all gateways between one run of their reconciler and the next. A book is opened by taking it out: if the run
 * fails or the process ends, the next one works everything out from what is in the store.
 */
export class GatewayBooks {
  readonly #cluster: Cluster
  readonly #books = new Map<ObjectKey, GatewayBook>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** Up to date in who wants a slice. */
  open(gateway: NATGateway): GatewayBook {
    const key = keyOf(gateway.metadata)
    const networkKey = networkKeyOf(gateway)
    const basis: Basis = {
      gatewayUid: gateway.metadata.uid,
      generation: gateway.metadata.generation,
      networkAvailable: this.#cluster.store.get(NETWORK, networkKey)?.spec.providerID !== undefined,
    }
    const owner = (each: NetworkInterface): SliceOwner => ownerOf(gateway, each)
    const book = this.#books.get(key)
    this.#books.delete(key)
    if (book === undefined || !sameBasis(book.basis, basis)) {
      this.#cluster.changes.follow(key, networkKey)
      return new GatewayBook(basis, wantingInterfaces(this.#cluster, gateway).map(owner))
    }
    for (const uid of this.#cluster.changes.take(key)) {
      const each = this.#cluster.interfaceOf(uid)
      book.judged(uid, each && wantsSlice(this.#cluster, gateway, each) ? owner(each) : undefined)
    }
    return book
  }

  /** Puts a book back whose deal is written. */
  close(gateway: NATGateway, book: GatewayBook, tables: readonly NATTable[]): void {
    book.written(tables)
    this.#books.set(keyOf(gateway.metadata), book)
  }

  /** For a gateway that serves nobody. */
  discard(key: ObjectKey): void {
    this.#books.delete(key)
    this.#cluster.changes.unfollow(key)
  }
}

function ownerOf(gateway: NATGateway, networkInterface: NetworkInterface): SliceOwner {
  const { uid, name, creationTimestamp } = networkInterface.metadata
  const ip = addressOf(networkInterface, gateway.spec.ipFamily) ?? ''
  return { uid, name, ip, createdAt: Date.parse(creationTimestamp) }
}

function sameBasis(a: Basis, b: Basis): boolean {
  return a.gatewayUid === b.gatewayUid && a.generation === b.generation && a.networkAvailable === b.networkAvailable
}

function sameTables(a: readonly NATTable[], b: readonly NATTable[]): boolean {
  const identity = ({ metadata }: NATTable): string => `${metadata.uid} ${metadata.resourceVersion}`
  const known = new Set(b.map(identity))
  return a.length === known.size && a.every((table) => known.has(identity(table)))
}
