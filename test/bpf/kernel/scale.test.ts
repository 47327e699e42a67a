import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DesiredInterface, DesiredState } from '../../../src/dataplane/desired-state.ts'
import { DataplaneSync } from '../../../src/kernel/sync.ts'
import { offsetAddress, parseAddress } from '../../../src/net/address.ts'
import { addressOf, PUBLIC, REACHABLE, stateOf } from '../../unit/dataplane/states.ts'
import { TestInstance } from './plane.ts'

const FIRST_INSIDE = parseAddress('10.0.0.0')
const INTERFACES = 100_000
const SLICE_SIZE = 8
const PER_ADDRESS = 64512 / SLICE_SIZE

const instance = new TestInstance()
let sync: DataplaneSync
let state: DesiredState
beforeAll(() => {
  sync = new DataplaneSync(instance.open({ maxSlices: 131072, maxInterfaces: 131072 }))
  const interfaces = Array.from({ length: INTERFACES }, (_, index): DesiredInterface => {
    const publicAddress = offsetAddress(PUBLIC, Math.floor(index / PER_ADDRESS))
    const firstPort = 1024 + (index % PER_ADDRESS) * SLICE_SIZE
    return {
      name: `default/vm-${index}`,
      vni: 100,
      address: offsetAddress(FIRST_INSIDE, index),
      owner: REACHABLE,
      slice: { publicAddress, firstPort },
    }
  })
  const addresses = Array.from({ length: Math.ceil(INTERFACES / PER_ADDRESS) }, (_, i) =>
    addressOf(offsetAddress(PUBLIC, i), SLICE_SIZE),
  )
  state = stateOf({ interfaces, addresses })
})
afterAll(() => {
  instance.clear()
})

// What it takes in time is for `npm run bench` to say.
describe('a hundred thousand slices', () => {
  it('are in the maps after one call', () => {
    expect(sync.apply(state)).toMatchObject({
      failures: [],
      // A slice of a new owner is filled first and opened last.
      written: { slices: { put: 2 * INTERFACES }, interfaces: { put: INTERFACES } },
    })
  })

  it('need two writes for one change', () => {
    const changed = { ...state.interfaces[50_000]!, owner: { ...REACHABLE, ifindex: 6 } }
    state = { ...state, interfaces: state.interfaces.with(50_000, changed) }
    expect(sync.apply(state).written).toEqual({ slices: { put: 1, removed: 0 }, interfaces: { put: 1, removed: 0 } })
  })

  it('are equal to the kernel’s when read back', () => {
    expect(sync.verify()).toEqual({ repaired: {}, failures: [] })
  })
})
