import { networkKeyOf } from '../../allocation/lookups.ts'
import type { NATGateway } from '../../api/index.ts'
import { IP_ADDRESS, keyOf, NAT_GATEWAY, NAT_TABLE, NETWORK, NETWORK_INTERFACE } from '../../api/index.ts'
import { expectCurrent, expectNone, trailing } from '../runtime/live.ts'
import type { Cluster } from '../view/cluster.ts'
import { sameSpec } from '../view/differences.ts'

/** Live reads under way at a time. */
const READS_AT_ONCE = 100

/**
 * Confirms by live reads, before a gateway takes slices or addresses away, that what it rests on is so. Everything here
 * throws ERR_CONFLICT when the cache trails; the gateway is looked at again later and nothing has been lost.
 */
export class GatewayLosses {
  readonly #cluster: Cluster

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** Owners that want no slice any more: each is gone, or says so itself. */
  async expectLeaving(gateway: NATGateway, leaving: readonly { name: string; uid: string }[]): Promise<void> {
    if (leaving.length === 0) return
    await this.#expectNetworkCurrent(gateway)
    for (let i = 0; i < leaving.length; i += READS_AT_ONCE) {
      await Promise.all(leaving.slice(i, i + READS_AT_ONCE).map((owner) => this.#expectLeft(gateway, owner)))
    }
  }

  /** Slices that move because the gateway has another size of slices than when they were given. */
  expectCurrent(gateway: NATGateway): Promise<void> {
    return expectCurrent(this.#cluster.store, NAT_GATEWAY, keyOf(gateway.metadata), gateway)
  }

  /** A gateway that serves nobody: another does, or its Network is not there. */
  async expectObstacle(gateway: NATGateway, winner: NATGateway | undefined): Promise<void> {
    if (winner !== undefined) await this.expectCurrent(winner)
    else await this.#expectNetworkCurrent(gateway)
  }

  /** Before the gateway's finalizer goes. */
  async expectNothingOwned({ metadata: { uid, namespace } }: NATGateway): Promise<void> {
    const { store } = this.#cluster
    expectNone((await store.listLive(NAT_TABLE, namespace)).filter(({ spec }) => spec.gatewayRef.uid === uid))
    expectNone((await store.listLive(IP_ADDRESS)).filter(({ spec }) => spec.claimRef.uid === uid))
  }

  async #expectLeft(gateway: NATGateway, { name, uid }: { name: string; uid: string }): Promise<void> {
    const { namespace } = gateway.metadata
    const key = keyOf(namespace === undefined ? { name } : { namespace, name })
    const live = await this.#cluster.store.getLive(NETWORK_INTERFACE, key)
    if (live?.metadata.uid !== uid) return
    if (!sameSpec(this.#cluster.interfaceOf(uid), live)) throw trailing(NETWORK_INTERFACE, key)
  }

  #expectNetworkCurrent(gateway: NATGateway): Promise<void> {
    const { store } = this.#cluster
    const key = networkKeyOf(gateway)
    return expectCurrent(store, NETWORK, key, store.get(NETWORK, key))
  }
}
