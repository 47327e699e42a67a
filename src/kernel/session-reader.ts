// Live sessions, read from the slots and the session table while the programs go on writing both.
import { decodeOne, encodeOne, u32Codec } from '../dataplane/codec.ts'
import type { Binding, Session, Slot } from '../dataplane/generated/layouts.ts'
import {
  natProtocolNames,
  sessionEntryCodec,
  SessionTcp,
  slotCodec,
  tcpStateNames,
} from '../dataplane/generated/layouts.ts'
import { generationOf, isLive, ownerOf, remoteOf, slotOf } from '../dataplane/session-words.ts'
import { blockOf, memberOffset } from '../dataplane/slot-numbers.ts'
import type { ReadOnlyView } from '../native/load-native.ts'
import { BpfMap } from '../native/load-native.ts'
import type { DataplaneMaps, PinnedDataplane } from './pinned-maps.ts'
import { activeSlices } from './readers.ts'

/** Addresses are host-order u32; ports of ICMP are echo identifiers, and its remote port is 0. */
export interface SessionRow {
  protocol: string
  vni: number
  insideAddress: number
  insidePort: number
  publicAddress: number
  publicPort: number
  remoteAddress: number
  remotePort: number
  /** Of TCP: opening, half_open, established, …; `none` for the others. */
  state: string
  ageSeconds: number
  /** Until it is forgotten, if no packet comes. */
  expiresInSeconds: number
  outPackets: number
  outBytes: number
  inPackets: number
  inBytes: number
}

interface Owner {
  slice: Binding
  protocol: number
  /** Number of its first slot. */
  firstSlot: number
}

/** Every session that is alive: first those in slots, slice by slice, then the further ones of their mappings. */
export function* readSessions({ maps, readClock }: PinnedDataplane): Generator<SessionRow> {
  const hz = maps.settings.get(0)?.hz ?? 0
  if (hz === 0) return
  const clock = { now: Number(BigInt.asUintN(32, BigInt(readClock().jiffies))), hz }
  const blocks = openBlocks(maps)
  try {
    const owners: Owner[] = []
    for (const { slice, state } of activeSlices(maps)) {
      for (const [protocol, firstSlot] of slice.firstSlots.entries()) {
        if (state.used[protocol] === 0) continue
        const owner = { slice, protocol, firstSlot }
        owners.push(owner)
        for (let offset = 0; offset < slice.size; offset++) {
          const slot = readSlot(blocks, firstSlot + offset)
          if (slot !== undefined && isAlive(slot.session, clock.now)) yield rowOf(owner, offset, slot, slot, clock)
        }
      }
    }
    owners.sort((a, b) => a.firstSlot - b.firstSlot)
    yield* furtherSessions(maps.sessions.native.readOnlyView(), owners, blocks, clock)
  } finally {
    for (const { map } of blocks.values()) map.close()
  }
}

type Clock = { now: number; hz: number }
type Blocks = Map<number, { map: BpfMap; view: ReadOnlyView }>

function* furtherSessions(table: ReadOnlyView, owners: Owner[], blocks: Blocks, clock: Clock): Generator<SessionRow> {
  for (let at = 0; at < table.byteLength; at += sessionEntryCodec.size) {
    if (!isLive(table.getUint32(at, true))) continue
    const entry = sessionEntryCodec.decode(table, at)
    if (!isAlive(entry.session, clock.now)) continue
    const number = slotOf(entry.mapping)
    const owner = ownerAt(owners, number)
    const slot = readSlot(blocks, number)
    if (owner === undefined || slot === undefined || generationOf(slot.owner) !== generationOf(entry.mapping)) continue
    yield rowOf(owner, number - owner.firstSlot, slot, entry, clock)
  }
}

/** Those with mappings only: before Linux 6.8 a look at one is a wait for all running programs. */
function openBlocks(maps: DataplaneMaps): Blocks {
  const numbers = new Set<number>()
  for (const { slice, state } of activeSlices(maps)) {
    for (const [protocol, firstSlot] of slice.firstSlots.entries())
      if (state.used[protocol] !== 0) numbers.add(blockOf(firstSlot))
  }
  const blocks: Blocks = new Map()
  for (const number of numbers) {
    const id = maps.slotBlocks.lookup(encodeOne(u32Codec, number))
    if (id === undefined) continue
    const map = BpfMap.openById(decodeOne(u32Codec, id))
    blocks.set(number, { map, view: map.readOnlyView() })
  }
  return blocks
}

/** A copy of the slot, undefined unless it holds a mapping before and after it was copied. */
function readSlot(blocks: Blocks, number: number): Slot | undefined {
  const view = blocks.get(blockOf(number))?.view
  const at = memberOffset(number)
  if (view === undefined || !isLive(view.getUint32(at, true))) return undefined
  const copy = view.copy(at, slotCodec.size)
  const slot = decodeOne(slotCodec, copy)
  return slot.owner === view.getBigUint64(at, true) ? slot : undefined
}

/** @param owners in ascending order of their slots */
function ownerAt(owners: Owner[], number: number): Owner | undefined {
  let low = 0
  let high = owners.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((owners[middle]?.firstSlot ?? 0) <= number) low = middle + 1
    else high = middle
  }
  const owner = owners[low - 1]
  return owner !== undefined && number < owner.firstSlot + owner.slice.size ? owner : undefined
}

function rowOf(
  { slice, protocol }: Owner,
  offset: number,
  slot: Slot,
  { created, session }: { created: number; session: Session },
  { now, hz }: Clock,
): SessionRow {
  const remote = remoteOf(session.remote)
  return {
    protocol: natProtocolNames[protocol] ?? String(protocol),
    vni: slice.vni,
    insideAddress: slice.insideAddress,
    insidePort: ownerOf(slot.owner).insidePort,
    publicAddress: slice.publicAddress,
    publicPort: slice.firstPort + offset,
    remoteAddress: remote.address,
    remotePort: remote.port,
    state: stateOf(session),
    ageSeconds: ((now - created) >>> 0) / hz,
    expiresInSeconds: jiffiesBetween(now, session.expires) / hz,
    outPackets: session.outPackets,
    outBytes: session.outBytes,
    inPackets: session.inPackets,
    inBytes: session.inBytes,
  }
}

function stateOf({ tcp }: Session): string {
  const state = tcp & SessionTcp.SESSION_TCP_STATE
  return tcpStateNames[state] ?? String(state)
}

function isAlive(session: Session, now: number): boolean {
  return jiffiesBetween(now, session.expires) > 0
}

/** Signed distance of two 32-bit times that wrap. */
function jiffiesBetween(from: number, to: number): number {
  return (to - from) | 0
}
