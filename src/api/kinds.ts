// The table of kinds. Store, controllers, manifests, references and the state file read it; a kind is added here.
import type * as z from 'zod/mini'
import { MAC_ADDRESS_ANNOTATION, macAnnotationProblem } from './annotations.ts'
import { manifestSchema } from './manifest-schema.ts'
import type { ObjectKey } from './meta.ts'
import type { NameRule } from './names.ts'
import { natGatewaySpec } from './nat-gateway.ts'
import { networkSpec, peersDiffer } from './network.ts'
import { networkInterfaceSpec } from './network-interface.ts'
import type { IPAddress, NATGateway, NATTable, Network, NetworkID, NetworkInterface } from './types.ts'
import { NETWORKING_API } from './types.ts'

// Keys of kinds in Kubernetes' notation, `<kind>.<group>`: a kind alone is ambiguous, for both groups have a Network.

/** A logically isolated layer-3 network. */
export const NETWORK = 'Network.networking.ironcore.dev' as const
/** A machine's connection to a Network. */
export const NETWORK_INTERFACE = 'NetworkInterface.networking.ironcore.dev' as const
/** Outbound connectivity for the interfaces of one Network. */
export const NAT_GATEWAY = 'NATGateway.networking.ironcore.dev' as const
/** The allocation of a VNI. */
export const NETWORK_ID = 'NetworkID.core.apinet.ironcore.dev' as const
/** The allocation of a public address. */
export const IP_ADDRESS = 'IPAddress.core.apinet.ironcore.dev' as const
/** The port slices of one public address. */
export const NAT_TABLE = 'NATTable.core.apinet.ironcore.dev' as const

/** The type of the objects of each kind. */
export interface ResourceTypes {
  [NETWORK]: Network
  [NETWORK_INTERFACE]: NetworkInterface
  [NAT_GATEWAY]: NATGateway
  [NETWORK_ID]: NetworkID
  [IP_ADDRESS]: IPAddress
  [NAT_TABLE]: NATTable
}

export type GroupKind = keyof ResourceTypes
export type ResourceOf<K extends GroupKind> = ResourceTypes[K]
export type Resource = ResourceTypes[GroupKind]

/** What is known of every kind. */
interface KindOf<R extends Resource> {
  group: string
  version: string
  kind: R['kind']
  /** The name of the kind in URLs and in `claimRef.resource`. */
  plural: string
  /** Whether its objects belong to a namespace. Objects of a cluster-scoped kind are named by what they allocate. */
  namespaced: boolean
}

/** A kind whose objects users write as manifests. */
interface UserKind<R extends Resource> extends KindOf<R> {
  writtenBy: 'users'
  nameRule: NameRule
  /** Of a manifest: what is right, and the defaults. */
  schema: z.ZodMiniType
  /** Fields of spec that stay as they were created. */
  immutable: readonly (keyof R['spec'])[]
  /** Fields of spec that may be set once and stay then. */
  setOnce: readonly (keyof R['spec'])[]
  /** Fields of spec that controllers write where the manifest says nothing. */
  controllerFields: readonly (keyof R['spec'])[]
}

/** A kind that only controllers write. */
interface ControllerKind<R extends Resource> extends KindOf<R> {
  writtenBy: 'controllers'
}

