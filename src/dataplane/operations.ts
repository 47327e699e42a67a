// What is done to the maps, and in which order. A door is closed before anything behind it moves, and opened last.
import type { Slice } from './generated/layouts.ts'
import type { KeyOf, SyncedMap, ValueOf } from './image.ts'
import type { SyncFailure } from './sync-failure.ts'

export type Put = { [M in SyncedMap]: { kind: 'put'; map: M; key: KeyOf<M>; value: ValueOf<M> } }[SyncedMap]
export type Remove = { [M in SyncedMap]: { kind: 'remove'; map: M; key: KeyOf<M> } }[SyncedMap]

/** Add a slot block. */
export interface AddSlotBlock {
  kind: 'slot-block'
  number: number
}

export type Operation =
  | Put
  | Remove
  /** Wait until no packet is under way in a program that may have seen the maps as they were. */
  | { kind: 'grace' }
  /** Free all slots of a closed slice. */
  | { kind: 'flush'; index: number; slice: Slice }
  | AddSlotBlock

export const PHASES = [
  'disable',
  'close-interfaces',
  'close-slices',
  'close-addresses',
  'close-devices',
  'grace',
  'flush',
  'slot-blocks',
  'mark-routes',
  'next-hops',
  'routes',
  'old-routes',
  'old-next-hops',
  'fill-slices',
  // A slice is opened after its address: after a crash between the two it would be one that no address leads to.
  'addresses',
  'slices',
  'host-addresses',
  'devices',
  'open-interfaces',
  'settings',
] as const
export type Phase = (typeof PHASES)[number]

/** Where an operation belongs that is not part of a larger change. */
const PUT_PHASE: Record<SyncedMap, Phase> = {
  settings: 'settings',
  devices: 'devices',
  interfaces: 'open-interfaces',
  addresses: 'addresses',
  slices: 'slices',
  routes: 'routes',
  nextHops: 'next-hops',
  hostAddresses: 'host-addresses',
}
const REMOVE_PHASE: Record<SyncedMap, Phase> = {
  settings: 'disable',
  devices: 'close-devices',
  interfaces: 'close-interfaces',
  addresses: 'close-addresses',
  slices: 'close-slices',
  routes: 'old-routes',
  nextHops: 'old-next-hops',
  hostAddresses: 'host-addresses',
}

/** Operations gathered in any order, handed out in the order of the phases. */
export class Plan {
  readonly #phases = new Map<Phase, Operation[]>(PHASES.map((phase) => [phase, []]))
  /** What of the desired state cannot be had, and why. */
  readonly failures: SyncFailure[] = []

  add(operation: Operation, phase = defaultPhase(operation)): void {
    this.#phases.get(phase)?.push(operation)
  }

  has(phase: Phase): boolean {
    return (this.#phases.get(phase)?.length ?? 0) > 0
  }

  fail(error: SyncFailure): void {
    this.failures.push(error)
  }

  get operations(): Operation[] {
    return [...this.#phases.values()].flat()
  }
}

function defaultPhase(operation: Operation): Phase {
  switch (operation.kind) {
    case 'put':
      return PUT_PHASE[operation.map]
    case 'remove':
      return REMOVE_PHASE[operation.map]
    case 'grace':
    case 'flush':
      return operation.kind
    case 'slot-block':
      return 'slot-blocks'
  }
}
