import type * as z from 'zod/mini'
import type { Condition, LocalUIDReference, ObjectMeta } from './meta.ts'
import type { natGatewaySpec } from './nat-gateway.ts'
import type { networkSpec } from './network.ts'
import type { networkInterfaceSpec } from './network-interface.ts'

/** What users write. */
export const NETWORKING_API = 'networking.ironcore.dev/v1alpha1'
/** What controllers work on; operable without the first. */
export const CORE_API = 'core.apinet.ironcore.dev/v1alpha1'

// ---- networking.ironcore.dev/v1alpha1 -------------------------------------------------------------------------------

/** A logically isolated layer-3 network. */
export interface Network {
  apiVersion: typeof NETWORKING_API
  kind: 'Network'
  metadata: ObjectMeta
  spec: z.infer<typeof networkSpec>
  status?: {
    state?: 'Pending' | 'Available' | 'Error'
    conditions?: Condition[]
  }
}

/** A machine's connection to a Network. */
export interface NetworkInterface {
  apiVersion: typeof NETWORKING_API
  kind: 'NetworkInterface'
  metadata: ObjectMeta
  spec: z.infer<typeof networkInterfaceSpec>
  status?: {
    state?: 'Pending' | 'Available' | 'Error'
    lastStateTransitionTime?: string
    ips?: string[]
    virtualIP?: string
    /** Types: Accepted, NATReady (see controllers), Programmed (written by the agent). */
    conditions?: Condition[]
  }
}

/** Outbound connectivity for the interfaces of one Network. */
export interface NATGateway {
  apiVersion: typeof NETWORKING_API
  kind: 'NATGateway'
  metadata: ObjectMeta
  spec: z.infer<typeof natGatewaySpec>
  status?: {
    /**
     * In the documents a list of {name, ip}. A real IronCore API server has a list of plain address strings there
     * (since ironcore#787): the Kubernetes store converts (docs/reference/ironcore-api.md).
     */
    ips?: { name: string; ip: string }[]
    /** Slices the present public IPs hold, of these in use, and interfaces waiting for one. */
    slices?: { total: number; used: number; free: number; waiting: number }
    /** Types: Ready, Conflicted (see controllers). */
    conditions?: Condition[]
  }
}

// ---- core.apinet.ironcore.dev/v1alpha1 ------------------------------------------------------------------------------

export interface ClaimRef {
  group: string
  resource: string
  namespace?: string
  name: string
  uid: string
}

/** Cluster-scoped; metadata.name is the decimal VNI. Creating it is the allocation. */
export interface NetworkID {
  apiVersion: typeof CORE_API
  kind: 'NetworkID'
  metadata: ObjectMeta
  spec: { claimRef: ClaimRef }
}

/** Cluster-scoped; metadata.name is the address in canonical form. Creating it is the allocation. */
export interface IPAddress {
  apiVersion: typeof CORE_API
  kind: 'IPAddress'
  metadata: ObjectMeta
  spec: {
    ip: string
    claimRef: ClaimRef
    /** The name under which the claimer lists it, e.g. `ip1`. */
    entryName: string
    /** Ports of this address that NAT may use, both inclusive; the host keeps the rest when the address is shared. */
    ports: { first: number; last: number }
    /** The host itself uses this address as well. */
    shared: boolean
  }
}

/**
 * Who owns which ports of ONE public address of ONE gateway: the shard that keeps objects small.
 * Named `<gateway uid>-<address with dots as dashes>`, namespace of the gateway.
 */
export interface NATTable {
  apiVersion: typeof CORE_API
  kind: 'NATTable'
  metadata: ObjectMeta
  spec: {
    gatewayRef: LocalUIDReference
    ip: string
    ports: { first: number; last: number }
    shared: boolean
    /** Ports of every slice; slice n begins at ports.first + n × portsPerSlice. */
    portsPerSlice: number
    /** Sorted by port. */
    sections: NATTableSection[]
  }
}

export interface NATTableSection {
  /** Inside address of the interface. */
  ip: string
  /** First and last port, both inclusive. */
  port: number
  endPort: number
  /** The NetworkInterface, same namespace as the table. */
  targetRef: LocalUIDReference
}

export const FINALIZERS = {
  network: 'networking.ironcore.dev/network',
  natGateway: 'apinet.ironcore.dev/natgateway',
} as const
