// What a desired state can say and the programs do not serve yet. Each is refused here, by name, and nowhere else.
import type { Address } from '../net/address.ts'
import { formatAddress, unsupportedFamily } from '../net/address.ts'
import type { DesiredAddress, DesiredInterface, DesiredNextHop, DesiredRoute, LocalOwner } from './desired-state.ts'
import type { Plan } from './operations.ts'
import type { Affected } from './sync-failure.ts'
import { SyncFailure } from './sync-failure.ts'

/** An interface that the programs can serve. */
export type SupportedInterface = DesiredInterface & { owner: LocalOwner }

export function isSupportedInterface(desired: DesiredInterface): desired is SupportedInterface {
  return unsupportedInterface(desired) === undefined
}

/** @returns why the interface cannot be served, undefined when it can */
export function unsupportedInterface({ address, owner, slice }: DesiredInterface): string | undefined {
  if (owner.kind === 'remote') return `node ${owner.node} has it, and relaying to another node is not supported yet`
  return unsupportedFamily(address) ?? (slice && unsupportedFamily(slice.publicAddress))
}

export function supportedAddresses(desired: readonly DesiredAddress[], plan: Plan): DesiredAddress[] {
  return supported(desired, plan, ({ address }) => ({
    what: `public address ${formatAddress(address)}`,
    addresses: [address],
    affects: { scope: 'public-address', address },
  }))
}

export function supportedNextHops(desired: readonly DesiredNextHop[], plan: Plan): DesiredNextHop[] {
  return supported(desired, plan, ({ address }) => ({
    what: `next hop ${formatAddress(address)}`,
    addresses: [address],
    affects: { scope: 'no-interface' },
  }))
}

export function supportedRoutes(desired: readonly DesiredRoute[], plan: Plan): DesiredRoute[] {
  return supported(desired, plan, ({ address, prefixLength, nextHop }) => ({
    what: `route ${formatAddress(address)}/${prefixLength}`,
    addresses: nextHop === undefined ? [address] : [address, nextHop],
    affects: { scope: 'no-interface' },
  }))
}

interface Subject {
  what: string
  addresses: readonly Address[]
  affects: Affected
}

function supported<T>(desired: readonly T[], plan: Plan, subjectOf: (each: T) => Subject): T[] {
  return desired.filter((each) => {
    const { what, addresses, affects } = subjectOf(each)
    const reason = addresses.map(unsupportedFamily).find((problem) => problem !== undefined)
    if (reason !== undefined) plan.fail(new SyncFailure('ERR_INVALID_FIELD', `${what}: ${reason}`, affects))
    return reason === undefined
  })
}
