import { NetlinkSocket } from '../native/load-native.ts'
import type { InterfaceAddress, Link, Neighbour, NeighbourKey, Route } from './network-objects.ts'
import { isDeepStrictEqual } from 'node:util'
import { RTM_DELADDR, RTM_NEWADDR } from './addresses.ts'
import { RTM_DELLINK, RTM_NEWLINK } from './links.ts'
import { messagesOf } from './message.ts'
import { neighbourKey } from './network-objects.ts'
import { NUD_FAILED, RTM_DELNEIGH, RTM_NEWNEIGH, readNeighbour } from './neighbours.ts'
import { RTM_DELROUTE, RTM_NEWROUTE } from './routes.ts'
import { GROUPS, Rtnetlink } from './rtnetlink.ts'
import { sameMac } from '../net/mac.ts'

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

/** Follows the kernel's tables: a listing, then the kernel's own notifications; after an overrun a listing again. */
export class HostNetwork {
  readonly rtnetlink: Rtnetlink
  readonly #socket: NetlinkSocket
  readonly #handlers: HostNetworkHandlers
  readonly #neighbours = new Map<NeighbourKey, Neighbour>()
  readonly #changedNeighbours = new Set<NeighbourKey>()
  #links: ReadonlyMap<number, Link> = new Map()
  #addresses: readonly InterfaceAddress[] = []
  #routes: readonly Route[] = []
  #stale = false
  #overrun = false
  #timer: NodeJS.Timeout | undefined
  #listingMs = 0
  /** Listings that failed in a row. */
  #failures = 0

  /** Subscribes before it lists, so that no change is lost in between. @throws ERR_NETLINK */
  constructor(handlers: HostNetworkHandlers) {
    this.#handlers = handlers
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
    this.#list()
    this.#listNeighbours()
    this.#changedNeighbours.clear()
  }

  snapshot(): HostSnapshot {
    return { links: this.#links, addresses: this.#addresses, routes: this.#routes, neighbours: this.#neighbours }
  }

  /** Lists everything again and reports what differed, in case a notification was lost unnoticed. */
  refresh(): void {
    this.#overrun = true
    this.#flush()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#socket.close()
  }

  #read(datagram: Uint8Array): void {
    for (const message of messagesOf(datagram)) {
      switch (message.type) {
        case RTM_NEWNEIGH:
        case RTM_DELNEIGH: {
          const neighbour = readNeighbour(message.body)
          if (neighbour !== undefined) this.#setNeighbour(neighbour, message.type === RTM_NEWNEIGH)
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
    this.#timer ??= setTimeout(() => {
      this.#flush()
    }, this.#pause())
  }

  #pause(): number {
    if (this.#failures > 0) return Math.min(FIRST_RETRY_MS * 2 ** (this.#failures - 1), LONGEST_RETRY_MS)
    return this.#stale ? Math.max(DEBOUNCE_MS, this.#listingMs / LISTING_SHARE) : DEBOUNCE_MS
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const before = this.snapshot()
    try {
      if (this.#stale || this.#overrun) this.#list()
      if (this.#overrun) this.#listNeighbours()
      this.#stale = this.#overrun = false
      if (this.#failures > 0) this.#handlers.onRecovery()
      this.#failures = 0
    } catch (error) {
      this.#handlers.onFailure(error, ++this.#failures)
      this.#schedule()
    }
    const change = {
      links: before.links !== this.#links,
      addresses: before.addresses !== this.#addresses,
      routes: before.routes !== this.#routes,
      neighbours: new Set(this.#changedNeighbours),
    }
    this.#changedNeighbours.clear()
    if (change.links || change.addresses || change.routes || change.neighbours.size > 0) this.#handlers.onChange(change)
  }

  #list(): void {
    const begin = performance.now()
    const links = new Map(this.rtnetlink.links().map((link) => [link.ifindex, link]))
    const addresses = this.rtnetlink.addresses()
    const routes = this.rtnetlink.routes()
    if (!isDeepStrictEqual(links, this.#links)) this.#links = links
    if (!isDeepStrictEqual(addresses, this.#addresses)) this.#addresses = addresses
    if (!isDeepStrictEqual(routes, this.#routes)) this.#routes = routes
    this.#listingMs = performance.now() - begin
  }

  #listNeighbours(): void {
    const listed = new Set<NeighbourKey>()
    for (const neighbour of this.rtnetlink.neighbours()) {
      listed.add(neighbourKey(neighbour.ifindex, neighbour.address))
      this.#setNeighbour(neighbour, true)
    }
    for (const [key, neighbour] of this.#neighbours) if (!listed.has(key)) this.#setNeighbour(neighbour, false)
  }
}

/** Whether the entries differ in nothing that is used: REACHABLE, STALE, DELAY and PROBE are one state here. */
function sameForUs(a: Neighbour | undefined, b: Neighbour): boolean {
  if (a === undefined) return false
  const failed = (neighbour: Neighbour): boolean => (neighbour.state & NUD_FAILED) !== 0
  return a.mac === b.mac && failed(a) === failed(b) && a.managed === b.managed && a.fixed === b.fixed
}
