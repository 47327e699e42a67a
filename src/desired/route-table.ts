import type { Route } from '../host/network-objects.ts'
import { TABLE_MAIN } from '../host/routes.ts'
import type { Address } from '../net/address.ts'
import { networkOf } from '../net/cidr.ts'

/**
 * The kernel's choice of a route: the longest prefix of table main, of equal ones the smallest metric; the table default
 * only where main has nothing.
 */
export class RouteTable {
  /** Table main, table default: routes by length of their prefix and its address, and the lengths, longest first. */
  readonly #tables: { ofLength: Map<number, Map<Address, Route[]>>; lengths: number[] }[]

  constructor(routes: readonly Route[]) {
    const main = new Map<number, Map<Address, Route[]>>()
    const fallback = new Map<number, Map<Address, Route[]>>()
    for (const route of routes) {
      const table = route.table === TABLE_MAIN ? main : fallback
      const ofLength = table.get(route.prefixLength) ?? new Map<Address, Route[]>()
      table.set(route.prefixLength, ofLength)
      ofLength.set(
        route.address,
        [...(ofLength.get(route.address) ?? []), route].sort((a, b) => a.metric - b.metric),
      )
    }
    this.#tables = [main, fallback].map((ofLength) => {
      return { ofLength, lengths: [...ofLength.keys()].sort((a, b) => b - a) }
    })
  }

  /** @param isCandidate of a device, by ifindex: only routes through such count, and no rejecting ones */
  lookup(address: Address, isCandidate?: (ifindex: number) => boolean): Route | undefined {
    for (const { ofLength, lengths } of this.#tables) {
      for (const length of lengths) {
        const routes = ofLength.get(length)?.get(networkOf(address, length))
        const found = isCandidate === undefined ? routes?.[0] : routes?.find(({ ifindex }) => isCandidate(ifindex))
        if (found !== undefined) return found
      }
    }
    return undefined
  }

  /** The routes packets can take, one of each prefix: what the kernel would never choose is left out. */
  effective(): Route[] {
    const [main, fallback] = this.#tables.map(({ ofLength }) =>
      [...ofLength.values()].flatMap((ofPrefix) => [...ofPrefix.values()].flatMap((routes) => routes.slice(0, 1))),
    )
    const covered = (route: Route): boolean =>
      main?.some(
        (m) => m.prefixLength <= route.prefixLength && networkOf(route.address, m.prefixLength) === m.address,
      ) ?? false
    return [...(main ?? []), ...(fallback ?? []).filter((route) => !covered(route))]
  }
}
