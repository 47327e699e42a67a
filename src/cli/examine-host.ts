// What `natgw run` wants to know of the host before it touches anything.
import { IpPool } from '../allocation/ip-pool.ts'
import type { GatewayConfig } from '../config/config.ts'
import { reservedAddresses } from '../config/public-addresses.ts'
import { listHost } from '../host/rtnetlink.ts'
import type { Address } from '../net/address.ts'
import { formatAddress, isIpv4 } from '../net/address.ts'
import { containsAddress, hostPrefix, parseCidr } from '../net/cidr.ts'

/**
 * @returns the public addresses that can be given out, and what a person should know
 * @throws ERR_PREFIX_OVERLAP. A device that is missing or down is waited for
 */
export function examineHost(config: GatewayConfig): { pool: IpPool; notes: string[] } {
  const reserved = reservedOnHost(config, listHost())
  return { pool: new IpPool(config.publicPrefixes, reserved.map(hostPrefix)), notes: leftOutNotes(config, reserved) }
}

/** A sentence for each prefix of which addresses are not given out. */
export function leftOutNotes({ publicPrefixes }: GatewayConfig, reserved: readonly Address[]): string[] {
  return publicPrefixes.flatMap(({ prefix }) => leftOut(prefix, reserved))
}

/** Addresses that the host, a router or a subnet needs for itself. @throws ERR_PREFIX_OVERLAP */
export function reservedOnHost(
  config: GatewayConfig,
  { links, addresses, routes }: ReturnType<typeof listHost>,
): Address[] {
  const names = new Map(links.map(({ ifindex, name }) => [ifindex, name]))
  const privateDevices = new Set(config.private.map((device) => device.interface))
  const placed = (address: Address, { ifindex, prefixLength }: { ifindex: number; prefixLength: number }) => ({
    device: names.get(ifindex) ?? '',
    address,
    prefixLength,
  })
  const own = addresses.filter(({ address }) => isIpv4(address)).map((each) => placed(each.address, each))
  // What is routed to private devices is as private as what is on them.
  const inside = routes
    .filter(({ prefixLength }) => prefixLength > 0)
    .map((route) => placed(route.address, route))
    .filter(({ device }) => privateDevices.has(device))
  return reservedAddresses(
    config,
    [...own, ...inside],
    routes.flatMap(({ gateway }) => gateway ?? []),
  )
}

function leftOut(text: string, reserved: readonly Address[]): string[] {
  const prefix = parseCidr(text)
  const held = reserved.filter((address) => containsAddress(prefix, address))
  if (held.length === 0) return []
  return [
    `publicPrefixes: of ${text} this host, a router or a subnet needs for itself, so NAT is given none of these newly: ${held.map(formatAddress).join(', ')}`,
  ]
}
