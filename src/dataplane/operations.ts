// The operations on maps, and their order: disable an entry, change what it points to, enable it.
import type { Binding } from './generated/layouts.ts'
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
  | { kind: 'synchronize' }
  /** Free all slots of a disabled slice. */
  | { kind: 'flush'; index: number; slice: Binding }
  | AddSlotBlock

export const PHASES = [
  'disable',
  'disable-interfaces',
  'disable-slices',
  'disable-addresses',
  'disable-devices',
  'synchronize',
  'flush',
  'slot-blocks',
  'mark-routes',
  'next-hops',
  'routes',
  'old-routes',
  'old-next-hops',
  'fill-slices',
  // Addresses before slices: after a crash between the two, every enabled slice belongs to an address.
  'addresses',
  'slices',
  'host-addresses',
  'devices',
  'enable-interfaces',
  'settings',
] as const
export type Phase = (typeof PHASES)[number]

/** Phase of an operation that names none. */
const PUT_PHASE: Record<SyncedMap, Phase> = {
  settings: 'settings',
  devices: 'devices',
  interfaces: 'enable-interfaces',
  addresses: 'addresses',
  slices: 'slices',
  routes: 'routes',
  nextHops: 'next-hops',
  hostAddresses: 'host-addresses',
}
const REMOVE_PHASE: Record<SyncedMap, Phase> = {
  settings: 'disable',
  devices: 'disable-devices',
  interfaces: 'disable-interfaces',
  addresses: 'disable-addresses',
  slices: 'disable-slices',
  routes: 'old-routes',
  nextHops: 'old-next-hops',
  hostAddresses: 'host-addresses',
}

/** Operations gathered in any order, handed out in the order of the phases. */
export class Plan {
  readonly #phases = new Map<Phase, Operation[]>(PHASES.map((phase) => [phase, []]))
  /** The parts of the desired state that cannot be written, and why. */
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
    case 'synchronize':
    case 'flush':
      return operation.kind
    case 'slot-block':
      return 'slot-blocks'
  }
}
