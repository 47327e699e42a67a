import { attributesOf, NLM_F_DUMP, readI32, readText, readU32, request } from './message.ts'
import type { Link } from './network-objects.ts'

export const RTM_NEWLINK = 16
export const RTM_DELLINK = 17
const RTM_GETLINK = 18

/** struct ifinfomsg: family, type, index at 4, flags at 8, change. */
const IFINFOMSG_BYTES = 16
const IFF_UP = 1 << 0
const IFF_LOWER_UP = 1 << 16
const IFLA_ADDRESS = 1
const IFLA_IFNAME = 3
const IFLA_MTU = 4
const IFLA_LINKINFO = 18
const IFLA_INFO_KIND = 1

export function dumpLinks(): Uint8Array {
  return request(RTM_GETLINK, NLM_F_DUMP, new Uint8Array(IFINFOMSG_BYTES))
}

/** @returns undefined for messages of a bridge's ports, which come under the same type with another family */
export function readLink(body: Uint8Array): Link | undefined {
  if (body.length < IFINFOMSG_BYTES || body[0] !== 0) return undefined
  const attributes = attributesOf(body, IFINFOMSG_BYTES)
  const name = attributes.get(IFLA_IFNAME)
  if (name === undefined) return undefined
  const mtu = attributes.get(IFLA_MTU)
  const info = attributes.get(IFLA_LINKINFO)
  const kind = info && attributesOf(info, 0).get(IFLA_INFO_KIND)
  const flags = readU32(body, 8)
  return {
    ifindex: readI32(body, 4),
    name: readText(name),
    mtu: mtu === undefined ? 0 : readU32(mtu),
    mac: Uint8Array.from(attributes.get(IFLA_ADDRESS) ?? []),
    up: (flags & IFF_UP) !== 0,
    carrier: (flags & IFF_LOWER_UP) !== 0,
    ...(kind === undefined ? {} : { kind: readText(kind) }),
  }
}
