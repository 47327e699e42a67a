import { isDeepStrictEqual } from 'node:util'
import { NetlinkSocket } from '../native/load-native.ts'
import { sameMac } from '../net/mac.ts'
import { RTM_DELADDR, RTM_NEWADDR } from './addresses.ts'
import { inSlices } from './in-slices.ts'
import { RTM_DELLINK, RTM_NEWLINK } from './links.ts'
import { messagesOf } from './message.ts'
import { NUD_FAILED, readNeighbour, RTM_DELNEIGH, RTM_NEWNEIGH } from './neighbours.ts'
import type { InterfaceAddress, Link, Neighbour, NeighbourKey, Route } from './network-objects.ts'
import { neighbourKey } from './network-objects.ts'
import { RTM_DELROUTE, RTM_NEWROUTE } from './routes.ts'
import type { Table } from './rtnetlink.ts'
import { ADDRESSES, GROUPS, LINKS, NEIGHBOURS, ROUTES, Rtnetlink } from './rtnetlink.ts'

/**
 * The network of the namespace the process runs in. Links, addresses and routes are replaced as a whole when they
 * change, so identity says whether they did; neighbours are many and change often: that map is live.
 */
export interface HostSnapshot {
  /** By ifindex. */
  readonly links: ReadonlyMap<number, Link>
  readonly addresses: readonly InterfaceAddress[]
  readonly routes: readonly Route[]
  /** By neighbourKey. */
  readonly neighbours: ReadonlyMap<NeighbourKey, Neighbour>
}

/** What changed since the last report; neighbours by key. */
export interface HostChange {
  links: boolean
  addresses: boolean
  routes: boolean
  neighbours: ReadonlySet<NeighbourKey>
}

/** Changes within this time, as of one `ip` command, are reported together. */
const DEBOUNCE_MS = 5
/** Listing routes may take at most this share of the time, however fast they change. */
const LISTING_SHARE = 0.1

/** After a listing that failed: the first pause, doubled with each further failure up to the last. */
const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 30_000

export interface HostNetworkHandlers {
  onChange: (change: HostChange) => void
  /** The kernel's tables could not be listed; tried again by itself. @param count how often in a row */
  onFailure: (error: unknown, count: number) => void
  /** They could be listed again. */
  onRecovery: () => void
}

/**
 * Follows the kernel's tables: a listing, then the kernel's own notifications; after an overrun a listing again. However
 * large the tables are, the event loop turns while they are listed.
 */
export class HostNetwork {
  readonly rtnetlink: Rtnetlink
  readonly #socket: NetlinkSocket
  readonly #neighbours = new Map<NeighbourKey, Neighbour>()
  readonly #changedNeighbours = new Set<NeighbourKey>()
  #handlers: HostNetworkHandlers | undefined
  #links: ReadonlyMap<number, Link> = new Map()
  #addresses: readonly InterfaceAddress[] = []
  #routes: readonly Route[] = []
  /** What was reported last. */
  #reported: Omit<HostSnapshot, 'neighbours'>
  /** Neighbours of notifications that came during a listing: those are newer than what is listed. */
  #newerNeighbours: Set<NeighbourKey> | undefined
  #stale = true
  #overrun = true
  #timer: NodeJS.Timeout | undefined
  #flushed: Promise<void> = Promise.resolve()
  #listingMs = 0
  /** Listings that failed in a row. */
  #failures = 0
  #closed = false

  /**
   * Subscribes before it lists, so that no change is lost in between.
   * @returns once everything is listed. @throws ERR_NETLINK
   */
  static async open(): Promise<HostNetwork> {
    const network = new HostNetwork()
    try {
      const listed = network.#listWhatIsDue()
      network.#flushed = listed.catch(() => undefined)
      await listed
      return network
    } catch (error) {
      network.close()
      throw error
    }
  }

  private constructor() {
    this.#socket = new NetlinkSocket(
      GROUPS,
      (datagram) => {
        this.#read(datagram)
      },
      () => {
        this.#overrun = true
        this.#schedule()
      },
    )
    this.rtnetlink = new Rtnetlink(this.#socket)
    this.#reported = this.snapshot()
  }

  /** Reports what changes from now on; the handlers begin with the present snapshot. */
  follow(handlers: HostNetworkHandlers): void {
    this.#reported = this.snapshot()
    this.#changedNeighbours.clear()
    this.#handlers = handlers
  }

