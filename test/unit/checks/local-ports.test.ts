import { describe, expect, it } from 'vitest'
import { localPortProblems, readLocalPorts } from '../../../src/checks/local-ports.ts'
import type { PortRange } from '../../../src/net/ports.ts'

const NAT_PORTS = { first: 40_000, last: 49_999 }
const prefixes = [
  { prefix: '198.51.100.0/29', ports: { first: 1024, last: 65_535 }, shared: false },
  { prefix: '192.0.2.2/32', ports: NAT_PORTS, shared: true },
]

describe('the ports of an address that the host uses as well', () => {
  const withPorts = (first: number, last: number, reserved: PortRange[] = []) =>
    localPortProblems(prefixes, { range: { first, last }, reserved })

  it('are a problem when the kernel may take them for connections of its own', () => {
    expect(withPorts(32768, 60999)).toEqual([
      expect.objectContaining({
        object: 'prefix 192.0.2.2/32',
        message: expect.stringContaining('port 40000') as string,
        remedy: 'sysctl -w net.ipv4.ip_local_reserved_ports=40000-49999',
      }),
    ])
  })

  it('are no problem when they are reserved, in one range or in several', () => {
    expect(withPorts(32768, 60999, [{ first: 40000, last: 49999 }])).toEqual([])
    const two = [
      { first: 45000, last: 50000 },
      { first: 39000, last: 44999 },
    ]
    expect(withPorts(32768, 60999, two)).toEqual([])
  })

  it('are a problem when they are reserved but for one', () => {
    const hole = [
      { first: 40000, last: 44999 },
      { first: 45001, last: 49999 },
    ]
    expect(withPorts(32768, 60999, hole)).toMatchObject([{ message: expect.stringContaining('port 45000') as string }])
  })

  it('are what the kernel says', () => {
    const { range } = readLocalPorts()
    expect(range.first).toBeGreaterThan(0)
    expect(range.last).toBeGreaterThan(range.first)
  })
})
