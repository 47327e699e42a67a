import { NetlinkSocket } from '../native/load-native.ts'
import { NEIGHBOUR_PROTOCOL } from './neighbours.ts'
import { NEIGHBOURS, Rtnetlink } from './rtnetlink.ts'

/** Removes the neighbours that agents asked the kernel to keep on these devices. @returns how many. @throws ERR_NETLINK */
export function removeManagedNeighbours(ifindexes: ReadonlySet<number>): number {
  const socket = new NetlinkSocket([])
  try {
    const rtnetlink = new Rtnetlink(socket)
    const ours = rtnetlink
      .list(NEIGHBOURS)
      .filter(({ ifindex, protocol }) => protocol === NEIGHBOUR_PROTOCOL && ifindexes.has(ifindex))
    for (const { ifindex, address } of ours) rtnetlink.remove(ifindex, address)
    return ours.length
  } finally {
    socket.close()
  }
}
