// The public addresses of an instance, and who answers ARP for each on the uplink.
import { AddressFlags } from '../dataplane/generated/layouts.ts'
import type { DataplaneMaps } from '../kernel/pinned-maps.ts'
import { formatIpv4 } from '../net/ipv4.ts'

export interface AddressRow {
  address: string
  /** The host uses it too. */
  shared: boolean
  /** Ports that NAT uses. */
  firstPort: number
  lastPort: number
  answeredBy: 'natgw' | 'host' | 'nobody'
}

/**
 * In the order of the addresses.
 * @param hostAddresses as text
 * @param uplinkAttached whether a program is on the uplink: it answers, before the host can
 */
export function addressRows(
  maps: Pick<DataplaneMaps, 'addresses'>,
  hostAddresses: ReadonlySet<string>,
  uplinkAttached: boolean,
): AddressRow[] {
  const entries = [...maps.addresses.entries()].sort(([a], [b]) => a.address - b.address)
  return entries.map(([key, { firstPort, lastPort, flags }]): AddressRow => {
    const address = formatIpv4(key.address)
    const shared = (flags & AddressFlags.ADDRESS_SHARED) !== 0
    const fallback = hostAddresses.has(address) ? 'host' : 'nobody'
    return { address, shared, firstPort, lastPort, answeredBy: !shared && uplinkAttached ? 'natgw' : fallback }
  })
}
