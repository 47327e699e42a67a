import { NetlinkSocket } from '../native/load-native.ts'
import type { Message } from './message.ts'
import type { InterfaceAddress, Link, Neighbour, Route } from './network-objects.ts'
import { NatGwError, messageOf } from '../errors/errors.ts'
import type { Address } from '../net/address.ts'
import { formatAddress } from '../net/address.ts'
import { RTM_NEWADDR, dumpAddresses, readAddress } from './addresses.ts'
import { RTM_NEWLINK, dumpLinks, readLink } from './links.ts'
import { messagesOf } from './message.ts'
import { RTM_NEWNEIGH, deleteNeighbour, dumpNeighbours, readNeighbour, resolveNeighbour } from './neighbours.ts'
import { RTM_NEWROUTE, dumpRoutes, readRoute } from './routes.ts'

/** RTNLGRP_*: link, neighbours, IPv4 addresses, IPv4 routes, IPv6 addresses. */
export const GROUPS = [1, 3, 5, 7, 9]

/** Questions to the kernel about the network namespace the socket was made in; answers at once, errors as ERR_NETLINK. */
export class Rtnetlink {
  readonly #socket: NetlinkSocket

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  links(): Link[] {
    return this.#dump('links', dumpLinks(), RTM_NEWLINK, readLink)
  }

  addresses(): InterfaceAddress[] {
    return this.#dump('addresses', dumpAddresses(), RTM_NEWADDR, readAddress)
  }

  routes(): Route[] {
    return this.#dump('routes', dumpRoutes(), RTM_NEWROUTE, readRoute)
  }

  neighbours(): Neighbour[] {
    return this.#dump('neighbours', dumpNeighbours(), RTM_NEWNEIGH, readNeighbour)
  }

  /** See resolveNeighbour. @throws ERR_NETLINK, e.g. when the device is gone or the neighbour table is full */
  resolve(ifindex: number, address: Address, keep: boolean): void {
    const what = `resolving neighbour ${formatAddress(address)} on device ${ifindex}`
    this.#ask(what, resolveNeighbour(ifindex, address, keep))
  }

  /** Takes the entry out of the kernel's table; one that is gone already is no error. @throws ERR_NETLINK */
  remove(ifindex: number, address: Address): void {
    try {
      this.#ask(`removing neighbour ${formatAddress(address)} on device ${ifindex}`, deleteNeighbour(ifindex, address))
    } catch (error) {
      if (!(error instanceof NatGwError) || error.details['errno'] !== 'ENOENT') throw error
    }
  }

  #dump<T>(what: string, message: Uint8Array, type: number, read: (body: Uint8Array) => T | undefined): T[] {
    const answers = this.#ask(`listing ${what}`, message)
    return answers.flatMap((answer) => (answer.type === type ? (read(answer.body) ?? []) : []))
  }

  #ask(what: string, message: Uint8Array): Message[] {
    try {
      return this.#socket.request(message).flatMap((bytes) => [...messagesOf(bytes)])
    } catch (error) {
      const code = (error as { code?: unknown }).code
      const remedy = code === 'ENOBUFS' || code === 'ENOMEM' ? '; raise net.ipv4.neigh.default.gc_thresh3' : ''
      throw new NatGwError('ERR_NETLINK', `${what}: ${messageOf(error)}${remedy}`, { errno: code }, { cause: error })
    }
  }
}

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
