// Which addresses of the public prefixes cannot be given out on this host.
import { NatGwError } from '../errors/errors.ts'
import type { Address } from '../net/address.ts'
import { formatCidr, hostPrefix, lastAddress, overlaps, parseCidr, prefixOf } from '../net/cidr.ts'
import type { GatewayConfig } from './config.ts'

/** An IPv4 address of the host, in the network namespace of this process. */
export interface HostAddress {
  device: string
  address: Address
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
  routers: readonly Address[],
): Address[] {
  const privateDevices = new Set(config.private.map((each) => each.interface))
  const prefixes = config.publicPrefixes.map(({ prefix, shared }) => ({
    text: prefix,
    prefix: parseCidr(prefix),
    shared,
  }))
  const reserved = new Set(routers)
  for (const { device, address, prefixLength } of host) {
    const subnet = prefixOf(address, prefixLength)
    const clash = prefixes.find(({ prefix }) => overlaps(prefix, subnet))
    if (clash !== undefined && privateDevices.has(device)) {
      throw new NatGwError(
        'ERR_PREFIX_OVERLAP',
        `publicPrefixes: ${clash.text} overlaps ${formatCidr(subnet)}, the subnet of private device ${device}; give public addresses only`,
        { prefix: clash.text, device, subnet: formatCidr(subnet) },
      )
    }
    const isShared = prefixes.some(({ prefix, shared }) => shared && overlaps(prefix, hostPrefix(address)))
    if (!isShared) reserved.add(address)
    if (prefixLength < 31) {
      reserved.add(subnet.address)
      reserved.add(lastAddress(subnet))
    }
  }
  return [...reserved]
}
