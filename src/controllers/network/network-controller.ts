import { networkKeyOf } from '../../allocation/lookups.ts'
import { idInProviderId, networkProviderId, nextNetworkId } from '../../allocation/network-ids.ts'
import type { ConditionUpdate, NATGateway, Network, NetworkID, NetworkInterface, ObjectKey } from '../../api/index.ts'
import {
  CORE_API,
  FINALIZERS,
  groupKindOf,
  keyOf,
  mergeConditions,
  nameOf,
  NAT_GATEWAY,
  NETWORK,
  NETWORK_ID,
  NETWORK_INTERFACE,
} from '../../api/index.ts'
import { isError } from '../../errors/errors.ts'
import type { Clock } from '../../time/clock.ts'
import { timestamp } from '../../time/clock.ts'
import { addFinalizer, removeFinalizer } from '../runtime/finalizers.ts'
import { expectNone, identityOf } from '../runtime/live.ts'
import { listNames, writeStatus } from '../runtime/status.ts'
import { claimRefTo } from '../view/claims.ts'
import type { Cluster } from '../view/cluster.ts'

type State = NonNullable<NonNullable<Network['status']>['state']>

/**
 * Gives every Network its network ID and keeps it until nothing refers to the Network any more.
 *
 * Conditions: `Available` (Allocated, NetworkIDsExhausted, NetworkIDTaken, InvalidProviderID); `InUse` while deletion waits
 * (Referenced).
 */
export class NetworkReconciler {
  readonly #cluster: Cluster
  readonly #clock: Clock

  constructor(cluster: Cluster, clock: Clock) {
    this.#cluster = cluster
    this.#clock = clock
  }

  async reconcile(key: ObjectKey): Promise<void> {
    const { store } = this.#cluster
    const found = store.get(NETWORK, key)
    if (found === undefined) return
    if (found.metadata.deletionTimestamp !== undefined) return this.#finish(found)

    const network = await addFinalizer(store, found, FINALIZERS.network)
    const { providerID } = network.spec
    const wanted = providerID === undefined ? undefined : idInProviderId(providerID)
    if (providerID !== undefined && wanted === undefined) {
      const message = `spec.providerID: "${providerID}" does not hold a network ID; ironcore-net://<namespace>/<name>/<id>/<uid> is right`
      return this.#report(network, 'Error', {
        type: 'Available',
        status: 'False',
        reason: 'InvalidProviderID',
        message,
      })
    }
    const id = wanted === undefined ? await this.#allocate(network) : await this.#claim(network, wanted)
    if (id === undefined) {
      const [reason, message] =
        wanted === undefined
          ? ['NetworkIDsExhausted', 'every network ID is in use; delete Networks that are not needed']
          : ['NetworkIDTaken', `spec.providerID: network ID ${wanted} belongs to ${this.#holderOf(wanted)}`]
      return this.#report(network, 'Error', { type: 'Available', status: 'False', reason, message })
    }
    const named =
      providerID !== undefined
        ? network
        : await store.update<Network>({
            ...network,
            spec: { ...network.spec, providerID: networkProviderId(network, id) },
          })
    this.#cluster.refresh(NETWORK, key)
    await this.#releaseIds(named, String(id))
    const message = `has network ID ${id}`
    await this.#report(named, 'Available', { type: 'Available', status: 'True', reason: 'Allocated', message })
  }

  async #finish(network: Network): Promise<void> {
    const key = keyOf(network.metadata)
    const users = [...this.#cluster.interfacesOf(key), ...this.#cluster.gatewaysOf(key)]
    if (users.length > 0) {
      const names = listNames(users.map((user) => nameOf(groupKindOf(user), keyOf(user.metadata))).sort())
      const message = `is deleted once nothing refers to it: ${names}`
      const finding: ConditionUpdate = { type: 'InUse', status: 'True', reason: 'Referenced', message }
      return this.#report(network, network.status?.state ?? 'Pending', finding)
    }
    await this.#expectUnused(network)
    await this.#releaseIds(network)
    await removeFinalizer(this.#cluster.store, network, FINALIZERS.network)
  }

  /** @throws ERR_CONFLICT when something refers to the Network that the cache lacks */
  async #expectUnused(network: Network): Promise<void> {
    const { store } = this.#cluster
    const { namespace } = network.metadata
    const refers = (each: NetworkInterface | NATGateway): boolean => networkKeyOf(each) === keyOf(network.metadata)
    expectNone((await store.listLive(NETWORK_INTERFACE, namespace)).filter(refers))
    expectNone((await store.listLive(NAT_GATEWAY, namespace)).filter(refers))
  }

  /** Takes up an ID that a run cut short has allocated, or a new one. @returns undefined when all are taken */
  async #allocate(network: Network): Promise<number | undefined> {
    const [own] = this.#cluster.networkIdsOf(network.metadata.uid)
    if (own !== undefined) return Number(own.metadata.name)
    const refused = new Set<number>()
    for (;;) {
      const isTaken = (id: number): boolean =>
        refused.has(id) || this.#cluster.store.get(NETWORK_ID, String(id)) !== undefined
      const id = nextNetworkId(network.metadata.uid, isTaken)
      if (id === undefined || (await this.#claim(network, id)) !== undefined) return id
      refused.add(id)
    }
  }

  /** @returns the ID once it is the Network's, undefined when it is another's */
  async #claim(network: Network, id: number): Promise<number | undefined> {
    const { store } = this.#cluster
    const name = String(id)
    const present = store.get(NETWORK_ID, name)
    if (present !== undefined) return present.spec.claimRef.uid === network.metadata.uid ? id : undefined
    try {
      const claimRef = claimRefTo(network)
      await store.create<NetworkID>({
        apiVersion: CORE_API,
        kind: 'NetworkID',
        metadata: { name },
        spec: { claimRef },
      })
    } catch (error) {
      if (!isError(error, 'ERR_ALREADY_EXISTS')) throw error
      // Ours where the answer to an earlier creation was lost, or the cache trails.
      const taken = await store.getLive(NETWORK_ID, name)
      return taken?.spec.claimRef.uid === network.metadata.uid ? id : undefined
    }
    this.#cluster.refresh(NETWORK_ID, name)
    return id
  }

  async #releaseIds(network: Network, except?: string): Promise<void> {
    const surplus = this.#cluster.networkIdsOf(network.metadata.uid).filter(({ metadata }) => metadata.name !== except)
    for (const { metadata } of surplus) await this.#delete(metadata)
  }

  async #delete(metadata: NetworkID['metadata']): Promise<void> {
    await this.#cluster.store.delete(NETWORK_ID, metadata.name, identityOf(metadata))
    this.#cluster.refresh(NETWORK_ID, metadata.name)
  }

  #holderOf(id: number): string {
    const claim = this.#cluster.store.get(NETWORK_ID, String(id))?.spec.claimRef
    return claim === undefined ? 'another' : `${claim.resource} ${claim.namespace}/${claim.name}`
  }

  async #report(network: Network, state: State, finding: ConditionUpdate): Promise<void> {
    await writeStatus(this.#cluster.store, network, ({ status, metadata }) => ({
      ...status,
      state,
      conditions: mergeConditions(status?.conditions, [finding], metadata.generation, timestamp(this.#clock)),
    }))
  }
}
