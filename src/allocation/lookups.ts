import type {
  GroupKind,
  IPFamily,
  NATGateway,
  NATTable,
  Network,
  NetworkInterface,
  ObjectKey,
  ResourceOf,
} from '../api/index.ts'
import { NAT_GATEWAY, NAT_TABLE, NETWORK, NETWORK_ID } from '../api/index.ts'
import { idInProviderId } from './network-ids.ts'

/** The reading half of the store. */
export interface ResourceReader {
  get<K extends GroupKind>(kind: K, key: ObjectKey): ResourceOf<K> | undefined
  list<K extends GroupKind>(kind: K, namespace?: string): readonly ResourceOf<K>[]
}

/** The VNI that the Network holds; undefined while it has none. */
export function networkIdOf(store: ResourceReader, network: Network): number | undefined {
  const id = network.spec.providerID === undefined ? undefined : idInProviderId(network.spec.providerID)
  if (id === undefined) return undefined
  const claimRef = store.get(NETWORK_ID, String(id))?.spec.claimRef
  return claimRef?.uid === network.metadata.uid ? id : undefined
}

/** Key of the Network that an interface or a gateway refers to. */
export function networkKeyOf({ metadata, spec }: NetworkInterface | NATGateway): ObjectKey {
  return `${metadata.namespace}/${spec.networkRef.name}`
}

/** Inside address of that family, as written; undefined when it has none. */
export function addressOf(networkInterface: NetworkInterface, family: IPFamily): string | undefined {
  const { ipFamilies, ips } = networkInterface.spec
  const index = ipFamilies.indexOf(family)
  return index < 0 ? undefined : ips[index]?.value
}

export function natTableName(gatewayUid: string, ip: string): string {
  return `${gatewayUid}-${ip.replaceAll('.', '-')}`
}

/** A NATTable with its gateway, Network and VNI. */
export interface EffectiveTable {
  table: NATTable
  gateway: NATGateway
  network: Network
  vni: number
}

/** Every NATTable whose gateway and Network are there and whose Network has its VNI. */
export function natTables(store: ResourceReader): EffectiveTable[] {
  return store.list(NAT_TABLE).flatMap((table) => {
    const { gatewayRef } = table.spec
    const gateway = store.get(NAT_GATEWAY, `${table.metadata.namespace}/${gatewayRef.name}`)
    if (gateway?.metadata.uid !== gatewayRef.uid) return []
    const network = store.get(NETWORK, networkKeyOf(gateway))
    if (network === undefined) return []
    const vni = networkIdOf(store, network)
    return vni === undefined ? [] : [{ table, gateway, network, vni }]
  })
}
