import type { ObjectKey } from '../api/index.ts'
import type { DesiredInterface, InsideNextHop, InterfaceOwner } from '../dataplane/desired-state.ts'
import type { NeighbourKey } from '../host/network-objects.ts'
import { sameMac } from '../net/mac.ts'
import { EntryList } from './entry-list.ts'
import { MultiMap } from './multi-map.ts'
import type { InterfaceRecord, InterfaceResult } from './record.ts'

/** The results of all interfaces, and what follows from them together. */
export class InterfaceResults {
  readonly #watchers = new MultiMap<NeighbourKey, InterfaceRecord>()
  readonly #entries = new EntryList()
  readonly #wants = new Map<NeighbourKey, number>()
  readonly #tableUses = new Map<ObjectKey, number>()
  #wantsTouched = new Set<NeighbourKey>()

  /** Interfaces that depend on a neighbour. */
  watchersOf(neighbour: NeighbourKey): readonly InterfaceRecord[] {
    return this.#watchers.get(neighbour)
  }

  /** NATTables that at least one slice here comes from. */
  tablesInUse(): Iterable<ObjectKey> {
    return this.#tableUses.keys()
  }

  /** All of them, as they are now. */
  present(): readonly DesiredInterface[] {
    return this.#entries.present
  }

  /** All of them, and how they differ from those at the last call. */
  entries(): ReturnType<EntryList['look']> {
    return this.#entries.look()
  }

  /** Neighbours that came to be wanted, or ceased to be, since the last call. */
  takeWants(): { added: NeighbourKey[]; removed: NeighbourKey[] } {
    const touched = [...this.#wantsTouched]
    this.#wantsTouched = new Set()
    return {
      added: touched.filter((key) => this.#wants.has(key)),
      removed: touched.filter((key) => !this.#wants.has(key)),
    }
  }

  /** Entries that come out as they were stay the same objects. */
  replace(record: InterfaceRecord, computed: InterfaceResult): void {
    const old = record.result
    const next = old.interfaces.length === 0 ? computed : keepingEntries(old, computed)
    record.result = next
    this.#entries.set(record, next.interfaces)
    for (const neighbour of next.watches) this.#watchers.add(neighbour, record)
    for (const neighbour of old.watches) if (!next.watches.includes(neighbour)) this.#watchers.delete(neighbour, record)
    for (const neighbour of next.wants) if (count(this.#wants, neighbour, 1)) this.#wantsTouched.add(neighbour)
    for (const neighbour of old.wants) if (count(this.#wants, neighbour, -1)) this.#wantsTouched.add(neighbour)
    for (const table of next.tables) count(this.#tableUses, table, 1)
    for (const table of old.tables) count(this.#tableUses, table, -1)
  }
}

function keepingEntries(old: InterfaceResult, computed: InterfaceResult): InterfaceResult {
  const interfaces = computed.interfaces.map((entry, i) => {
    const before = old.interfaces[i]
    return before !== undefined && sameEntry(before, entry) ? before : entry
  })
  return { ...computed, interfaces }
}

/** @returns whether the first was added or the last removed */
function count<K>(counts: Map<K, number>, key: K, by: 1 | -1): boolean {
  const now = (counts.get(key) ?? 0) + by
  if (now === 0) counts.delete(key)
  else counts.set(key, now)
  return now === (by === 1 ? 1 : 0)
}

function sameEntry(a: DesiredInterface, b: DesiredInterface): boolean {
  const same = a.address === b.address && a.vni === b.vni && a.ambiguous === b.ambiguous
  return same && sameOwner(a.owner, b.owner) && sameSlice(a.slice, b.slice)
}

/** By hand: a comparison of any two things costs ten times as much, and there are 100,000 of these. */
function sameOwner(a: InterfaceOwner, b: InterfaceOwner): boolean {
  if (a.kind === 'remote') return b.kind === 'remote' && a.node === b.node
  return b.kind === 'local' && a.ifindex === b.ifindex && sameNextHop(a.nextHop, b.nextHop)
}

function sameSlice(a: DesiredInterface['slice'], b: DesiredInterface['slice']): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.publicAddress === b.publicAddress && a.firstPort === b.firstPort
}

function sameNextHop(a: InsideNextHop | undefined, b: InsideNextHop | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return (
    a.mtu === b.mtu &&
    a.bound === b.bound &&
    sameMac(a.destinationMac, b.destinationMac) &&
    sameMac(a.sourceMac, b.sourceMac)
  )
}
