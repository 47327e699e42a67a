// The public addresses of an instance, and who answers ARP for each on the uplink.
import { AddressFlags } from '../dataplane/generated/layouts.ts'
import type { DataplaneMaps } from '../kernel/pinned-maps.ts'
import type { Address } from '../net/address.ts'
import { formatAddress, ipv4Address } from '../net/address.ts'

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
 * @param uplinkAttached whether a program is on the uplink: it answers, before the host can
 */
export function addressRows(
  maps: Pick<DataplaneMaps, 'addresses'>,
  hostAddresses: ReadonlySet<Address>,
  uplinkAttached: boolean,
): AddressRow[] {
  const entries = [...maps.addresses.entries()].sort(([a], [b]) => a.address - b.address)
  return entries.map(([key, { firstPort, lastPort, flags }]): AddressRow => {
    const address = ipv4Address(key.address)
    const shared = (flags & AddressFlags.ADDRESS_SHARED) !== 0
    const fallback = hostAddresses.has(address) ? 'host' : 'nobody'
    const answeredBy = !shared && uplinkAttached ? 'natgw' : fallback
    return { address: formatAddress(address), shared, firstPort, lastPort, answeredBy }
  })
}
