import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/config/load.ts'
import { checkHost, type HostView } from '../../../src/config/preflight.ts'

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
}

function withDevice(name: string, state: Partial<HostView['devices'][number]>): HostView {
  return { ...good, devices: good.devices.map((each) => (each.name === name ? { ...each, ...state } : each)) }
}

describe('the devices of the configuration', () => {
  it('pass when they are there and have a link', () => {
    expect(() => checkHost(config, good)).not.toThrow()
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
