import type { InterfaceAddress } from './model.ts'
import { lastAddress, prefixOf } from '../net/cidr.ts'
import { formatIpv4 } from '../net/ipv4.ts'
import { formatIpv6 } from '../net/ipv6.ts'
import { NLM_F_DUMP, attributesOf, readIpv4, readU32, request } from './message.ts'

export const RTM_NEWADDR = 20
export const RTM_DELADDR = 21
const RTM_GETADDR = 22

/** struct ifaddrmsg: family, prefix length, flags, scope, index at 4. */
const IFADDRMSG_BYTES = 8
const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFA_BROADCAST = 4
const AF_INET = 2
const AF_INET6 = 10

export function dumpAddresses(): Uint8Array {
  return request(RTM_GETADDR, NLM_F_DUMP, new Uint8Array(IFADDRMSG_BYTES))
}

/** @returns undefined for families other than IPv4 and IPv6 */
export function readAddress(body: Uint8Array): InterfaceAddress | undefined {
  if (body.length < IFADDRMSG_BYTES) return undefined
  const attributes = attributesOf(body, IFADDRMSG_BYTES)
  // On a point-to-point device IFA_ADDRESS is the other end's.
  const own = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS)
  const prefixLength = body[1] ?? 0
  const ifindex = readU32(body, 4)
  if (own === undefined) return undefined
  if (body[0] === AF_INET6 && own.length === 16) {
    return { ifindex, family: 'IPv6', address: formatIpv6(own), prefixLength }
  }
  if (body[0] !== AF_INET || own.length !== 4) return undefined
  const broadcast = broadcastOf(attributes, own, prefixLength)
  return {
    ifindex,
    family: 'IPv4',
    address: formatIpv4(readIpv4(own)),
    prefixLength,
    ...(broadcast === undefined ? {} : { broadcast: formatIpv4(broadcast) }),
  }
}

/** The kernel takes the last address of a subnet for its broadcast address also where none was configured (RFC 3021: not of a /31). */
function broadcastOf(attributes: Map<number, Uint8Array>, own: Uint8Array, prefixLength: number): number | undefined {
  const told = attributes.get(IFA_BROADCAST)
  if (told?.length === 4) return readIpv4(told)
  const far = attributes.get(IFA_ADDRESS) ?? own
  if (prefixLength > 30 || readIpv4(far) !== readIpv4(own)) return undefined
  return lastAddress(prefixOf(readIpv4(own), prefixLength))
}
