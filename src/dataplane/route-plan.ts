// Next hops and routes. An index of next_hops stays with its neighbour for as long as the neighbour is wanted, because
// sessions remember indexes; they look again when settings.route_generation has moved.
import type { Address } from '../net/address.ts'
import { formatAddress } from '../net/address.ts'
import type { DesiredNextHop, DesiredRoute } from './desired-state.ts'
import { nextHopEntry, nextHopKey, nextHopKeyOf, routeEntry, routeKey } from './entries.ts'
import { Limits } from './generated/layouts.ts'
import type { KeyId, MapImage } from './image.ts'
import type { Plan } from './operations.ts'
import { SyncFailure } from './sync-failure.ts'

/** Index 0 stays empty: a session or route that was never filled in leads nowhere. */
const FIRST_INDEX = 1

/** @returns whether sessions must look up their next hop again */
export function planRoutes(
  image: MapImage,
  hops: readonly DesiredNextHop[],
  routes: readonly DesiredRoute[],
  plan: Plan,
): boolean {
  const { indexes, moved: hopsMoved } = assignIndexes(image, hops, plan)
  let moved = hopsMoved
  const wanted = new Set<KeyId>()
  // Reject routes first: a destination that is to be dropped is never reachable in between.
  const ordered = [...routes.filter(({ type }) => type === 'reject'), ...routes.filter(({ type }) => type !== 'reject')]
  for (const route of ordered) {
    const hop = route.type === 'via' ? indexes.get(wayKey(route.nextHop, route.mtu)) : 0
    if (hop === undefined) {
      const target = `${formatAddress(route.address)}/${route.prefixLength}`
      const via = route.nextHop === undefined ? 'nothing' : formatAddress(route.nextHop)
      plan.fail(
        new SyncFailure(
          'ERR_NOT_FOUND',
          `route ${target} leads to ${via}, which is not among the next hops`,
          { scope: 'no-interface' },
          { route: target },
        ),
      )
      continue
    }
    const key = routeKey(route)
    const value = routeEntry(route, hop)
    wanted.add(image.routes.keyId(key))
    if (image.routes.holds(key, value)) continue
    plan.add({ kind: 'put', map: 'routes', key, value })
    moved = true
  }
  for (const key of image.routes.keys()) {
    if (wanted.has(image.routes.keyId(key))) continue
    plan.add({ kind: 'remove', map: 'routes', key })
    moved = true
  }
  return moved
}

function assignIndexes(
  image: MapImage,
  hops: readonly DesiredNextHop[],
  plan: Plan,
): { indexes: Map<string, number>; moved: boolean } {
  const taken = new Map<string, number>()
  const used = new Set<number>()
  for (const [index, entry] of image.nextHops.entries()) {
    taken.set(nextHopKeyOf(entry), index)
    used.add(index)
  }
  const indexes = new Map<string, number>()
  let moved = false
  let candidate = FIRST_INDEX
  for (const hop of hops) {
    const key = nextHopKey(hop)
    let index = taken.get(key)
    if (index === undefined) {
      // An index freed by this very change is not among the candidates: sessions may still point at it.
      while (used.has(candidate)) candidate++
      if (candidate >= Limits.MAX_NEXT_HOPS) {
        plan.fail(
          new SyncFailure(
            'ERR_MAP_FULL',
            `neighbour ${formatAddress(hop.address)} does not fit: next_hops holds ${Limits.MAX_NEXT_HOPS - FIRST_INDEX} neighbours`,
            { scope: 'no-interface' },
            { map: 'next_hops', limit: Limits.MAX_NEXT_HOPS - FIRST_INDEX },
          ),
        )
        continue
      }
      index = candidate
      used.add(index)
      moved = true
    }
    taken.delete(key)
    const way = wayKey(hop.address, hop.mtu)
    indexes.set(way, indexes.get(way) ?? index)
    const value = nextHopEntry(hop)
    if (!image.nextHops.holds(index, value)) plan.add({ kind: 'put', map: 'nextHops', key: index, value })
  }
  for (const index of taken.values()) {
    plan.add({ kind: 'remove', map: 'nextHops', key: index })
    moved = true
  }
  return { indexes, moved }
}

/** What a route knows of its next hop. */
function wayKey(address: Address | undefined, mtu: number | undefined): string {
  return `${address} ${mtu}`
}
