// Which addresses of the public prefixes cannot be given out on this host.
import { NatGwError } from '../errors/errors.ts'
import { formatCidr, overlaps, parseCidr } from '../net/cidr.ts'
import type { Prefix } from '../net/cidr.ts'
import { formatIpv4, parseIpv4 } from '../net/ipv4.ts'
import type { GatewayConfig } from './config.ts'

/** An IPv4 address of the host, in the network namespace of this process. */
export interface HostAddress {
  device: string
  address: string
  prefixLength: number
}

/**
 * The host's own addresses, the first and last address of each subnet it is in, and its neighbours that are routers: nobody
 * else may use them. An address that is configured as shared is the host's and NAT's.
 * @param routers addresses of the host's next hops
 * @throws ERR_PREFIX_OVERLAP when a public prefix overlaps a subnet of a private device
 */
export function reservedAddresses(
  config: GatewayConfig,
  host: readonly HostAddress[],
  routers: readonly string[],
): string[] {
  const privateDevices = new Set(config.private.map((each) => each.interface))
  const prefixes = config.publicPrefixes.map(({ prefix, shared }) => ({
    text: prefix,
    prefix: parseCidr(prefix),
    shared,
  }))
  const reserved = new Set(routers)
  for (const { device, address, prefixLength } of host) {
    const subnet = subnetOf(address, prefixLength)
    const clash = prefixes.find(({ prefix }) => overlaps(prefix, subnet))
    if (clash !== undefined && privateDevices.has(device)) {
      throw new NatGwError(
        'ERR_PREFIX_OVERLAP',
        `publicPrefixes: ${clash.text} overlaps ${formatCidr(subnet)}, the subnet of private device ${device}; give public addresses only`,
        { prefix: clash.text, device, subnet: formatCidr(subnet) },
      )
    }
    const isShared = prefixes.some(({ prefix, shared }) => shared && overlaps(prefix, subnetOf(address, 32)))
    if (!isShared) reserved.add(address)
    if (prefixLength < 31) {
      reserved.add(formatIpv4(subnet.address))
      reserved.add(formatIpv4((subnet.address + 2 ** (32 - prefixLength) - 1) >>> 0))
    }
  }
  return [...reserved]
}

function subnetOf(address: string, length: number): Prefix {
  const size = 2 ** (32 - length)
  return { address: Math.floor(parseIpv4(address) / size) * size, length }
}
