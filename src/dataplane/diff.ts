// Desired state and map image → the operations that make the maps hold the desired state.
import type { Address } from '../net/address.ts'
import { formatAddress } from '../net/address.ts'
import type { Change } from './change.ts'
import { changeOf } from './change.ts'
import type { DesiredAddress, DesiredInterface, DesiredState } from './desired-state.ts'
import { destinationsChange } from './destinations.ts'
import type { SettingsContext } from './entries.ts'
import {
  addressEntry,
  addressKey,
  addressOfKey,
  deviceEntry,
  hostAddressKey,
  hostFilter,
  settingsEntry,
} from './entries.ts'
import type { Settings } from './generated/layouts.ts'
import type { KeyId } from './image.ts'
import { Plan } from './operations.ts'
import type { Block, Geometry } from './placement.ts'
import { capacityOf } from './placement.ts'
import { planRoutes } from './route-plan.ts'
import type { SliceContext } from './slice-plan.ts'
import { SlicePlanner } from './slice-plan.ts'
import { SyncFailure } from './sync-failure.ts'
import { supportedAddresses, supportedNextHops, supportedRoutes } from './unsupported.ts'

export interface PlanContext extends SliceContext, Pick<SettingsContext, 'hz' | 'sessions'> {}

/** If more than 1 in 4 interfaces changed, a full comparison is cheaper than an incremental one. */
const LARGE_CHANGE = 4

/**
 * @param previous what was applied completely before this; undefined to compare everything. Interfaces that are the
 *   same object in both are taken as unchanged.
 * @returns the plan, and whether the next one must compare everything again
 */
export function planChanges(
  context: PlanContext,
  desired: DesiredState,
  previous: DesiredState | undefined,
): { plan: Plan; needsFullCompare: boolean } {
  const { image } = context
  const plan = new Plan()
  const { gone, reshaped } = planAddresses(context, desired.addresses, plan)
  const slices = new SlicePlanner(context, plan)
  let needsFullCompare = false
  const change = previous === undefined || reshaped ? undefined : changeBetween(previous, desired)
  if (change === undefined || change.added.length * LARGE_CHANGE > desired.interfaces.length) {
    slices.planAll(desired.interfaces)
  } else needsFullCompare = slices.planChange(change, gone).needsFullCompare
  // A program that saw a slice active for one owner has ended before slots are flushed or another owner is written.
  if (plan.has('flush') || plan.has('disable-slices')) plan.add({ kind: 'synchronize' })
  const rerouted = planRoutes(
    image,
    supportedNextHops(desired.nextHops, plan),
    supportedRoutes(desired.routes, plan),
    plan,
  )
  planDevices(context, desired.devices, plan)
  planHostAddresses(context, desired.hostAddresses, plan)
  planSettings(context, desired, rerouted || destinationsChange(image, plan.operations, desired.routes), plan)
  return { plan, needsFullCompare: needsFullCompare || plan.failures.length > 0 }
}

/** @returns undefined when it is not known */
function changeBetween(previous: DesiredState, desired: DesiredState): Change<DesiredInterface> | undefined {
  const { derivation } = desired
  if (derivation === undefined) return changeOf(previous.interfaces, desired.interfaces)
  return previous.derivation?.revision === derivation.from ? derivation.change : undefined
}

/** @returns blocks that go, and whether an address stays with other ports or another size of slices */
function planAddresses(
  { image, placement }: PlanContext,
  desired: readonly DesiredAddress[],
  plan: Plan,
): { gone: Block[]; reshaped: boolean } {
  const wanted = new Map(supportedAddresses(desired, plan).map((each) => [each.address, each]))
  const gone: Block[] = []
  const removed = new Set<Address>()
  let reshaped = false
  for (const [address, block] of [...placement.blocks()]) {
    const shape = wanted.get(address)
    if (shape !== undefined && sameGeometry(shape, block)) continue
    reshaped ||= shape !== undefined
    gone.push(block)
    placement.releaseBlock(address)
    removed.add(address)
    plan.add({ kind: 'remove', map: 'addresses', key: addressKey(address) })
  }
  for (const key of image.addresses.keys()) {
    const address = addressOfKey(key)
    // An address that contradicts another in the maps has no block.
    if (!wanted.has(address) && !removed.has(address)) plan.add({ kind: 'remove', map: 'addresses', key })
  }
  for (const each of wanted.values()) {
    const block =
      placement.block(each.address) ??
      (capacityOf(each) > 0 ? placement.placeBlock(each.address, geometryOf(each)) : undefined)
    if (block === undefined) {
      plan.fail(noPlace(each))
      continue
    }
    const value = addressEntry(each, block.firstSlice)
    const key = addressKey(each.address)
    if (!image.addresses.holds(key, value)) plan.add({ kind: 'put', map: 'addresses', key, value })
  }
  return { gone, reshaped }
}

