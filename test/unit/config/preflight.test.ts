import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/config/load.ts'
import { checkHost, readLocalPorts, type HostView } from '../../../src/config/preflight.ts'

const config = parseConfig(
  `
uplink: {interface: eth0}
private: [{interface: eth1, network: n}]
publicPrefixes: [198.51.100.0/29, {prefix: 192.0.2.2/32, ports: 40000-49999, shared: true}]
manifests: .
`,
  '/etc/natgw/gateway.yaml',
).config

const good: HostView = {
  devices: [
    { name: 'lo', up: true, carrier: true },
    { name: 'eth0', up: true, carrier: true },
    { name: 'eth1', up: true, carrier: true },
  ],
  ports: { range: { first: 32768, last: 39999 }, reserved: [] },
}

function withDevice(name: string, state: Partial<HostView['devices'][number]>): HostView {
  return { ...good, devices: good.devices.map((each) => (each.name === name ? { ...each, ...state } : each)) }
}

describe('the devices of the configuration', () => {
  it('pass without a warning when they are there and have a link', () => {
    expect(checkHost(config, good)).toEqual([])
  })

  it('are named when they do not exist, with those that do', () => {
    expect(() => checkHost(config, { ...good, devices: good.devices.slice(0, 2) })).toThrow(
      expect.objectContaining({
        code: 'ERR_NO_DEVICE',
        message: 'private[0].interface: no network device "eth1" here; there are: lo, eth0',
      }) as Error,
    )
  })

  it('are refused when they are set down, with the command that sets them up', () => {
    expect(() => checkHost(config, withDevice('eth0', { up: false, carrier: false }))).toThrow(
      expect.objectContaining({
        code: 'ERR_DEVICE_DOWN',
        message: 'uplink.interface: "eth0" is down; ip link set eth0 up',
      }) as Error,
    )
  })

  it('are refused when they have no link', () => {
    expect(() => checkHost(config, withDevice('eth1', { carrier: false }))).toThrow(/it has no link/)
  })
})

describe('the ports of an address that the host uses as well', () => {
  const withPorts = (first: number, last: number, reserved: HostView['ports']['reserved'] = []): string[] =>
    checkHost(config, { ...good, ports: { range: { first, last }, reserved } })

  it('bring a warning when the kernel may take them for connections of its own', () => {
    expect(withPorts(32768, 60999)).toEqual([
      expect.stringMatching(/192\.0\.2\.2\/32.*port 40000.*ip_local_reserved_ports=40000-49999/),
    ])
  })

  it('are fine when they are reserved, in one range or in several', () => {
    expect(withPorts(32768, 60999, [{ first: 40000, last: 49999 }])).toEqual([])
    const two = [
      { first: 45000, last: 50000 },
      { first: 39000, last: 44999 },
    ]
    expect(withPorts(32768, 60999, two)).toEqual([])
  })

  it('bring a warning when they are reserved but for one', () => {
    const hole = [
      { first: 40000, last: 44999 },
      { first: 45001, last: 49999 },
    ]
    expect(withPorts(32768, 60999, hole)).toEqual([expect.stringContaining('port 45000')])
  })

  it('are what the kernel says', async () => {
    const { range } = await readLocalPorts()
    expect(range.first).toBeGreaterThan(0)
    expect(range.last).toBeGreaterThan(range.first)
  })
})
