import { NetlinkSocket } from '../native/load-native.ts'
import { NLM_F_ACK, NLM_F_DUMP, attribute, attributesOf, messagesOf, readU16, readU32, request } from './message.ts'

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
export function readRedirectTargets(): Map<number, boolean> | undefined {
  const socket = new NetlinkSocket([], undefined, undefined, NETLINK_GENERIC)
  try {
    const answers = ask(socket, familyId(socket, 'netdev'), NLM_F_DUMP, NETDEV_CMD_DEV_GET)
    return new Map(
      answers.flatMap((attributes) => {
        const ifindex = attributes.get(NETDEV_A_DEV_IFINDEX)
        const features = attributes.get(NETDEV_A_DEV_XDP_FEATURES)
        if (ifindex === undefined || features === undefined) return []
        return [[readU32(ifindex), (readU32(features) & NETDEV_XDP_ACT_NDO_XMIT) !== 0] as const]
      }),
    )
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
  const [answer] = ask(socket, GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY, [wanted])
  const id = answer?.get(CTRL_ATTR_FAMILY_ID)
  return id === undefined ? 0 : readU16(id)
}

/** @returns the attributes of each answer */
function ask(
  socket: NetlinkSocket,
  type: number,
  flags: number,
  command: number,
  attributes: Uint8Array[] = [],
): Map<number, Uint8Array>[] {
  const header = Uint8Array.of(command, VERSION, 0, 0)
  const answers = socket.request(request(type, flags | NLM_F_ACK, header, attributes))
  return answers.flatMap((bytes) => [...messagesOf(bytes)]).map(({ body }) => attributesOf(body, GENLMSGHDR_BYTES))
}
