import { beforeEach, describe, expect, test } from 'vitest'
import { LossWatch } from '../../../src/agent/loss-watch.ts'

let now: number
let watch: LossWatch
const look = (packets: number, error = 'ENXIO') =>
  watch
    .look([{ ifindex: 3, error, packets }], (ifindex) => (ifindex === 3 ? 'in0' : undefined))
    .map(({ object, reason }) => `${object} ${reason}`)

beforeEach(() => {
  now = 0
  watch = new LossWatch(() => now)
})

describe('packets lost behind the redirect', () => {
  test('are no problem of this run when they were lost before it', () => {
    expect(look(5)).toEqual([])
    expect(look(5)).toEqual([])
  })

  test('are a problem of the device for a minute after the last', () => {
    look(0)
    expect(look(1)).toEqual(['device in0 PacketsLost'])
    now = 59_000
    expect(look(1)).toEqual(['device in0 PacketsLost'])
    expect(look(2)).toHaveLength(1)
    now = 118_000
    expect(look(2)).toHaveLength(1)
    now = 120_000
    expect(look(2)).toEqual([])
  })

  test('are one problem for each error, which says what helps', () => {
    watch.look([], () => 'in0')
    const problems = watch.look(
      ['ENXIO', 'ENETDOWN', 'QUEUE_FULL', 'EPERM'].map((error) => ({ ifindex: 3, error, packets: 1 })),
      () => 'in0',
    )
    expect(problems).toHaveLength(4)
    expect(problems[0]?.remedy).toContain('GRO')
    expect(problems[1]?.remedy).toBe('ip link set in0 up')
    expect(problems[3]?.message).toContain('EPERM')
  })

  test('on the way to a device that is gone are nothing to be mended', () => {
    watch.look([], () => undefined)
    expect(watch.look([{ ifindex: 9, error: 'EINVAL', packets: 1 }], () => undefined)).toEqual([])
  })
})
