import { NetlinkSocket } from '../native/load-native.ts'
import type { InterfaceAddress, Link, Route } from './model.ts'
import { Rtnetlink } from './rtnetlink.ts'

/** The network of the namespace this process is in, as it is now; HostNetwork follows it. @throws ERR_NETLINK */
export function listHost(): { links: Link[]; addresses: InterfaceAddress[]; routes: Route[] } {
  const socket = new NetlinkSocket([])
  try {
    const rtnetlink = new Rtnetlink(socket)
    return { links: rtnetlink.links(), addresses: rtnetlink.addresses(), routes: rtnetlink.routes() }
  } finally {
    socket.close()
  }
}
