import { messageOf, NatGwError } from '../errors/errors.ts'
import { NetlinkSocket } from '../native/load-native.ts'
import type { Address } from '../net/address.ts'
import { formatAddress } from '../net/address.ts'
import { dumpAddresses, readAddress, RTM_NEWADDR } from './addresses.ts'
import { inSlices } from './in-slices.ts'
import { dumpLinks, readLink, RTM_NEWLINK } from './links.ts'
import type { Message } from './message.ts'
import { messagesOf } from './message.ts'
import { deleteNeighbour, dumpNeighbours, readNeighbour, resolveNeighbour, RTM_NEWNEIGH } from './neighbours.ts'
import type { InterfaceAddress, Link, Neighbour, Route } from './network-objects.ts'
import { dumpRoutes, readRoute, RTM_NEWROUTE } from './routes.ts'

/** RTNLGRP_*: link, neighbours, IPv4 addresses, IPv4 routes, IPv6 addresses. */
export const GROUPS = [1, 3, 5, 7, 9]

/** One of the kernel's tables: how it is asked for, and what its messages say. */
export interface Table<T> {
  what: string
  request: Uint8Array
  type: number
  /** @returns undefined for a message that is none of ours */
  read: (body: Uint8Array) => T | undefined
}

export const LINKS: Table<Link> = { what: 'links', request: dumpLinks(), type: RTM_NEWLINK, read: readLink }
export const ADDRESSES: Table<InterfaceAddress> = {
  what: 'addresses',
  request: dumpAddresses(),
  type: RTM_NEWADDR,
  read: readAddress,
}
export const ROUTES: Table<Route> = { what: 'routes', request: dumpRoutes(), type: RTM_NEWROUTE, read: readRoute }
export const NEIGHBOURS: Table<Neighbour> = {
  what: 'neighbours',
  request: dumpNeighbours(),
  type: RTM_NEWNEIGH,
  read: readNeighbour,
}

/** Questions to the kernel about the network namespace the socket was made in; errors are ERR_NETLINK. */
export class Rtnetlink {
  readonly #socket: NetlinkSocket

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  /** Waits for the kernel: for a command that does nothing else meanwhile. */
  list<T>({ what, request, type, read }: Table<T>): T[] {
    const answers = this.#ask(`listing ${what}`, request)
    return answers.flatMap((answer) => (answer.type === type ? (read(answer.body) ?? []) : []))
  }

  /** Lists a table, however large, while the loop turns. One table at a time of a socket. */
  async dump<T>({ what, request, type, read }: Table<T>, take: (item: T) => void): Promise<void> {
    let bytes: Uint8Array
    try {
      bytes = await this.#socket.dump(request)
    } catch (error) {
      throw asNetlinkError(`listing ${what}`, error)
    }
    await inSlices(messagesOf(bytes), (message) => {
      const item = message.type === type ? read(message.body) : undefined
      if (item !== undefined) take(item)
    })
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

  #ask(what: string, message: Uint8Array): Message[] {
    try {
      return this.#socket.request(message).flatMap((bytes) => [...messagesOf(bytes)])
    } catch (error) {
      throw asNetlinkError(what, error)
    }
  }
}

function asNetlinkError(what: string, error: unknown): NatGwError {
  const code = (error as { code?: unknown }).code
  const remedy = code === 'ENOBUFS' || code === 'ENOMEM' ? '; raise net.ipv4.neigh.default.gc_thresh3' : ''
  return new NatGwError('ERR_NETLINK', `${what}: ${messageOf(error)}${remedy}`, { errno: code }, { cause: error })
}

/**
 * The network of the namespace this process is in, as it is now. It waits for the kernel, so it is for commands that show
 * something once; HostNetwork follows the network. @throws ERR_NETLINK
 */
export function listHost(): { links: Link[]; addresses: InterfaceAddress[]; routes: Route[] } {
  const socket = new NetlinkSocket([])
  try {
    const rtnetlink = new Rtnetlink(socket)
    return { links: rtnetlink.list(LINKS), addresses: rtnetlink.list(ADDRESSES), routes: rtnetlink.list(ROUTES) }
  } finally {
    socket.close()
  }
}
