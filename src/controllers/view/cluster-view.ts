import type { Contender } from '../../allocation/holder.ts'
import { comesBefore } from '../../allocation/holder.ts'
import type {
  GroupKind,
  IPAddress,
  IPFamily,
  NATGateway,
  NATTable,
  NetworkID,
  NetworkInterface,
  ObjectKey,
  ResourceOf,
} from '../../api/index.ts'
import { IP_ADDRESS, NAT_GATEWAY, NAT_TABLE, NETWORK_ID } from '../../api/index.ts'
import type { ResourceStore } from '../../store/store.ts'
import { Grouping } from './grouping.ts'
import { InterfaceIndex } from './interface-index.ts'
import { SectionIndex } from './section-index.ts'

/** The indexes over the store, and what is read from them. `kind-views.ts` says which kind keeps which index. */
export class ClusterView {
  readonly store: ResourceStore
  readonly sections = new SectionIndex()
  readonly interfaces = new InterfaceIndex((uid) => this.sections.of(uid).length > 0)
  /** Keys of NATGateways by key of the Network. */
  readonly gateways = new Grouping()
  /** Keys of NATTables by uid of the gateway. */
  readonly tables = new Grouping()
  /** Keys of IPAddresses by uid of the claimer. */
  readonly addresses = new Grouping()
  /** Keys of NetworkIDs by uid of the claimer. */
  readonly networkIds = new Grouping()

  constructor(store: ResourceStore) {
    this.store = store
  }

  interfacesOf(networkKey: ObjectKey): Iterable<NetworkInterface> {
    return this.interfaces.ofNetwork(networkKey)
  }

  /** By uid. */
  interfaceOf(uid: string): NetworkInterface | undefined {
    return this.interfaces.withUid(uid)
  }

  gatewaysOf(networkKey: ObjectKey): NATGateway[] {
    return this.#present(NAT_GATEWAY, this.gateways.members(networkKey))
  }

  tablesOf(gatewayUid: string): NATTable[] {
    return this.#present(NAT_TABLE, this.tables.members(gatewayUid))
  }

  addressesOf(claimerUid: string): IPAddress[] {
    return this.#present(IP_ADDRESS, this.addresses.members(claimerUid))
  }

  networkIdsOf(claimerUid: string): NetworkID[] {
    return this.#present(NETWORK_ID, this.networkIds.members(claimerUid))
  }

  /** Which interface of the Network has the address, of those that want it. */
  addressHolder(networkInterface: NetworkInterface, address: string): NetworkInterface {
    return this.interfaces.holderOf(networkInterface, address)
  }

  /** The gateway that serves a Network in a family, of those that want to: the one that does, else the oldest. */
  servingGateway(networkKey: ObjectKey, family: IPFamily): NATGateway | undefined {
    const rivals = this.gatewaysOf(networkKey).filter(({ spec }) => spec.ipFamily === family)
    if (rivals.length < 2) return rivals[0]
    let best: { gateway: NATGateway; contender: Contender } | undefined
    for (const gateway of rivals) {
      const contender = this.#contender(gateway)
      if (best === undefined || comesBefore(contender, best.contender)) best = { gateway, contender }
    }
    return best?.gateway
  }

  #contender({ metadata: { uid, creationTimestamp, name } }: NATGateway): Contender {
    const hasSlices = this.tablesOf(uid).some(({ spec }) => spec.sections.length > 0)
    const holds = hasSlices ? 2 : Number(this.addresses.members(uid).size > 0)
    return { holds, createdAt: creationTimestamp, name }
  }

  #present<K extends GroupKind>(kind: K, keys: ReadonlySet<ObjectKey>): ResourceOf<K>[] {
    return Array.from(keys).flatMap((key) => this.store.get(kind, key) ?? [])
  }
}
