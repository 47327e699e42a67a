import { MAX_ON_LINK_NEIGHBOURS } from '../desired/uplink.ts'
import { messageOf } from '../errors/errors.ts'
import { NEIGHBOUR_PROTOCOL } from '../host/neighbours.ts'
import type { Neighbour, NeighbourKey } from '../host/network-objects.ts'
import { neighbourKey, neighbourOfKey } from '../host/network-objects.ts'
import type { Logger } from '../log/logger.ts'
import type { Address } from '../net/address.ts'
import { FairShare } from './fair-share.ts'

// Traffic through XDP never tells the kernel that a neighbour is alive: its entry would grow stale, be collected, or go on
// naming a machine that has long been replaced. So the kernel is asked to keep each neighbour that we send to resolved by
// itself (NTF_EXT_MANAGED, Linux 5.16), or, where it cannot, is asked to probe it again and again.

const FIRST_RETRY_MS = 1_000
/** A gateway holds up all traffic, an inside neighbour that of one machine. */
const LONGEST_RETRY_MS = { uplink: 5_000, inside: 30_000 }
const REPROBE_MS = 15_000
/** A next hop that has not answered for so long is reported as a problem. */
const SILENT_MS = 5_000
/** A destination that never answered is dropped after so long without traffic to it. */
const UNRESOLVED_IDLE_MS = 60_000
/** No requests for so long after the kernel's neighbour table was full. */
const FULL_PAUSE_MS = 10_000
/** Unanswered destinations remembered at once: a scan of the uplink's subnet shall not fill the kernel's table. */
const MAX_UNRESOLVED = 256
/** Neighbours on link that are next hops because traffic asked for them; uplink.ts has room for as many. */
const MAX_ASKED_FOR = MAX_ON_LINK_NEIGHBOURS
/** Requests of one tick. */
const REQUESTS_PER_TICK = 2_000

interface Kept {
  /** Which sides want it. */
  inside: boolean
  uplink: boolean
  /** When traffic last needed it while it was not resolved. */
  unresolvedSince?: number
  /** Requests since it last was resolved. */
  attempts: number
  /** When the first of these was. */
  askedAt?: number
}

export interface NeighbourResolverOptions {
  /** See resolveNeighbour. @throws when the kernel refuses */
  resolve: (ifindex: number, address: Address, keep: boolean) => void
  neighbours: () => ReadonlyMap<NeighbourKey, Neighbour>
  /** Milliseconds, monotonic. */
  now: () => number
  log: Logger
}

/** Decides which neighbours the kernel is asked to resolve, and when again. */
export class NeighbourResolver {
  readonly #options: NeighbourResolverOptions
  readonly #kept = new Map<NeighbourKey, Kept>()
  /** When to look at a neighbour again; those that the kernel keeps by itself are not in here. */
  readonly #due = new Map<NeighbourKey, number>()
  #uplink: readonly NeighbourKey[] = []
  /** Keys that traffic asked for, with the slice that was first: unanswered ones, and all that are next hops or may be. */
  readonly #unresolved = new FairShare<NeighbourKey>(MAX_UNRESOLVED)
  readonly #askedFor = new FairShare<NeighbourKey>(MAX_ASKED_FOR)
  #pausedUntil = 0
  /** Keys that the kernel last refused because its table is full. */
  readonly #refusedAsFull = new Set<NeighbourKey>()

  constructor(options: NeighbourResolverOptions) {
    this.#options = options
  }

  /** Neighbours wanted or no longer wanted towards private machines, by key. */
  setInside(added: readonly NeighbourKey[], removed: readonly NeighbourKey[]): void {
    for (const key of removed) this.#change(key, { inside: false })
    for (const key of added) this.#change(key, { inside: true })
  }

