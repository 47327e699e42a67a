// What the programs know, for people and metrics: slices and their use, counters, drops.
import type { Binding, SliceState } from '../dataplane/generated/layouts.ts'
import {
  bindingCodec,
  counterNames,
  dropReasonNames,
  NatProtocol,
  NextHopFlags,
  sliceStateCodec,
} from '../dataplane/generated/layouts.ts'
import { isActive } from '../dataplane/placement.ts'
import type { DataplaneMaps } from './pinned-maps.ts'

export interface ProtocolUse {
  /** Ports in use now, how many of them outside their probe window, and the most ever in use. */
  used: number
  overflow: number
  peak: number
}

export interface SliceUse {
  /** Index into the map `slices`. */
  index: number
  vni: number
  /** Host-order u32. */
  insideAddress: number
  publicAddress: number
  firstPort: number
  lastPort: number
  /** Whether the next hop to the inside is resolved. */
  reachable: boolean
  tcp: ProtocolUse
  udp: ProtocolUse
  icmp: ProtocolUse
  /** New mappings refused because the slice was full; all protocols. */
  refused: number
  /** Sessions beyond the first of each mapping, and how many the slice may have at the moment. */
  sessions: number
  sessionsAllowed: number
}

/** Every slice that has an owner, with its index and what the programs keep about it. */
export function* activeSlices(maps: DataplaneMaps): Generator<{ index: number; slice: Binding; state: SliceState }> {
  const slices = maps.slices.native.readOnlyView()
  const states = maps.sliceStates.native.readOnlyView()
  const end = Math.min(maps.slices.limit, maps.settings.get(0)?.sliceCount ?? 0)
  for (let index = 0; index < end; index++) {
    const slice = bindingCodec.decode(slices, index * bindingCodec.size)
    if (isActive(slice)) yield { index, slice, state: sliceStateCodec.decode(states, index * sliceStateCodec.size) }
  }
}

export function* readSliceUse(maps: DataplaneMaps): Generator<SliceUse> {
  const sessionsAllowed = sessionsAllowedToOne(maps)
  for (const { index, slice, state } of activeSlices(maps)) {
    const use = (protocol: 0 | 1 | 2): ProtocolUse => ({
      used: state.used[protocol],
      overflow: state.overflow[protocol],
      peak: state.peak[protocol],
    })
    yield {
      index,
      vni: slice.vni,
      insideAddress: slice.insideAddress,
      publicAddress: slice.publicAddress,
      firstPort: slice.firstPort,
      lastPort: slice.firstPort + slice.size - 1,
      reachable: (slice.inside.flags & NextHopFlags.NEXT_HOP_RESOLVED) !== 0,
      tcp: use(NatProtocol.NAT_PROTOCOL_TCP),
      udp: use(NatProtocol.NAT_PROTOCOL_UDP),
      icmp: use(NatProtocol.NAT_PROTOCOL_ICMP),
      refused: state.refused,
      sessions: state.sessions,
      sessionsAllowed,
    }
  }
}

/** As session_allowed in bpf/limits.h. */
function sessionsAllowedToOne(maps: DataplaneMaps): number {
  const { sessionCapacity = 0, sliceSessions = 0 } = maps.settings.get(0) ?? {}
  const left = Math.max(0, sessionCapacity - (maps.sessionUse.get(0) ?? 0))
  return Math.min(left, sliceSessions)
}

/** Sums over all CPUs by name of the counter: out_packets, out_bytes, … */
export function readCounters(maps: DataplaneMaps): Record<string, number> {
  return byName(maps.counters.sums(), counterNames)
}

/** Packets dropped, by reason, zeros included. */
export function readDrops(maps: DataplaneMaps): Record<string, number> {
  const { none: _, ...reasons } = byName(maps.drops.sums(), dropReasonNames)
  return reasons
}

function byName(values: number[], names: Readonly<Record<number, string>>): Record<string, number> {
  return Object.fromEntries(
    values.flatMap((value, index) => (names[index] === undefined ? [] : [[names[index], value]])),
  )
}
