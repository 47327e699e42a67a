import type { DesiredState } from '../dataplane/desired-state.ts'
import type { InterfaceAddress } from '../host/model.ts'

/**
 * What the host answers on: its addresses and the broadcast addresses of its subnets.
 * @param natOnly texts of public addresses that belong to NAT alone, also where the host has them configured
 */
export function hostAddresses(
  addresses: readonly InterfaceAddress[],
  natOnly: ReadonlySet<string>,
): DesiredState['hostAddresses'] {
  const found = new Map<string, number>()
  for (const { address, broadcast, ifindex } of addresses) {
    for (const text of broadcast === undefined ? [address] : [address, broadcast]) {
      // The same link-local address may be on several devices.
      if (!natOnly.has(text)) found.set(text, Math.min(ifindex, found.get(text) ?? ifindex))
    }
  }
  return [...found].map(([address, ifindex]) => ({ address, ifindex }))
}
