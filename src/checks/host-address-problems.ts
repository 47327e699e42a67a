// Public addresses that NAT and the host both have, or that only one of them has where both should.
import type { Problem } from '../problems/problem.ts'
import { containsAddress, parseCidr } from '../net/cidr.ts'
import { formatIpv4, parseIpv4 } from '../net/ipv4.ts'
import type { PublicPrefix } from '../config/config.ts'

/** A public address with slices of NAT, as IPv4 text. */
export interface NatAddress {
  address: string
  shared: boolean
}

/** An IPv4 address of the host. */
export interface OwnAddress {
  device: string
  address: string
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
function sharedAddresses(prefix: string, nat: readonly NatAddress[]): string[] {
  const range = parseCidr(prefix)
  const used = nat.flatMap(({ address, shared }) =>
    shared && containsAddress(range, parseIpv4(address)) ? [address] : [],
  )
  return range.length === 32 ? [formatIpv4(range.address)] : used
}

function takenByHost(address: string, device: string): Problem {
  return {
    reason: 'AddressTakenByHost',
    severity: 'error',
    object: `address ${address}`,
    message: `NAT uses it, and the host has it on ${device} as well: NAT goes on, and the host is not reached at it`,
    remedy: `take it off the host (ip address del ${address} dev ${device}), or give it in publicPrefixes with ports and shared: true`,
  }
}

function notTheHosts(address: string): Problem {
  return {
    reason: 'SharedAddressMissing',
    severity: 'error',
    object: `address ${address}`,
    message: 'publicPrefixes says that the host shares it, and the host does not have it: nobody answers ARP for it',
    remedy: `give it to the host (ip address add ${address}/32 dev the uplink), or correct publicPrefixes`,
  }
}