  /** Next hops on the uplink, by key; replaces those of the last call. */
  setUplink(keys: readonly NeighbourKey[]): void {
    if (keys === this.#uplink) return
    const present = new Set(keys)
    for (const key of this.#uplink) if (!present.has(key)) this.#change(key, { uplink: false })
    for (const key of keys) this.#change(key, { uplink: true })
    this.#uplink = keys
    for (const key of this.#askedFor.places()) {
      if (!present.has(key) && !this.#unresolved.has(key)) this.#askedFor.release(key)
    }
  }

  /**
   * Traffic to a destination on link could not be sent because it is not resolved.
   * @param slice whose traffic; each may have so many asked for as it leaves to others
   * @returns whether it is asked for from now on, and was not before
   */
  reportUnresolved(ifindex: number, address: Address, slice: number): boolean {
    const key = neighbourKey(ifindex, address)
    const isNew = this.#kept.get(key)?.unresolvedSince === undefined
    if (isNew && !(this.#askedFor.take(key, slice) && this.#unresolved.take(key, slice))) {
      if (!this.#uplink.includes(key)) this.#askedFor.release(key)
      return false
    }
    this.#change(key, { unresolvedSince: this.#options.now() })
    return isNew
  }

  /** To be called with the keys of neighbours whose entry changed. */
  changed(keys: Iterable<NeighbourKey>): void {
    const now = this.#options.now()
    for (const key of keys) {
      const kept = this.#kept.get(key)
      if (kept === undefined) continue
      // A neighbour that was resolved is refreshed at once; one that does not answer keeps its back-off.
      const resolved = this.#options.neighbours().get(key)?.mac !== undefined
      if (resolved || kept.attempts === 0) this.#due.set(key, now)
    }
  }

  /** Releases neighbours that an earlier run asked the kernel to keep and that are not wanted now. */
  releaseLeftovers(): void {
    for (const [key, neighbour] of this.#options.neighbours()) {
      if (neighbour.managed && neighbour.protocol === NEIGHBOUR_PROTOCOL && !this.#kept.has(key)) this.#release(key)
    }
  }

  /** A neighbour is not resolved because the kernel's table has no room for it. */
  get isTableFull(): boolean {
    return this.#refusedAsFull.size > 0
  }

  /** Next hops on the uplink, by key, that have been asked for and have not answered for some seconds. */
  silent(): NeighbourKey[] {
    const { neighbours, now } = this.#options
    return this.#uplink.filter((key) => {
      const askedAt = this.#kept.get(key)?.askedAt
      return askedAt !== undefined && now() - askedAt >= SILENT_MS && neighbours().get(key)?.mac === undefined
    })
  }

  /** Refreshes what is due. To be called about once a second, and after changes. */
  tick(): void {
    const now = this.#options.now()
    if (now < this.#pausedUntil) return
    let requests = 0
    for (const [key, at] of this.#due) {
      if (at > now) continue
      if (requests++ >= REQUESTS_PER_TICK) return
      const next = this.#refresh(key, now)
      if (next === undefined) this.#due.delete(key)
      else this.#due.set(key, next)
      if (now < this.#pausedUntil) return
    }
  }

  /** @returns when to refresh it again; undefined when only a change of its entry matters */
  #refresh(key: NeighbourKey, now: number): number | undefined {
    const kept = this.#kept.get(key)
    if (kept === undefined) return undefined
    const entry = this.#options.neighbours().get(key)
    const resolved = entry?.mac !== undefined
    if (resolved) {
      this.#refusedAsFull.delete(key)
      kept.attempts = 0
      delete kept.askedAt
      // Resolved: from now on it is kept as a next hop, for as long as it answers.
      this.#clearUnresolved(key, kept)
      if (!this.#kept.has(key) || entry.fixed || entry.managed) return undefined
      this.#ask(key, true, now)
      return now + REPROBE_MS
    }
    if (kept.unresolvedSince !== undefined && now - kept.unresolvedSince > UNRESOLVED_IDLE_MS) {
      this.#clearUnresolved(key, kept)
      if (!kept.uplink) this.#askedFor.release(key)
      if (!this.#kept.has(key)) return undefined
    }
    this.#ask(key, false, now)
    if (kept.attempts++ === 0) kept.askedAt = now
    return (
      now + Math.min(FIRST_RETRY_MS * 2 ** (kept.attempts - 1), LONGEST_RETRY_MS[kept.uplink ? 'uplink' : 'inside'])
    )
  }

  #change(key: NeighbourKey, change: Partial<Kept>): void {
    const old = this.#kept.get(key)
    const kept = { inside: false, uplink: false, attempts: 0, ...old, ...change }
    if (kept.inside || kept.uplink || kept.unresolvedSince !== undefined) {
      this.#kept.set(key, kept)
      if (old === undefined) this.#due.set(key, this.#options.now())
    } else if (old !== undefined) {
      this.#drop(key)
    }
  }

  #clearUnresolved(key: NeighbourKey, kept: Kept): void {
    if (kept.unresolvedSince === undefined) return
    delete kept.unresolvedSince
    this.#unresolved.release(key)
    if (!kept.inside && !kept.uplink) this.#drop(key)
  }

  #drop(key: NeighbourKey): void {
    this.#kept.delete(key)
    this.#due.delete(key)
    this.#refusedAsFull.delete(key)
    const entry = this.#options.neighbours().get(key)
    if (entry?.managed === true && entry.protocol === NEIGHBOUR_PROTOCOL) this.#release(key)
  }

  #release(key: NeighbourKey): void {
    this.#ask(key, false, this.#options.now())
  }

  #ask(key: NeighbourKey, keep: boolean, now: number): void {
    const { ifindex, address } = neighbourOfKey(key)
    try {
      this.#options.resolve(ifindex, address, keep)
      this.#refusedAsFull.delete(key)
    } catch (error) {
      const errno = (error as { details?: { errno?: unknown } }).details?.errno
      // The device went; the next view of the host says so.
      if (errno === 'ENODEV' || errno === 'ENETDOWN') return
      // A full table refuses everybody; any other refusal is that of one neighbour.
      const isFull = errno === 'ENOBUFS' || errno === 'ENOMEM'
      if (isFull) {
        this.#pausedUntil = now + FULL_PAUSE_MS
        if (this.#kept.has(key)) this.#refusedAsFull.add(key)
      } else if (this.#kept.get(key)?.attempts === 0) this.#options.log.warn({ ifindex, errno }, messageOf(error))
    }
  }
}
