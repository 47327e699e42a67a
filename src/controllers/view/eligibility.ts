import { addressOf, networkKeyOf } from '../../allocation/lookups.ts'
import type { IPFamily, NATGateway, NetworkInterface } from '../../api/index.ts'
import { keyOf, NETWORK } from '../../api/index.ts'
import type { Cluster } from './cluster.ts'

/** Whether an interface can be part of its Network at all. */
export interface Verdict {
  reason: 'Accepted' | 'NetworkNotFound' | 'NetworkNotAvailable' | 'AddressConflict'
  message: string
}

export function judge(cluster: Cluster, networkInterface: NetworkInterface): Verdict {
  const networkKey = networkKeyOf(networkInterface)
  const network = cluster.store.get(NETWORK, networkKey)
  if (network === undefined) {
    const message = `spec.networkRef.name: Network ${networkKey} does not exist; create it or refer to another`
    return { reason: 'NetworkNotFound', message }
  }
  for (const { value } of networkInterface.spec.ips) {
    const holder = cluster.addressHolder(networkInterface, value)
    if (holder.metadata.uid === networkInterface.metadata.uid) continue
    const message = `spec.ips: ${value} belongs to NetworkInterface ${keyOf(holder.metadata)} of Network ${networkKey}; use an address of its own`
    return { reason: 'AddressConflict', message }
  }
  if (network.spec.providerID === undefined) {
    const message = `Network ${networkKey} has no network ID yet; its condition Available says why`
    return { reason: 'NetworkNotAvailable', message }
  }
  return { reason: 'Accepted', message: `part of Network ${networkKey}` }
}

/** Upstream's virtual IPs are IPv4 only, so they take an interface out of IPv4 gateways only. */
export function hasPublicAddress(networkInterface: NetworkInterface, family: IPFamily): boolean {
  return family === 'IPv4' && networkInterface.spec.virtualIP !== undefined
}

/**
 * Whether the gateway is to serve the interface, given that it serves its Network: accepted, with an address of the family,
 * no public one of that family, and no slice of another gateway. One that is being deleted keeps its slice to its end
 * but gets none.
 */
export function wantsSlice(cluster: Cluster, gateway: NATGateway, networkInterface: NetworkInterface): boolean {
  const { ipFamily } = gateway.spec
  if (networkKeyOf(networkInterface) !== networkKeyOf(gateway)) return false
  if (addressOf(networkInterface, ipFamily) === undefined || hasPublicAddress(networkInterface, ipFamily)) return false
  const { uid, deletionTimestamp } = networkInterface.metadata
  const slices = cluster.sections.of(uid)
  if (deletionTimestamp !== undefined && slices.length === 0) return false
  if (slices.some(({ gatewayUid }) => gatewayUid !== gateway.metadata.uid)) return false
  return judge(cluster, networkInterface).reason === 'Accepted'
}

export function wantingInterfaces(cluster: Cluster, gateway: NATGateway): NetworkInterface[] {
  return Array.from(cluster.interfacesOf(networkKeyOf(gateway))).filter((each) => wantsSlice(cluster, gateway, each))
}
