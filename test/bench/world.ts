// One Network of any number of interfaces with a slice of 64 ports each, as objects.
import type { NATTable, NetworkInterface, Resource } from '../../src/api/index.ts'
import { formatIpv4, parseIpv4 } from '../../src/net/ipv4.ts'
import { natTable, network, networkId, networkInterface } from '../unit/desired/world.ts'
import { FIRST_HOST } from './flows.ts'

export const NETWORK = 'network-sample'
/** Slices of 64 ports on an address. */
export const PER_TABLE = 1008
export const SIZES = [1_000, 10_000, 100_000]

const FIRST_PUBLIC = parseIpv4('198.51.0.0')

export function interfaces(count: number): NetworkInterface[] {
  return Array.from({ length: count }, (_, n) => networkInterface(`host-${n}`, formatIpv4(FIRST_HOST + n), NETWORK))
}

/** The n-th table of `count` interfaces. @param without index in the table that is left free */
export function table(n: number, count: number, without = -1): NATTable {
  const owners = Array.from({ length: Math.min(PER_TABLE, count - n * PER_TABLE) }, (_, position) => {
    const host = n * PER_TABLE + position
    return position === without ? undefined : ([`host-${host}`, formatIpv4(FIRST_HOST + host)] as const)
  })
  return natTable(formatIpv4(FIRST_PUBLIC + n), owners)
}

/** All objects, with slices allocated. */
export function world(count: number): Resource[] {
  return [
    network(NETWORK),
    networkId(200, NETWORK),
    ...interfaces(count),
    ...Array.from({ length: Math.ceil(count / PER_TABLE) }, (_, n) => table(n, count)),
  ]
}
