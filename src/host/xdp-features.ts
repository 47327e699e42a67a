import { NetlinkSocket } from '../native/load-native.ts'
import { inSlices } from './in-slices.ts'
import { attribute, attributesOf, messagesOf, NLM_F_ACK, NLM_F_DUMP, readU16, readU32, request } from './message.ts'

// Generic netlink (<linux/genetlink.h>) and its family `netdev` (<linux/netdev.h>, Linux 6.3).

const NETLINK_GENERIC = 16
const GENL_ID_CTRL = 16
const CTRL_CMD_GETFAMILY = 3
const CTRL_ATTR_FAMILY_ID = 1
const CTRL_ATTR_FAMILY_NAME = 2
const NETDEV_CMD_DEV_GET = 1
const NETDEV_A_DEV_IFINDEX = 1
const NETDEV_A_DEV_XDP_FEATURES = 3
/** struct genlmsghdr: command, version, two bytes of padding. */
const GENLMSGHDR_BYTES = 4
const VERSION = 1
const NETDEV_XDP_ACT_NDO_XMIT = 4

/**
 * Which devices of this network namespace take frames that native XDP redirects to them, by ifindex.
 * @returns undefined where the kernel does not tell: then the kind of a device has to do
 */
export async function readRedirectTargets(): Promise<Map<number, boolean> | undefined> {
  const socket = new NetlinkSocket([], undefined, undefined, NETLINK_GENERIC)
  try {
    const targets = new Map<number, boolean>()
    const devices = await socket.dump(command(familyId(socket, 'netdev'), NLM_F_DUMP, NETDEV_CMD_DEV_GET))
    await inSlices(messagesOf(devices), ({ body }) => {
      const attributes = attributesOf(body, GENLMSGHDR_BYTES)
      const ifindex = attributes.get(NETDEV_A_DEV_IFINDEX)
      const features = attributes.get(NETDEV_A_DEV_XDP_FEATURES)
      if (ifindex === undefined || features === undefined) return
      targets.set(readU32(ifindex), (readU32(features) & NETDEV_XDP_ACT_NDO_XMIT) !== 0)
    })
    return targets
  } catch {
    // Linux before 6.3 has no such family. Whatever else it is: devices are served without it.
    return undefined
  } finally {
    socket.close()
  }
}

/** @throws ENOENT when the kernel has no such family */
function familyId(socket: NetlinkSocket, name: string): number {
  const wanted = attribute(CTRL_ATTR_FAMILY_NAME, new TextEncoder().encode(`${name}\0`))
  const [answer] = socket.request(command(GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY, [wanted]))
  const [family] = answer === undefined ? [] : messagesOf(answer)
  const id = family && attributesOf(family.body, GENLMSGHDR_BYTES).get(CTRL_ATTR_FAMILY_ID)
  return id === undefined ? 0 : readU16(id)
}

function command(family: number, flags: number, code: number, attributes: Uint8Array[] = []): Uint8Array {
  return request(family, flags | NLM_F_ACK, Uint8Array.of(code, VERSION, 0, 0), attributes)
}