export const KINDS = {
  [NETWORK]: {
    group: 'networking.ironcore.dev',
    version: 'v1alpha1',
    kind: 'Network',
    plural: 'networks',
    namespaced: true,
    writtenBy: 'users',
    nameRule: 'DNS subdomain',
    schema: manifestSchema(
      { apiVersion: NETWORKING_API, kind: 'Network', nameRule: 'DNS subdomain' },
      networkSpec,
    ).check(peersDiffer),
    immutable: [],
    setOnce: ['providerID'],
    controllerFields: ['providerID', 'incomingPeerings'],
  },
  [NETWORK_INTERFACE]: {
    group: 'networking.ironcore.dev',
    version: 'v1alpha1',
    kind: 'NetworkInterface',
    plural: 'networkinterfaces',
    namespaced: true,
    writtenBy: 'users',
    nameRule: 'DNS subdomain',
    schema: manifestSchema(
      { apiVersion: NETWORKING_API, kind: 'NetworkInterface', nameRule: 'DNS subdomain' },
      networkInterfaceSpec,
      { [MAC_ADDRESS_ANNOTATION]: macAnnotationProblem },
    ),
    immutable: ['networkRef', 'ipFamilies'],
    setOnce: ['providerID'],
    controllerFields: ['providerID'],
  },
  [NAT_GATEWAY]: {
    group: 'networking.ironcore.dev',
    version: 'v1alpha1',
    kind: 'NATGateway',
    plural: 'natgateways',
    namespaced: true,
    writtenBy: 'users',
    nameRule: 'DNS label',
    schema: manifestSchema({ apiVersion: NETWORKING_API, kind: 'NATGateway', nameRule: 'DNS label' }, natGatewaySpec),
    // Upstream lets ipFamily change and then fails to realise it.
    immutable: ['networkRef', 'ipFamily'],
    setOnce: [],
    controllerFields: [],
  },
  [NETWORK_ID]: {
    group: 'core.apinet.ironcore.dev',
    version: 'v1alpha1',
    kind: 'NetworkID',
    plural: 'networkids',
    namespaced: false,
    writtenBy: 'controllers',
  },
  [IP_ADDRESS]: {
    group: 'core.apinet.ironcore.dev',
    version: 'v1alpha1',
    kind: 'IPAddress',
    plural: 'ipaddresses',
    namespaced: false,
    writtenBy: 'controllers',
  },
  [NAT_TABLE]: {
    group: 'core.apinet.ironcore.dev',
    version: 'v1alpha1',
    kind: 'NATTable',
    plural: 'nattables',
    namespaced: true,
    writtenBy: 'controllers',
  },
} as const satisfies { [K in GroupKind]: UserKind<ResourceOf<K>> | ControllerKind<ResourceOf<K>> }

type Written<By extends 'users' | 'controllers'> = {
  [K in GroupKind]: (typeof KINDS)[K]['writtenBy'] extends By ? K : never
}[GroupKind]

/** Kinds whose objects users write as manifests. */
export type ManifestKind = Written<'users'>

/** Kinds of the users' group that are not supported here: a manifest of one is passed over with a note. */
export const UNSUPPORTED_KINDS: ReadonlySet<string> = new Set([
  'VirtualIP',
  'LoadBalancer',
  'LoadBalancerRouting',
  'NetworkPolicy',
  'AliasPrefix',
])

export const GROUP_KINDS = Object.keys(KINDS) as readonly GroupKind[]

export const MANIFEST_KINDS = GROUP_KINDS.filter((kind): kind is ManifestKind => KINDS[kind].writtenBy === 'users')

const byApiVersion = new Map<string, Map<string, GroupKind>>()
const byResource = new Map<string, GroupKind>()
for (const each of GROUP_KINDS) {
  const { group, version, kind, plural } = KINDS[each]
  const kinds = byApiVersion.get(`${group}/${version}`) ?? new Map<string, GroupKind>()
  byApiVersion.set(`${group}/${version}`, kinds.set(kind, each))
  byResource.set(`${plural}.${group}`, each)
}

/** What tells the kind of an object or a reference. */
type TypeMeta = Pick<Resource, 'apiVersion' | 'kind'>

type GroupKindOf<T extends TypeMeta> = {
  [K in GroupKind]: ResourceOf<K> extends { apiVersion: T['apiVersion']; kind: T['kind'] } ? K : never
}[GroupKind]

/** The kind of an object. An object that another version wrote into the state file may be of a kind in no table. */
export function groupKindOf<T extends TypeMeta>(object: T): GroupKindOf<T> {
  const { apiVersion, kind } = object
  const known = byApiVersion.get(apiVersion)?.get(kind)
  return (known ?? `${kind}.${apiVersion.split('/')[0]}`) as GroupKindOf<T>
}

/** The kind that a reference by group and plural means, as `claimRef` is one. */
export function kindOfResource({ group, resource }: { group: string; resource: string }): GroupKind | undefined {
  return byResource.get(`${resource}.${group}`)
}

export function isOfKind<K extends GroupKind>(object: Resource, kind: K): object is ResourceOf<K> {
  return groupKindOf<Resource>(object) === kind
}

export function apiVersionOf(kind: GroupKind): string {
  return `${KINDS[kind].group}/${KINDS[kind].version}`
}

/** How messages name an object: `<Kind> <key>`. */
export function nameOf(kind: GroupKind, key: ObjectKey): string {
  return `${KINDS[kind].kind} ${key}`
}
