import type { IpPool } from '../../allocation/ip-pool.ts'
import { addressOf, networkKeyOf } from '../../allocation/lookups.ts'
import type { ConditionUpdate, NATGateway, NetworkInterface, ObjectKey } from '../../api/index.ts'
import { conditionOf, keyOf, mergeConditions, NETWORK_INTERFACE } from '../../api/index.ts'
import type { Clock } from '../../time/clock.ts'
import { timestamp } from '../../time/clock.ts'
import { count, writeStatus } from '../runtime/status.ts'
import type { Cluster } from '../view/cluster.ts'
import type { Verdict } from '../view/eligibility.ts'
import { hasPublicAddress, judge } from '../view/eligibility.ts'

type State = NonNullable<NonNullable<NetworkInterface['status']>['state']>

const STATES: Record<Verdict['reason'], State> = {
  Accepted: 'Available',
  NetworkNotFound: 'Pending',
  NetworkNotAvailable: 'Pending',
  AddressConflict: 'Error',
}

/**
 * Tells on each NetworkInterface whether it is part of its Network and how it reaches the internet.
 *
 * Conditions: `Accepted` (Accepted, NetworkNotFound, NetworkNotAvailable, AddressConflict); `NATReady` (SliceAssigned, or why
 * not: NotAccepted, HasPublicIP, NoGateway, FamilyNotServed, PoolExhausted, SlicePending). `Programmed` is the agent's.
 */
export class NetworkInterfaceReconciler {
  readonly #cluster: Cluster
  readonly #pool: IpPool
  readonly #clock: Clock

  constructor(cluster: Cluster, pool: IpPool, clock: Clock) {
    this.#cluster = cluster
    this.#pool = pool
    this.#clock = clock
  }

  async reconcile(key: ObjectKey): Promise<void> {
    const networkInterface = this.#cluster.store.get(NETWORK_INTERFACE, key)
    if (networkInterface === undefined) return
    await writeStatus(this.#cluster.store, networkInterface, (present) => this.#status(present))
  }

  #status(networkInterface: NetworkInterface): NonNullable<NetworkInterface['status']> {
    const { status, metadata, spec } = networkInterface
    const verdict = judge(this.#cluster, networkInterface)
    const accepted = verdict.reason === 'Accepted'
    const state = STATES[verdict.reason]
    const now = timestamp(this.#clock)
    const updates: ConditionUpdate[] = [
      { type: 'Accepted', status: accepted ? 'True' : 'False', ...verdict },
      { type: 'NATReady', ...(accepted ? this.#nat(networkInterface) : notReady('NotAccepted', verdict.message)) },
    ]
    return {
      ...status,
      state,
      lastStateTransitionTime: status?.state === state ? (status.lastStateTransitionTime ?? now) : now,
      ips: accepted ? spec.ips.map(({ value }) => value) : [],
      conditions: mergeConditions(status?.conditions, updates, metadata.generation, now),
    }
  }

  #nat(networkInterface: NetworkInterface): Omit<ConditionUpdate, 'type'> {
    const { metadata, spec } = networkInterface
    if (hasPublicAddress(networkInterface, 'IPv4') && addressOf(networkInterface, 'IPv4') !== undefined) {
      const message = `spec.virtualIP: VirtualIP ${spec.virtualIP?.virtualIPRef.name} is its own public address; NAT gateways leave it alone`
      return notReady('HasPublicIP', message)
    }
    const [slice] = this.#cluster.sections.of(metadata.uid)
    if (slice !== undefined) {
      const { port, endPort } = slice.section
      return { status: 'True', reason: 'SliceAssigned', message: `${slice.publicIp}:${port}-${endPort}` }
    }
    const networkKey = networkKeyOf(networkInterface)
    const [gateway] = this.#cluster.gatewaysOf(networkKey)
    if (gateway === undefined) {
      const message = `Network ${networkKey} has no NATGateway; create one with spec.networkRef.name ${spec.networkRef.name}`
      return notReady('NoGateway', message)
    }
    const serving = spec.ipFamilies.includes('IPv4') ? this.#cluster.servingGateway(networkKey, 'IPv4') : undefined
    return serving === undefined ? familyNotServed(networkInterface, gateway) : this.#waiting(serving)
  }

  #waiting(gateway: NATGateway): Omit<ConditionUpdate, 'type'> {
    const name = `NATGateway ${keyOf(gateway.metadata)}`
    const ready = conditionOf(gateway, 'Ready')
    if (ready?.reason !== 'PoolExhausted' && ready?.reason !== 'NoPublicIP') {
      return notReady('SlicePending', `${name} has not assigned a slice yet; its condition Ready says more`)
    }
    const { slices, ips } = gateway.status ?? {}
    const ports = gateway.spec.portsPerNetworkInterface
    const message =
      `${name} has no slice left: ${count(ips?.length ?? 0, 'public address', 'public addresses')} with ${count(slices?.total ?? 0, 'slice')} of ${count(ports, 'port')}, ` +
      `and none to be had from the pool of ${this.#pool.size}. Add public prefixes, lower spec.portsPerNetworkInterface ` +
      `of the gateway, or delete interfaces; this one is served as soon as a slice frees`
    return notReady('PoolExhausted', message)
  }
}

function familyNotServed({ spec }: NetworkInterface, gateway: NATGateway): Omit<ConditionUpdate, 'type'> {
  const supported = gateway.spec.ipFamily === 'IPv4' ? '' : ' (which is not supported yet)'
  const message =
    `NATGateway ${keyOf(gateway.metadata)} serves ${gateway.spec.ipFamily}${supported}, ` +
    `the interface has ${spec.ipFamilies.join(' and ')}`
  return notReady('FamilyNotServed', message)
}

function notReady(reason: string, message: string): Omit<ConditionUpdate, 'type'> {
  return { status: 'False', reason, message }
}
