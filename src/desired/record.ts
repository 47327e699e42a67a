import type { NATTable, NATTableSection, NetworkInterface, ObjectKey } from '../api/index.ts'
import type { DesiredAddress, DesiredInterface } from '../dataplane/desired-state.ts'
import type { NeighbourKey } from '../host/network-objects.ts'
import type { Address } from '../net/address.ts'

/** A NATTable and the public address whose slices it lists. */
export interface KnownTable {
  readonly key: ObjectKey
  /** For results that name no other table. */
  readonly keys: readonly [ObjectKey]
  object: NATTable
  readonly address: DesiredAddress
}

/** A port slice as a NATTable gives it to an interface. */
export interface SliceAssignment {
  readonly table: KnownTable
  readonly section: NATTableSection
  readonly insideAddress: Address
}

/** An address that an interface has in its spec, and whether it has a slice for it. */
export interface WantedAddress {
  readonly vni: number
  readonly address: Address
  readonly hasSlice: boolean
}

/** What becomes of a NetworkInterface on this node; written as its condition `Programmed`. */
export interface ProgrammedState {
  status: 'True' | 'False'
  reason:
    | 'Programmed'
    | 'NoDevice' // of several devices none is known to hold the address
    | 'NeighbourUnresolved' // the inside next hop does not answer ARP (yet)
    | 'DeviceMissing' // its private device does not exist
    | 'ProgramFailed' // programs or entries could not be put in place
    | 'AddressConflict' // another interface of the Network has the address
  /** A sentence. */
  message: string
}

/** What follows from one NetworkInterface. */
export interface InterfaceResult {
  readonly interfaces: readonly DesiredInterface[]
  /** Undefined where nothing is to be said: the interface has no slice. */
  readonly programmed: ProgrammedState | undefined
  /** Neighbours the result depends on, by key. */
  readonly watches: readonly NeighbourKey[]
  /** Neighbours the kernel should keep resolved for it, by key. */
  readonly wants: readonly NeighbourKey[]
  /** NATTables its slices come from. */
  readonly tables: readonly ObjectKey[]
}

export const NOTHING: InterfaceResult = { interfaces: [], programmed: undefined, watches: [], wants: [], tables: [] }

/**
 * All that is known of one NetworkInterface, and its result. One record that all indexes share: 100,000
 * interfaces looked up by name in each of them would be a cache miss after the other.
 */
export interface InterfaceRecord {
  readonly key: ObjectKey
  /** Absent where only a NATTable speaks of it. */
  object: NetworkInterface | undefined
  /** Key of its Network; empty without an object. */
  network: ObjectKey
  /** Those that are supported. Texts that are no address are left out; the controller that accepts the object refuses them. */
  addresses: readonly Address[]
  /** The only station that may send from them; undefined where any may. */
  mac: Uint8Array | undefined
  assignments: readonly SliceAssignment[]
  /** Has to be computed again. */
  isDirty: boolean
  /** As AddressHolders knows it. */
  wanted: readonly WantedAddress[]
  /** As InterfaceResults knows it. */
  result: InterfaceResult
  /** Of its entries in EntryList. */
  places: number[]
}

const NONE: readonly never[] = []

export function emptyRecord(key: ObjectKey): InterfaceRecord {
  return {
    key,
    object: undefined,
    network: '',
    addresses: NONE,
    mac: undefined,
    assignments: NONE,
    isDirty: false,
    wanted: NONE,
    result: NOTHING,
    places: [],
  }
}
