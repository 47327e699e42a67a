import { NatGwError } from '../errors/errors.ts'
import type { GatewayConfig } from './config.ts'

/** What the host has, in the network namespace of this process. */
export interface HostView {
  /**
   * From netlink, not from /sys/class/net: that shows the namespace in which sysfs was mounted.
   * `up`: IFF_UP; `carrier`: IFF_LOWER_UP.
   */
  devices: readonly { name: string; up: boolean; carrier: boolean }[]
}

/**
 * Whether the devices of the configuration are there and have a link.
 * @throws ERR_NO_DEVICE, ERR_DEVICE_DOWN
 */
export function checkHost(config: GatewayConfig, host: HostView): void {
  const named = [
    { field: 'uplink.interface', name: config.uplink.interface },
    ...config.private.map((device, index) => ({ field: `private[${index}].interface`, name: device.interface })),
  ]
  for (const { field, name } of named) checkDevice(field, name, host)
}

function checkDevice(field: string, name: string, host: HostView): void {
  const device = host.devices.find((each) => each.name === name)
  if (device === undefined) {
    const present = host.devices.map((each) => each.name).join(', ') || 'none'
    throw new NatGwError('ERR_NO_DEVICE', `${field}: no network device "${name}" here; there are: ${present}`, {
      field,
      device: name,
    })
  }
  if (device.up && device.carrier) return
  const remedy = device.up ? 'it has no link: check the cable or its peer' : `ip link set ${name} up`
  throw new NatGwError('ERR_DEVICE_DOWN', `${field}: "${name}" is down; ${remedy}`, { field, device: name })
}
