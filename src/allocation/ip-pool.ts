import type { Address } from '../net/address.ts'
import { formatAddress, offsetAddress, tryParseAddress } from '../net/address.ts'
import type { Prefix } from '../net/cidr.ts'
import { firstAddress, lastAddress, parseCidr } from '../net/cidr.ts'
import type { PortRange } from '../net/ports.ts'

/** A prefix of public addresses; the form of `publicPrefixes` in the configuration. */
export interface PoolPrefix {
  /** CIDR; a single address is a /32. */
  prefix: string
  /** Ports NAT may use of each address. */
  ports: PortRange
  /** The host uses the addresses itself as well. */
  shared: boolean
}

export interface PoolAddress {
  ip: string
  ports: PortRange
  shared: boolean
}

/** Both inclusive. */
interface AddressRange {
  first: Address
  last: Address
}

interface PoolRange extends AddressRange {
  source: PoolPrefix
}

/**
 * The public addresses there are: every address of the prefixes, first and last included (they are routed to the host,
 * not a subnet it sits in). An address of two prefixes belongs to the first.
 *
 * A reserved address is not given out newly; a gateway that has it keeps it. Reservations follow the host's needs, and
 * those alone must not move slices.
 */
export class IpPool {
  #size = 0
  /** All addresses of the prefixes. */
  readonly #ranges: readonly PoolRange[]
  /** Those that are not reserved. */
  #free: readonly PoolRange[] = []

  /**
   * @param prefixes in order of preference
   * @param reserved not to be given out
   * @throws ERR_INVALID_FIELD for what is not a prefix
   */
  constructor(prefixes: readonly PoolPrefix[], reserved: readonly Prefix[] = []) {
    const ranges: PoolRange[] = []
    for (const source of prefixes) {
      const own = ranges.reduce(without, [rangeOf(parseCidr(source.prefix))])
      ranges.push(...own.map((range) => ({ ...range, source })))
    }
    this.#ranges = ranges
    this.reserve(reserved)
  }

  /** Addresses that can be given out, or are. */
  get size(): number {
    return this.#size
  }

  /** Replaces the reservations of before. */
  reserve(reserved: readonly Prefix[]): void {
    const holes = reserved.map(rangeOf)
    this.#free = this.#ranges.flatMap(({ source, ...range }) =>
      holes.reduce(without, [range]).map((rest) => ({ ...rest, source })),
    )
    this.#size = this.#free.reduce((sum, { first, last }) => sum + Number(last - first) + 1, 0)
  }

  /** @returns the address as it is configured, reserved or not; undefined when no prefix has it */
  find(ip: string): PoolAddress | undefined {
    const address = tryParseAddress(ip)
    if (address === undefined) return undefined
    const range = this.#ranges.find(({ first, last }) => first <= address && address <= last)
    return range && poolAddress(address, range)
  }

  /**
   * The next address that is not taken and has at least so many ports: prefixes in their order, within one the lowest.
   * Costs a call of `isTaken` for each taken address that stands before it, however large the prefix.
   */
  next(isTaken: (ip: string) => boolean, ports = 1): PoolAddress | undefined {
    for (const range of this.#free) {
      if (!hasPorts(range, ports)) continue
      for (let address = range.first; address <= range.last; address = offsetAddress(address, 1)) {
        if (!isTaken(formatAddress(address))) return poolAddress(address, range)
      }
    }
    return undefined
  }

  /** Whether any address, taken or not, has at least so many ports. */
  offers(ports: number): boolean {
    return this.#free.some((range) => hasPorts(range, ports))
  }
}

function hasPorts({ source }: PoolRange, ports: number): boolean {
  return source.ports.last - source.ports.first + 1 >= ports
}

function poolAddress(address: Address, { source }: PoolRange): PoolAddress {
  return { ip: formatAddress(address), ports: { ...source.ports }, shared: source.shared }
}

function rangeOf(prefix: Prefix): AddressRange {
  return { first: firstAddress(prefix), last: lastAddress(prefix) }
}

function without(ranges: AddressRange[], hole: AddressRange): AddressRange[] {
  return ranges.flatMap(({ first, last }) => {
    if (hole.last < first || last < hole.first) return [{ first, last }]
    const below = { first, last: offsetAddress(hole.first, -1) }
    const above = { first: offsetAddress(hole.last, 1), last }
    return [below, above].filter((rest) => rest.first <= rest.last)
  })
}