  snapshot(): HostSnapshot {
    return { links: this.#links, addresses: this.#addresses, routes: this.#routes, neighbours: this.#neighbours }
  }

  /** Lists everything again and reports what differed, in case a notification was lost unnoticed; a failure too. */
  refresh(): Promise<void> {
    this.#overrun = true
    return this.#flush()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#socket.close()
  }

  #read(datagram: Uint8Array): void {
    for (const message of messagesOf(datagram)) {
      switch (message.type) {
        case RTM_NEWNEIGH:
        case RTM_DELNEIGH: {
          const neighbour = readNeighbour(message.body)
          if (neighbour === undefined) break
          this.#newerNeighbours?.add(neighbourKey(neighbour.ifindex, neighbour.address))
          this.#setNeighbour(neighbour, message.type === RTM_NEWNEIGH)
          break
        }
        // The kernel removes routes without a notification when a device goes down or an address is removed.
        case RTM_NEWLINK:
        case RTM_DELLINK:
        case RTM_NEWADDR:
        case RTM_DELADDR:
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
          this.#stale = true
      }
    }
    if (this.#stale || this.#changedNeighbours.size > 0) this.#schedule()
  }

  #setNeighbour(neighbour: Neighbour, present: boolean): void {
    const key = neighbourKey(neighbour.ifindex, neighbour.address)
    const old = this.#neighbours.get(key)
    if (!present) {
      if (this.#neighbours.delete(key)) this.#changedNeighbours.add(key)
      return
    }
    if (old?.mac && neighbour.mac && sameMac(old.mac, neighbour.mac)) neighbour.mac = old.mac
    this.#neighbours.set(key, neighbour)
    if (!sameForUs(old, neighbour)) this.#changedNeighbours.add(key)
  }

  #schedule(): void {
    if (this.#closed) return
    this.#timer ??= setTimeout(() => void this.#flush(), this.#pause())
  }

  #pause(): number {
    if (this.#failures > 0) return Math.min(FIRST_RETRY_MS * 2 ** (this.#failures - 1), LONGEST_RETRY_MS)
    return this.#stale ? Math.max(DEBOUNCE_MS, this.#listingMs / LISTING_SHARE) : DEBOUNCE_MS
  }

  /** One at a time. A caller during a flush gets the next one, since the present one may have listed before the change. */
  #flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#flushed = this.#flushed.then(() => this.#listAndReport())
    return this.#flushed
  }

  async #listAndReport(): Promise<void> {
    try {
      await this.#listWhatIsDue()
      if (this.#closed) return
      if (this.#failures > 0) this.#handlers?.onRecovery()
      this.#failures = 0
    } catch (error) {
      if (this.#closed) return
      this.#handlers?.onFailure(error, ++this.#failures)
      this.#schedule()
    }
    this.#report()
  }

  #report(): void {
    if (this.#handlers === undefined) return
    const change = {
      links: this.#reported.links !== this.#links,
      addresses: this.#reported.addresses !== this.#addresses,
      routes: this.#reported.routes !== this.#routes,
      neighbours: new Set(this.#changedNeighbours),
    }
    this.#reported = this.snapshot()
    this.#changedNeighbours.clear()
    if (change.links || change.addresses || change.routes || change.neighbours.size > 0) this.#handlers.onChange(change)
  }

  /** What changes during a listing is due again after it. */
  async #listWhatIsDue(): Promise<void> {
    const overrun = this.#overrun
    const stale = this.#stale || overrun
    this.#stale = this.#overrun = false
    try {
      if (stale) await this.#list()
      if (overrun) await this.#listNeighbours()
    } catch (error) {
      this.#stale ||= stale
      this.#overrun ||= overrun
      throw error
    }
  }

  async #list(): Promise<void> {
    const begin = performance.now()
    const before = [...this.#links.values()]
    const links = await this.#dump(LINKS, before)
    if (links !== before) this.#links = new Map(links.map((link) => [link.ifindex, link]))
    this.#addresses = await this.#dump(ADDRESSES, this.#addresses)
    this.#routes = await this.#dump(ROUTES, this.#routes)
    this.#listingMs = performance.now() - begin
  }

  /** @returns `before` itself where nothing changed */
  async #dump<T>(table: Table<T>, before: readonly T[]): Promise<readonly T[]> {
    const after: T[] = []
    let same = true
    await this.rtnetlink.dump(table, (item) => {
      same &&= isDeepStrictEqual(item, before[after.length])
      after.push(item)
    })
    return same && after.length === before.length ? before : after
  }

  async #listNeighbours(): Promise<void> {
    const listed = new Set<NeighbourKey>()
    const newer = (this.#newerNeighbours = new Set<NeighbourKey>())
    try {
      await this.rtnetlink.dump(NEIGHBOURS, (neighbour) => {
        const key = neighbourKey(neighbour.ifindex, neighbour.address)
        listed.add(key)
        if (!newer.has(key)) this.#setNeighbour(neighbour, true)
      })
      await inSlices([...this.#neighbours], ([key, neighbour]) => {
        if (!listed.has(key) && !newer.has(key)) this.#setNeighbour(neighbour, false)
      })
    } finally {
      this.#newerNeighbours = undefined
    }
  }
}

/** Whether the entries differ in nothing that is used: REACHABLE, STALE, DELAY and PROBE are one state here. */
function sameForUs(a: Neighbour | undefined, b: Neighbour): boolean {
  if (a === undefined) return false
  const failed = (neighbour: Neighbour): boolean => (neighbour.state & NUD_FAILED) !== 0
  return a.mac === b.mac && failed(a) === failed(b) && a.managed === b.managed && a.fixed === b.fixed
}
