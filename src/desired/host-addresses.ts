import type { DesiredState } from '../dataplane/desired-state.ts'
import type { InterfaceAddress } from '../host/network-objects.ts'
import type { Address } from '../net/address.ts'

/**
 * What the host answers on: its addresses and the broadcast addresses of its subnets.
 * @param natOnly public addresses that belong to NAT alone, also where the host has them configured
 */
export function hostAddresses(
  addresses: readonly InterfaceAddress[],
  natOnly: ReadonlySet<Address>,
): DesiredState['hostAddresses'] {
  const found = new Map<Address, number>()
  for (const { address, broadcast, ifindex } of addresses) {
    for (const each of broadcast === undefined ? [address] : [address, broadcast]) {
      // The same link-local address may be on several devices.
      if (!natOnly.has(each)) found.set(each, Math.min(ifindex, found.get(each) ?? ifindex))
    }
  }
  return [...found].map(([address, ifindex]) => ({ address, ifindex }))
}
