import type { Address } from '../net/address.ts'
import { addressOfBytes, bytesOfAddress, isIpv4 } from '../net/address.ts'
import {
  attribute,
  attributesOf,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_REPLACE,
  readI32,
  readU16,
  readU32,
  request,
  u32,
} from './message.ts'
import type { Neighbour } from './network-objects.ts'

export const RTM_NEWNEIGH = 28
export const RTM_DELNEIGH = 29
const RTM_GETNEIGH = 30

/** struct ndmsg: family, 3 bytes of padding, ifindex at 4, state at 8, flags at 10, type at 11. */
const NDMSG_BYTES = 12
const AF_INET = 2
const AF_INET6 = 10
const NDA_DST = 1
const NDA_LLADDR = 2
const NDA_PROTOCOL = 12
const NDA_FLAGS_EXT = 15
const NTF_USE = 1 << 0
const NTF_PROXY = 1 << 3
const NTF_EXT_LEARNED = 1 << 4
const NTF_EXT_MANAGED = 1 << 0

export const NUD_INCOMPLETE = 0x01
export const NUD_REACHABLE = 0x02
export const NUD_STALE = 0x04
const NUD_DELAY = 0x08
const NUD_PROBE = 0x10
export const NUD_FAILED = 0x20
export const NUD_PERMANENT = 0x80
/** States in which the kernel itself sends to the address it has. NOARP entries (broadcast, multicast) are not neighbours. */
const USABLE = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT

/** Marks the entries that we asked the kernel for, so that a later run of ours can let go of them; not in <linux/rtnetlink.h>. */
export const NEIGHBOUR_PROTOCOL = 0xe7
const OURS = Uint8Array.of(NEIGHBOUR_PROTOCOL)

export function dumpNeighbours(): Uint8Array {
  return request(RTM_GETNEIGH, NLM_F_DUMP, new Uint8Array(NDMSG_BYTES))
}

/** @returns undefined for families other than IPv4 and IPv6, and for proxy entries */
export function readNeighbour(body: Uint8Array): Neighbour | undefined {
  if (body.length < NDMSG_BYTES || (body[0] !== AF_INET && body[0] !== AF_INET6)) return undefined
  const flags = body[10] ?? 0
  const attributes = attributesOf(body, NDMSG_BYTES)
  const destination = attributes.get(NDA_DST)
  const address = destination && addressOfBytes(destination)
  if (address === undefined || (flags & NTF_PROXY) !== 0) return undefined
  const state = readU16(body, 8)
  const mac = attributes.get(NDA_LLADDR)
  const extended = attributes.get(NDA_FLAGS_EXT)
  const usable = (state & USABLE) !== 0 && mac?.length === 6
  return {
    ifindex: readI32(body, 4),
    address,
    state,
    ...(usable ? { mac: Uint8Array.from(mac) } : {}),
    managed: extended !== undefined && (readU32(extended) & NTF_EXT_MANAGED) !== 0,
    fixed: (state & NUD_PERMANENT) !== 0 || (flags & NTF_EXT_LEARNED) !== 0,
    protocol: attributes.get(NDA_PROTOCOL)?.[0] ?? 0,
  }
}

/**
 * Has the kernel resolve a neighbour, or probe it again when the entry is stale. With `keep` it goes on doing so by itself
 * until a request without `keep`; kernels before 5.16 take `keep` for a request without it.
 */
export function resolveNeighbour(ifindex: number, address: Address, keep: boolean): Uint8Array {
  const fixed = neighbourHeader(ifindex, address)
  fixed[10] = NTF_USE
  return request(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, fixed, [
    attribute(NDA_DST, bytesOfAddress(address)),
    ...(keep ? [attribute(NDA_PROTOCOL, OURS), attribute(NDA_FLAGS_EXT, u32(NTF_EXT_MANAGED))] : []),
  ])
}

export function deleteNeighbour(ifindex: number, address: Address): Uint8Array {
  const destination = attribute(NDA_DST, bytesOfAddress(address))
  return request(RTM_DELNEIGH, NLM_F_ACK, neighbourHeader(ifindex, address), [destination])
}

function neighbourHeader(ifindex: number, address: Address): Uint8Array {
  const fixed = new Uint8Array(NDMSG_BYTES)
  fixed[0] = isIpv4(address) ? AF_INET : AF_INET6
  fixed.set(u32(ifindex), 4)
  return fixed
}
