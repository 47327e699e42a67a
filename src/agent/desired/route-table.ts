import type { Route } from '../netlink/model.ts'
import { prefixOf } from '../../net/cidr.ts'
import { TABLE_MAIN } from '../netlink/routes.ts'

/**
 * The kernel's choice of a route: the longest prefix of table main, of equal ones the smallest metric; the table default
 * only where main has nothing.
 */
export class RouteTable {
  readonly #tables: Map<number, Map<number, Route[]>>[]
  readonly #lengths: number[][]

  constructor(routes: readonly Route[]) {
    const main = new Map<number, Map<number, Route[]>>()
    const fallback = new Map<number, Map<number, Route[]>>()
    for (const route of routes) {
      const table = route.table === TABLE_MAIN ? main : fallback
      const ofLength = table.get(route.prefixLength) ?? new Map<number, Route[]>()
      table.set(route.prefixLength, ofLength)
      ofLength.set(
        route.address,
        [...(ofLength.get(route.address) ?? []), route].sort((a, b) => a.metric - b.metric),
      )
    }
    this.#tables = [main, fallback]
    this.#lengths = this.#tables.map((table) => [...table.keys()].sort((a, b) => b - a))
  }

  /** @param devices only routes through these count, and no rejecting ones */
  lookup(address: number, devices?: ReadonlySet<number>): Route | undefined {
    for (const [i, table] of this.#tables.entries()) {
      for (const length of this.#lengths[i] ?? []) {
        const routes = table.get(length)?.get(prefixOf(address, length).address)
        const found = devices === undefined ? routes?.[0] : routes?.find((route) => devices.has(route.ifindex))
        if (found !== undefined) return found
      }
    }
    return undefined
  }

  /** The routes packets can take, one of each prefix: what the kernel would never choose is left out. */
  effective(): Route[] {
    const [main, fallback] = this.#tables.map((table) =>
      [...table.values()].flatMap((ofLength) => [...ofLength.values()].flatMap((routes) => routes.slice(0, 1))),
    )
    const covered = (route: Route): boolean =>
      main?.some(
        (m) => m.prefixLength <= route.prefixLength && prefixOf(route.address, m.prefixLength).address === m.address,
      ) ?? false
    return [...(main ?? []), ...(fallback ?? []).filter((route) => !covered(route))]
  }
}
