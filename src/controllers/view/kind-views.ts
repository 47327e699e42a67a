// For each kind: the indexes that its objects keep, and whom a change of one concerns. A kind that controllers work from
// is added here.
import { networkKeyOf } from '../../allocation/lookups.ts'
import type {
  GroupKind,
  IPAddress,
  NATGateway,
  NATTable,
  Network,
  NetworkID,
  NetworkInterface,
  ObjectKey,
  Resource,
  ResourceOf,
} from '../../api/index.ts'
import { IP_ADDRESS, keyOf, NAT_GATEWAY, NAT_TABLE, NETWORK, NETWORK_ID, NETWORK_INTERFACE } from '../../api/index.ts'
import type { Claimer } from './claims.ts'
import { claimerKey, claimerOf } from './claims.ts'
import type { ClusterView } from './cluster-view.ts'
import { networksOf, sameSpec, whyNotServed } from './differences.ts'

/** An object before and after a change; neither is older than the indexes. */
export interface Change<R extends Resource> {
  key: ObjectKey
  /** Undefined where the object is new. */
  old: R | undefined
  /** Undefined where the object is gone. */
  present: R | undefined
}

/** Reconcilers, by the queue whose keys a change adds to. */
export interface Queues {
  network: ObjectKey
  networkInterface: ObjectKey
  natGateway: ObjectKey
  /** As `claimerKey` writes it: something is owned by the claimer, or the claimer is gone. */
  claimer: string
  /** A public address that went back to the pool. */
  freedAddress: string
}

/** An interface of which gateways of the Network have to evaluate again whether it wants a slice. */
export interface Evaluation {
  networkKey: ObjectKey
  uid: string
}

type Affected<R extends Resource, Derived, T> = (change: Change<R>, view: ClusterView, derived: Derived) => Iterable<T>

interface Declaration<R extends Resource, Derived> {
  /** Brings the indexes up to date. @returns what the indexes tell of the change beyond the object itself */
  index: (change: Change<R>, view: ClusterView) => Derived
  /** Keys that each reconciler has to look at. */
  affects: { [Q in keyof Queues]?: Affected<R, Derived, Queues[Q]> }
  evaluates?: Affected<R, Derived, Evaluation>
}

/** Where affected keys go. */
export interface Receiver {
  add: (queue: keyof Queues, key: string) => void
  evaluate: (evaluation: Evaluation) => void
}

/** Takes a change into the indexes and hands the affected keys on. */
export type KindView<R extends Resource> = (change: Change<R>, view: ClusterView, receiver: Receiver) => void

function kindView<R extends Resource, Derived>(declaration: Declaration<R, Derived>): KindView<R> {
  const { index, affects, evaluates } = declaration
  const queues = Object.entries(affects) as [keyof Queues, Affected<R, Derived, string>][]
  return (change, view, receiver) => {
    const derived = index(change, view)
    for (const [queue, affected] of queues) for (const key of affected(change, view, derived)) receiver.add(queue, key)
    for (const evaluation of evaluates?.(change, view, derived) ?? []) receiver.evaluate(evaluation)
  }
}

/** In the order in which the store is taken in: slices before interfaces, so that who has a slice keeps its address. */
export const KIND_VIEWS: { readonly [K in GroupKind]?: KindView<ResourceOf<K>> } = {
  [NAT_TABLE]: kindView({
    index: ({ key, old, present }: Change<NATTable>, view) => {
      view.tables.put(key, present?.spec.gatewayRef.uid)
      return view.sections.replace(old, present)
    },
    affects: {
      networkInterface: (_change, _view, { owners }) => owners,
      // A slice in one gateway's table keeps every other gateway of the Network from serving its owner.
      natGateway: ({ old, present }, view, { owners }) => [
        ...[old, present].flatMap((table) => (table === undefined ? [] : [gatewayKeyOf(table)])),
        ...gatewaysOf(networksOf(...Array.from(owners, (owner) => view.store.get(NETWORK_INTERFACE, owner))), view),
      ],
      claimer: ({ present }) =>
        present === undefined
          ? []
          : [claimerKey({ kind: NAT_GATEWAY, key: gatewayKeyOf(present), uid: present.spec.gatewayRef.uid })],
    },
    evaluates: (_change, view, { uids }) => Array.from(uids).flatMap((uid) => evaluationOf(view.interfaceOf(uid))),
  }),

  [NETWORK]: kindView({
    index: () => undefined,
    affects: {
      network: ({ key }: Change<Network>) => [key],
      networkInterface: (change, view) => (sameNetworkId(change) ? [] : keysOf(view.interfacesOf(change.key))),
      natGateway: (change, view) => (sameNetworkId(change) ? [] : view.gateways.members(change.key)),
      claimer: (change) => lostClaimer(NETWORK, change),
    },
  }),

  [NETWORK_ID]: kindView({
    index: ({ key, present }: Change<NetworkID>, view) => view.networkIds.put(key, present?.spec.claimRef.uid),
    affects: {
      network: claimingNetworks,
      claimer: presentClaimer,
    },
  }),

  [IP_ADDRESS]: kindView({
    index: ({ key, present }: Change<IPAddress>, view) => view.addresses.put(key, present?.spec.claimRef.uid),
    affects: {
      natGateway: claimingGateways,
      claimer: presentClaimer,
      freedAddress: ({ key, present }) => (present === undefined ? [key] : []),
    },
  }),

  [NAT_GATEWAY]: kindView({
    /** @returns Networks in which another object may be concerned */
    index: ({ key, old, present }: Change<NATGateway>, view) => {
      view.gateways.put(key, present && networkKeyOf(present))
      return changedIn(old, present)
    },
    affects: {
      natGateway: ({ key }, view, networks) => (networks === NONE ? [key] : [key, ...gatewaysOf(networks, view)]),
      networkInterface: ({ old, present }, view, networks) =>
        networks === NONE && whyNotServed(old) === whyNotServed(present)
          ? NONE
          : interfacesWithoutSlice(networksOf(old, present), view),
      network: (_change, view, networks) => releasedNetworks(networks, view),
      claimer: (change) => lostClaimer(NAT_GATEWAY, change),
    },
  }),

  [NETWORK_INTERFACE]: kindView({
    /** @returns other interfaces for whose addresses the holder changed, and Networks in which a gateway may be concerned */
    index: ({ old, present }: Change<NetworkInterface>, view) => ({
      others: view.interfaces.replace(old, present),
      networks: changedIn(old, present),
    }),
    affects: {
      networkInterface: ({ key }, _view, { others }) => (others.length === 0 ? [key] : [key, ...keysOf(others)]),
      natGateway: (_change, view, { networks }) => (networks === NONE ? NONE : gatewaysOf(networks, view)),
      network: (_change, view, { networks }) => releasedNetworks(networks, view),
    },
    evaluates: function* ({ old, present }, _view, { others, networks }) {
      for (const each of others) yield* evaluationOf(each)
      // An interface that changed its Network is evaluated in both.
      for (const networkKey of networks) {
        if (old !== undefined) yield { networkKey, uid: old.metadata.uid }
        if (present !== undefined && present.metadata.uid !== old?.metadata.uid) {
          yield { networkKey, uid: present.metadata.uid }
        }
      }
    },
  }),
}

