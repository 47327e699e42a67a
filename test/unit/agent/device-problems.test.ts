import { describe, expect, test } from 'vitest'
import type { DeviceFacts } from '../../../src/agent/device-problems.ts'
import { deviceProblems, untranslated } from '../../../src/agent/device-problems.ts'
import type { BoundDevice } from '../../../src/desired/device-binding.ts'
import { NatGwError } from '../../../src/errors/errors.ts'
import { link } from '../desired/world.ts'

const UPLINK: BoundDevice = { device: 'up0', role: 'uplink', link: link(2, 'up0') }
const PRIVATE: BoundDevice = { device: 'in0', role: 'private', link: link(3, 'in0') }
const facts = (parts: Partial<DeviceFacts>): DeviceFacts => ({
  devices: [PRIVATE, UPLINK],
  failures: new Map(),
  unconfigured: [],
  ...parts,
})
const told = (parts: Partial<DeviceFacts>) =>
  deviceProblems(facts(parts)).map(({ severity, object, reason }) => `${severity} ${object} ${reason}`)
const without = ({ device, role }: BoundDevice): BoundDevice => ({ device, role })
const as = (bound: BoundDevice, state: Partial<NonNullable<BoundDevice['link']>>): BoundDevice => ({
  ...bound,
  link: { ...link(3, bound.device), ...state },
})

describe('a message about devices says', () => {
  test('nothing while all are there and up', () => {
    expect(told({})).toEqual([])
  })

  test.each<[string, BoundDevice[], string]>([
    ['that a private one is missing', [without(PRIVATE), UPLINK], 'warning device in0 DeviceMissing'],
    ['that the uplink is missing', [PRIVATE, without(UPLINK)], 'error device up0 DeviceMissing'],
    ['that one is set down', [as(PRIVATE, { up: false, carrier: false }), UPLINK], 'warning device in0 DeviceDown'],
    ['that a machine is off', [as(PRIVATE, { carrier: false }), UPLINK], 'warning device in0 NoCarrier'],
    ['that the uplink has no carrier', [PRIVATE, as(UPLINK, { carrier: false })], 'error device up0 NoCarrier'],
    ['that one has another name', [as(PRIVATE, { name: 'lan1' }), UPLINK], 'warning device in0 DeviceRenamed'],
  ])('%s', (_, devices, expected) => {
    expect(told({ devices })).toEqual([expected])
  })

  test('why one takes no program', () => {
    const failures = new Map([['in0', new NatGwError('ERR_ATTACH', 'device in0 takes no XDP program')]])
    expect(told({ failures })).toEqual(['error device in0 ERR_ATTACH'])
  })

  test('that one keeps its program without being configured', () => {
    expect(told({ unconfigured: [{ ifindex: 9, name: 'lan1' }] })).toEqual(['warning device lan1 DeviceNotConfigured'])
  })
})

describe('the interfaces of a private device are not translated', () => {
  const refusal = new NatGwError('ERR_ATTACH', 'takes no XDP program')

  test('when it takes no program', () => {
    expect(untranslated(facts({ failures: new Map([['in0', refusal]]) }))).toEqual(
      new Map([['in0', 'takes no XDP program']]),
    )
  })

  test('when the uplink takes none, or is missing', () => {
    expect(untranslated(facts({ failures: new Map([['up0', refusal]]) })).get('in0')).toBe('takes no XDP program')
    expect(untranslated(facts({ devices: [PRIVATE, without(UPLINK)] })).get('in0')).toContain('up0 does not exist')
  })
})
