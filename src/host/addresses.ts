import type { Address } from '../net/address.ts'
import { addressOfBytes, isIpv4 } from '../net/address.ts'
import { lastAddress, prefixOf } from '../net/cidr.ts'
import { attributesOf, NLM_F_DUMP, readU32, request } from './message.ts'
import type { InterfaceAddress } from './network-objects.ts'

export const RTM_NEWADDR = 20
export const RTM_DELADDR = 21
const RTM_GETADDR = 22

/** struct ifaddrmsg: family, prefix length, flags, scope, index at 4. */
const IFADDRMSG_BYTES = 8
const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFA_BROADCAST = 4

export function dumpAddresses(): Uint8Array {
  return request(RTM_GETADDR, NLM_F_DUMP, new Uint8Array(IFADDRMSG_BYTES))
}

/** @returns undefined for families other than IPv4 and IPv6 */
export function readAddress(body: Uint8Array): InterfaceAddress | undefined {
  if (body.length < IFADDRMSG_BYTES) return undefined
  const attributes = attributesOf(body, IFADDRMSG_BYTES)
  // On a point-to-point device IFA_ADDRESS is the other end's.
  const far = addressIn(attributes, IFA_ADDRESS)
  const address = addressIn(attributes, IFA_LOCAL) ?? far
  if (address === undefined) return undefined
  const prefixLength = body[1] ?? 0
  const broadcast = isIpv4(address) ? broadcastOf(attributes, address, far ?? address, prefixLength) : undefined
  return { ifindex: readU32(body, 4), address, prefixLength, ...(broadcast === undefined ? {} : { broadcast }) }
}

function addressIn(attributes: Map<number, Uint8Array>, type: number): Address | undefined {
  const bytes = attributes.get(type)
  return bytes && addressOfBytes(bytes)
}

/** The kernel takes the last address of a subnet for its broadcast address also where none was configured (RFC 3021: not of a /31). */
function broadcastOf(
  attributes: Map<number, Uint8Array>,
  own: Address,
  far: Address,
  prefixLength: number,
): Address | undefined {
  const configured = addressIn(attributes, IFA_BROADCAST)
  if (configured !== undefined) return configured
  return prefixLength > 30 || far !== own ? undefined : lastAddress(prefixOf(own, prefixLength))
}
