import { describe, expect, test } from 'vitest'
import { DeviceBinding } from '../../../src/desired/device-binding.ts'
import type { Link } from '../../../src/host/network-objects.ts'
import { link, TWO_DEVICES } from './world.ts'

/** @returns the ifindex each configured device has after each of these sets of links */
function bound(...turns: Link[][]): (Record<string, number | undefined> | undefined)[] {
  const binding = new DeviceBinding(TWO_DEVICES)
  return turns.map((links) => {
    binding.follow(new Map(links.map((each) => [each.ifindex, each])))
    return Object.fromEntries(binding.devices.map(({ device, link: found }) => [device, found?.ifindex]))
  })
}

describe('a configured device', () => {
  const start = [link(2, 'up0'), link(3, 'in0'), link(4, 'in1')]

  test('is found by its name', () => {
    expect(bound(start)).toEqual([{ up0: 2, in0: 3, in1: 4 }])
  })

  test('stays the same link when that is renamed, as often as it is', () => {
    expect(bound(start, [link(2, 'wan'), link(3, 'lan'), link(4, 'in1')], [link(2, 'wan'), link(3, 'lan0')])).toEqual([
      { up0: 2, in0: 3, in1: 4 },
      { up0: 2, in0: 3, in1: 4 },
      { up0: 2, in0: 3, in1: undefined },
    ])
  })

  test('is the link that has its name now, once there is one', () => {
    expect(bound(start, [link(2, 'up0'), link(3, 'lan'), link(9, 'in0')]).at(-1)).toMatchObject({ in0: 9 })
  })

  test('changes places with another when their names do', () => {
    expect(bound(start, [link(2, 'in0'), link(3, 'up0'), link(4, 'in1')]).at(-1)).toEqual({ up0: 3, in0: 2, in1: 4 })
  })

  test('is not the link that took the name of another configured device', () => {
    expect(bound(start, [link(2, 'up0'), link(3, 'in1')]).at(-1)).toEqual({ up0: 2, in0: undefined, in1: 3 })
  })

  test('that went is found again by its name only', () => {
    const without = [link(2, 'up0'), link(4, 'in1')]
    expect(bound(start, without, [...without, link(3, 'lan')], [...without, link(7, 'in0')])).toEqual([
      { up0: 2, in0: 3, in1: 4 },
      { up0: 2, in0: undefined, in1: 4 },
      { up0: 2, in0: undefined, in1: 4 },
      { up0: 2, in0: 7, in1: 4 },
    ])
  })
})
