import { describe, expect, test } from 'vitest'
import { deafTargets, modeProblems, RedirectTargets } from '../../../src/agent/xdp-modes.ts'
import type { BoundDevice } from '../../../src/desired/device-binding.ts'
import { link } from '../desired/world.ts'

const UPLINK: BoundDevice = { device: 'up0', role: 'uplink', link: link(2, 'up0') }
const A: BoundDevice = { device: 'in0', role: 'private', link: link(3, 'in0') }
const B: BoundDevice = { device: 'in1', role: 'private', link: link(4, 'in1') }
const MISSING: BoundDevice = { device: 'in2', role: 'private' }
const deaf = (...taking: number[]) =>
  Object.fromEntries(deafTargets([A, B, MISSING, UPLINK], { takes: ({ ifindex }) => taking.includes(ifindex) }))

describe('the mode of a program is that of the pair of devices', () => {
  test('native where all that it sends to take frames', () => {
    expect(deaf(2, 3, 4)).toEqual({ in0: [], in1: [], in2: [], up0: [] })
  })

  test('generic on the uplink when one private device takes none', () => {
    expect(deaf(2, 3)).toEqual({ in0: [], in1: [], in2: [], up0: ['in1'] })
  })

  test('not that of a device without carrier, whose machine is off', () => {
    const off = { ...B, link: { ...link(4, 'in1'), carrier: false } }
    expect(deafTargets([A, off, UPLINK], { takes: ({ ifindex }) => ifindex !== 4 }).get('up0')).toEqual([])
  })

  test('generic on private devices when the uplink takes none', () => {
    expect(deaf(3, 4)).toEqual({ in0: ['up0'], in1: ['up0'], in2: ['up0'], up0: [] })
  })
})

describe('whether a device takes frames', () => {
  const links = new Map([[3, link(3, 'in0')]])

  test('is what the kernel says', () => {
    const targets = new RedirectTargets()
    targets.update(new Map([[3, false]]), links)
    expect(targets.takes(link(3, 'in0'))).toBe(false)
    targets.update(new Map([[3, true]]), links)
    expect(targets.takes(link(3, 'in0'))).toBe(true)
  })

  test('is not changed by the machine behind it, and is asked again for another device', () => {
    const targets = new RedirectTargets()
    targets.update(new Map([[3, true]]), links)
    targets.update(new Map([[3, false]]), links)
    expect(targets.takes(link(3, 'in0'))).toBe(true)
    targets.update(new Map(), new Map())
    targets.update(new Map([[3, false]]), links)
    expect(targets.takes(link(3, 'in0'))).toBe(false)
  })

  test('follows from its kind where the kernel does not say', () => {
    const targets = new RedirectTargets()
    targets.update(undefined, links)
    const takes = (kind?: string) => {
      const { kind: _, ...physical } = link(3, 'in0')
      return targets.takes(kind === undefined ? physical : { ...physical, kind })
    }
    expect([takes(), takes('veth'), takes('tun')]).toEqual([true, true, true])
    expect([takes('bridge'), takes('vlan'), takes('dummy')]).toEqual([false, false, false])
  })
})

describe('a message about modes says', () => {
  const told = (configured: 'auto' | 'native', mode: 'native' | 'generic', names: string[]) =>
    modeProblems(configured, new Map([['up0', names]]), new Map([['up0', mode]])).map(
      ({ severity, object, reason }) => `${severity} ${object} ${reason}`,
    )

  test('that one is slower for the sake of another device', () => {
    expect(told('auto', 'generic', ['in1'])).toEqual(['warning device up0 GenericMode'])
  })

  test('that what was configured cannot work', () => {
    expect(told('native', 'native', ['in1'])).toEqual(['error device up0 RedirectRefused'])
  })

  test('nothing where all is well', () => {
    expect(told('auto', 'native', [])).toEqual([])
    expect(told('auto', 'generic', [])).toEqual([])
  })
})
