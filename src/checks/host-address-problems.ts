// Public addresses that NAT and the host both have, or that only one of them has where both should.
import type { PublicPrefix } from '../config/config.ts'
import type { Address } from '../net/address.ts'
import { formatAddress } from '../net/address.ts'
import { containsAddress, parseCidr, sizeOf } from '../net/cidr.ts'
import type { Problem } from '../problems/problem.ts'

/** A public address with slices of NAT. */
export interface NatAddress {
  address: Address
  shared: boolean
}

/** An address of the host. */
export interface OwnAddress {
  device: string
  address: Address
}

export function hostAddressProblems(
  prefixes: readonly PublicPrefix[],
  own: readonly OwnAddress[],
  nat: readonly NatAddress[],
): Problem[] {
  const deviceOf = new Map(own.map(({ device, address }) => [address, device]))
  const taken = nat.flatMap(({ address, shared }) => {
    const device = shared ? undefined : deviceOf.get(address)
    return device === undefined ? [] : [takenByHost(address, device)]
  })
  const missing = prefixes
    .filter(({ shared }) => shared)
    .flatMap(({ prefix }) => sharedAddresses(prefix, nat))
    .filter((address) => !deviceOf.has(address))
    .map(notTheHosts)
  return [...taken, ...missing]
}

/** Those in use; of a single address it is known before. */
function sharedAddresses(prefix: string, nat: readonly NatAddress[]): Address[] {
  const range = parseCidr(prefix)
  if (sizeOf(range) === 1) return [range.address]
  return nat.flatMap(({ address, shared }) => (shared && containsAddress(range, address) ? [address] : []))
}

function takenByHost(address: Address, device: string): Problem {
  const text = formatAddress(address)
  return {
    reason: 'AddressTakenByHost',
    severity: 'error',
    object: `address ${text}`,
    message: `NAT uses it, and the host has it on ${device} as well: NAT goes on, and the host is not reached at it`,
    remedy: `take it off the host (ip address del ${text} dev ${device}), or give it in publicPrefixes with ports and shared: true`,
  }
}

function notTheHosts(address: Address): Problem {
  const text = formatAddress(address)
  return {
    reason: 'SharedAddressMissing',
    severity: 'error',
    object: `address ${text}`,
    message: 'publicPrefixes says that the host shares it, and the host does not have it: nobody answers ARP for it',
    remedy: `give it to the host (ip address add ${text}/32 dev the uplink), or correct publicPrefixes`,
  }
}
