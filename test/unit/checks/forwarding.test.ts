import { describe, expect, it } from 'vitest'
import type { DeviceForwarding } from '../../../src/checks/forwarding.ts'
import { forwardingProblems, readForwarding } from '../../../src/checks/forwarding.ts'

const device = (name: string, change: Partial<DeviceForwarding> = {}): DeviceForwarding => {
  return { device: name, ipv4: false, ipv6: false, ...change }
}

describe('forwarding by the kernel', () => {
  it('is no problem while it is off for private devices', () => {
    expect(forwardingProblems([device('p1'), device('p2')])).toEqual([])
  })

  it('is one warning a family that names the devices and the setting', () => {
    const on = ['p1', 'p2', 'p3', 'p4', 'p5'].map((name) => device(name, { ipv4: true, ipv6: name === 'p2' }))
    expect(forwardingProblems([...on, device('p6')])).toMatchObject([
      {
        reason: 'KernelForwards',
        severity: 'warning',
        object: 'IPv4 forwarding of the kernel',
        detail: 'p1, p2, p3 and 2 more',
        remedy: expect.stringContaining('net.ipv4.conf.DEVICE.forwarding=0') as string,
      },
      { object: 'IPv6 forwarding of the kernel', detail: 'p2' },
    ])
  })

  it('is off for a device that does not exist', () => {
    expect(readForwarding(['no-such-device'])).toEqual([device('no-such-device')])
  })
})