const NONE: readonly never[] = []

/** Networks of an object of which more changed than what it reports; `NONE` itself where nothing did. */
function changedIn<R extends NATGateway | NetworkInterface>(
  old: R | undefined,
  present: R | undefined,
): readonly ObjectKey[] {
  if (sameSpec(old, present)) return NONE
  const before = old && networkKeyOf(old)
  const after = present && networkKeyOf(present)
  if (before === undefined || after === undefined || before === after) return [after ?? before ?? '']
  return [before, after]
}

function gatewayKeyOf({ metadata, spec }: NATTable): ObjectKey {
  return `${metadata.namespace}/${spec.gatewayRef.name}`
}

function* keysOf(objects: Iterable<NetworkInterface>): Generator<ObjectKey> {
  for (const { metadata } of objects) yield keyOf(metadata)
}

function* gatewaysOf(networkKeys: Iterable<ObjectKey>, view: ClusterView): Generator<ObjectKey> {
  for (const networkKey of networkKeys) yield* view.gateways.members(networkKey)
}

function* interfacesWithoutSlice(networkKeys: Iterable<ObjectKey>, view: ClusterView): Generator<ObjectKey> {
  for (const networkKey of networkKeys) {
    for (const { metadata } of view.interfacesOf(networkKey)) {
      if (view.sections.of(metadata.uid).length === 0) yield keyOf(metadata)
    }
  }
}

function evaluationOf(networkInterface: NetworkInterface | undefined): Evaluation[] {
  if (networkInterface === undefined) return []
  return [{ networkKey: networkKeyOf(networkInterface), uid: networkInterface.metadata.uid }]
}

function sameNetworkId({ old, present }: Change<Network>): boolean {
  return old?.metadata.uid === present?.metadata.uid && old?.spec.providerID === present?.spec.providerID
}

/** A Network that is being deleted goes when the last object that refers to it is gone. */
function releasedNetworks(networks: readonly ObjectKey[], view: ClusterView): readonly ObjectKey[] {
  if (networks === NONE) return NONE
  return networks.filter((each) => view.store.get(NETWORK, each)?.metadata.deletionTimestamp !== undefined)
}

function claimersOf({ old, present }: Change<IPAddress> | Change<NetworkID>): Claimer[] {
  return [old, present].flatMap((object) => (object && claimerOf(object.spec.claimRef)) ?? [])
}

function claimingNetworks(change: Change<NetworkID>): ObjectKey[] {
  return claimersOf(change).flatMap(({ kind, key }) => (kind === NETWORK ? [key] : []))
}

/** Rivals as well: of two gateways the one that has addresses serves. */
function claimingGateways(change: Change<IPAddress>, view: ClusterView): ObjectKey[] {
  const gateways = claimersOf(change).filter(({ kind }) => kind === NAT_GATEWAY)
  return gateways.flatMap(({ key }) => [key, ...gatewaysOf(networksOf(view.store.get(NAT_GATEWAY, key)), view)])
}

function presentClaimer({ present }: Change<IPAddress> | Change<NetworkID>): string[] {
  const claimer = present && claimerOf(present.spec.claimRef)
  return claimer === undefined ? [] : [claimerKey(claimer)]
}

/** The object as a claimer that is gone, or whose name another object has now. */
function lostClaimer(kind: Claimer['kind'], { key, old, present }: Change<Network> | Change<NATGateway>): string[] {
  if (old === undefined || old.metadata.uid === present?.metadata.uid) return []
  return [claimerKey({ kind, key, uid: old.metadata.uid })]
}