function noPlace(each: DesiredAddress): SyncFailure {
  const capacity = capacityOf(each)
  const address = formatAddress(each.address)
  const affects = { scope: 'public-address', address: each.address } as const
  if (capacity <= 0) {
    return new SyncFailure(
      'ERR_INVALID_FIELD',
      `public address ${address}: ports ${each.firstPort}–${each.lastPort} hold no slice of ${each.sliceSize} ports`,
      affects,
      { address, sliceSize: each.sliceSize },
    )
  }
  return new SyncFailure(
    'ERR_MAP_FULL',
    `public address ${address} has ${capacity} slices, for which map slices has no room: ` +
      'raise limits.maxSlices, then `natgw unload` and start again',
    affects,
    { map: 'slices', configKey: 'limits.maxSlices', address },
  )
}

function planDevices({ image }: PlanContext, devices: DesiredState['devices'], plan: Plan): void {
  const wanted = new Map(devices.map((device) => [device.ifindex, deviceEntry(device)]))
  for (const ifindex of image.devices.keys()) {
    if (!wanted.has(ifindex)) plan.add({ kind: 'remove', map: 'devices', key: ifindex })
  }
  for (const [ifindex, value] of wanted) {
    if (!image.devices.holds(ifindex, value)) plan.add({ kind: 'put', map: 'devices', key: ifindex, value })
  }
}

function planHostAddresses({ image }: PlanContext, addresses: DesiredState['hostAddresses'], plan: Plan): void {
  const { hostAddresses } = image
  const wanted = new Set<KeyId>()
  for (const { address, ifindex } of addresses) {
    const key = hostAddressKey(address)
    wanted.add(hostAddresses.keyId(key))
    if (!hostAddresses.holds(key, { ifindex })) {
      plan.add({ kind: 'put', map: 'hostAddresses', key, value: { ifindex } })
    }
  }
  for (const key of hostAddresses.keys()) {
    if (!wanted.has(hostAddresses.keyId(key))) plan.add({ kind: 'remove', map: 'hostAddresses', key })
  }
}

/** @param reevaluate sessions must look up their next hop again, and whether they are allowed */
function planSettings(context: PlanContext, desired: DesiredState, reevaluate: boolean, plan: Plan): void {
  const { image, placement, hz, sessions, randomSecret } = context
  const current = image.settings.get(0)
  const generation = current?.routeGeneration ?? 0
  // The generation is odd while routes and destinations are rewritten. A session that read them meanwhile looks them up
  // again after, also when a crash came between.
  const rewriting = isOdd(generation) || reevaluate
  if (current !== undefined && rewriting && !isOdd(generation)) {
    const enabled = desired.settings.enabled ? current.enabled : 0
    const marked: Settings = { ...current, enabled, routeGeneration: generation + 1 }
    plan.add({ kind: 'put', map: 'settings', key: 0, value: marked }, 'mark-routes')
  }
  if (current?.enabled === 1 && !desired.settings.enabled) {
    plan.add({ kind: 'put', map: 'settings', key: 0, value: { ...current, enabled: 0 } }, 'disable')
  }
  const value = settingsEntry(desired.settings, {
    hz,
    sessions,
    sliceCount: placement.end,
    routeGeneration: rewriting || generation === 0 ? nextEven(generation) : generation,
    sessionSecret: current === undefined ? randomSecret() : current.sessionSecret,
    hostFilter: hostFilter(desired.hostAddresses.map(({ address }) => address)),
  })
  if (image.settings.holds(0, value)) return
  // Sessions depend on the host filter too, and a program may see one field of an entry before another.
  if (rewriting && current !== undefined && current.hostFilter !== value.hostFilter) {
    const filtered = { ...value, enabled: current.enabled, routeGeneration: generation + (isOdd(generation) ? 0 : 1) }
    plan.add({ kind: 'put', map: 'settings', key: 0, value: filtered })
  }
  plan.add({ kind: 'put', map: 'settings', key: 0, value })
}

function isOdd(generation: number): boolean {
  return generation % 2 === 1
}

/** The next even number, skipping 0, which sessions that never looked have. */
function nextEven(generation: number): number {
  return (generation - (generation % 2) + 2) % 2 ** 32 || 2
}

function sameGeometry(a: Geometry, b: Geometry): boolean {
  return a.firstPort === b.firstPort && a.lastPort === b.lastPort && a.sliceSize === b.sliceSize
}

function geometryOf({ firstPort, lastPort, sliceSize }: DesiredAddress): Geometry {
  return { firstPort, lastPort, sliceSize }
}
