// What a destination is (an inside address, NAT's, the host's, or simply outside) decides whether a flow may go there. A flow
// that began before that changed has to be evaluated again.
import type { Address } from '../net/address.ts'
import { ipv4Address } from '../net/address.ts'
import { networkOf } from '../net/cidr.ts'
import type { DesiredRoute } from './desired-state.ts'
import type { HostAddressKey } from './generated/layouts.ts'
import type { MapImage } from './image.ts'
import type { Operation } from './operations.ts'

/**
 * Whether an address that a living session may have as its remote becomes something else than outside. What is routed
 * nowhere outside, as inside prefixes are where their device is known to the kernel, no session has: interfaces that come
 * and go there cost the flows of others nothing.
 */
export function destinationsChange(
  image: MapImage,
  operations: readonly Operation[],
  routes: readonly DesiredRoute[],
): boolean {
  let isReachable: ((address: Address) => boolean) | undefined
  return operations.some((operation) => {
    if (operation.kind !== 'put') return false
    switch (operation.map) {
      case 'addresses':
        return !image.addresses.has(operation.key)
      case 'hostAddresses':
        return isIpv4(operation.key) && !image.hostAddresses.has(operation.key)
      case 'interfaces': {
        if (image.interfaces.has(operation.key)) return false
        isReachable ??= reachability(routes)
        return isReachable(ipv4Address(operation.key.address))
      }
      default:
        return false
    }
  })
}

/** ::ffff:a.b.c.d */
function isIpv4({ address }: HostAddressKey): boolean {
  return address.subarray(0, 12).every((byte, index) => byte === (index < 10 ? 0 : 0xff))
}

/** By the longest prefix, as the programs look. */
function reachability(routes: readonly DesiredRoute[]): (address: Address) => boolean {
  const byLength = new Map<number, Map<Address, boolean>>()
  for (const { address, prefixLength, type } of routes) {
    const ofLength = byLength.get(prefixLength) ?? new Map<Address, boolean>()
    byLength.set(prefixLength, ofLength)
    ofLength.set(address, type !== 'reject')
  }
  const lengths = [...byLength.keys()].sort((a, b) => b - a)
  return (address) => {
    for (const length of lengths) {
      const found = byLength.get(length)?.get(networkOf(address, length))
      if (found !== undefined) return found
    }
    return false
  }
}
