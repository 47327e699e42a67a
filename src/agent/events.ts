import type { Event } from '../dataplane/generated/layouts.ts'
import { eventCodec, EventType } from '../dataplane/generated/layouts.ts'
import type { BpfMap } from '../native/load-native.ts'
import { RingBuffer } from '../native/load-native.ts'
import type { Address } from '../net/address.ts'
import { ipv4Address } from '../net/address.ts'

export interface EventHandlers {
  /** A destination on the uplink's link that is not resolved, and the slice whose traffic is for it. */
  onNeighbourMissing: (address: Address, slice: number) => void
  /** A slice all of whose ports of a protocol are in use; `slice` is its index. */
  onSliceFull: (slice: number, protocol: number) => void
}

/** Hands on what the programs report. @param map `events` of the data plane. @returns function that ends it */
export function listenToEvents(map: BpfMap, handlers: EventHandlers): () => void {
  const ring = new RingBuffer(map, eventCodec.size, (records, count) => {
    const view = new DataView(records.buffer, records.byteOffset, records.byteLength)
    for (let i = 0; i < count; i++) dispatch(eventCodec.decode(view, i * eventCodec.size), handlers)
  })
  return () => ring.close()
}

function dispatch({ type, slice, address, protocol }: Event, handlers: EventHandlers): void {
  if (type === EventType.EVENT_NEIGHBOUR_MISSING) handlers.onNeighbourMissing(ipv4Address(address), slice)
  else if (type === EventType.EVENT_SLICE_FULL) handlers.onSliceFull(slice, protocol)
}
