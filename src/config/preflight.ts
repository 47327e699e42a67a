import { readFile } from 'node:fs/promises'
import { NatGwError } from '../errors/errors.ts'
import type { GatewayConfig } from './config.ts'

/** What the host has, in the network namespace of this process. */
export interface HostView {
  /**
   * From netlink, not from /sys/class/net: that shows the namespace in which sysfs was mounted.
   * `up`: IFF_UP; `carrier`: IFF_LOWER_UP.
   */
  devices: readonly { name: string; up: boolean; carrier: boolean }[]
  ports: LocalPorts
}

export interface PortRange {
  first: number
  last: number
}

/** Which source ports the kernel takes for connections of the host's own. */
export interface LocalPorts {
  /** net.ipv4.ip_local_port_range */
  range: PortRange
  /** net.ipv4.ip_local_reserved_ports: never taken */
  reserved: PortRange[]
}

/**
 * Whether the devices of the configuration are there and have a link.
 * @returns warnings: NAT ports of a shared address that connections of the host itself may take as well
 * @throws ERR_NO_DEVICE, ERR_DEVICE_DOWN
 */
export function checkHost(config: GatewayConfig, host: HostView): string[] {
  const named = [
    { field: 'uplink.interface', name: config.uplink.interface },
    ...config.private.map((device, index) => ({ field: `private[${index}].interface`, name: device.interface })),
  ]
  for (const { field, name } of named) checkDevice(field, name, host)
  return config.publicPrefixes.flatMap(({ prefix, ports, shared }) => {
    const clash = shared ? firstClash(ports, host.ports) : undefined
    if (clash === undefined) return []
    const range = `${ports.first}-${ports.last}`
    return `${prefix} is shared with the host, whose own connections may use port ${clash} and others of its NAT ports \
${range}: replies to them would be dropped. Remedy: sysctl -w net.ipv4.ip_local_reserved_ports=${range}`
  })
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

/** The lowest port of `ports` that the kernel may give to a connection of the host. */
function firstClash(ports: PortRange, local: LocalPorts): number | undefined {
  let port = Math.max(ports.first, local.range.first)
  const last = Math.min(ports.last, local.range.last)
  for (const reserved of [...local.reserved].sort((a, b) => a.first - b.first)) {
    if (port >= reserved.first && port <= reserved.last) port = reserved.last + 1
  }
  return port <= last ? port : undefined
}

/** Of the network namespace of this process. */
export async function readLocalPorts(): Promise<LocalPorts> {
  const read = (name: string): Promise<string> => readFile(`/proc/sys/net/ipv4/${name}`, 'utf8')
  const [range, reserved] = await Promise.all([read('ip_local_port_range'), read('ip_local_reserved_ports')])
  const [first = 0, last = 0] = range.trim().split(/\s+/).map(Number)
  return { range: { first, last }, reserved: parseRanges(reserved.trim()) }
}

/** `8080,40000-49999` */
function parseRanges(text: string): PortRange[] {
  if (text === '') return []
  return text.split(',').map((part) => {
    const [first = 0, last = first] = part.split('-').map(Number)
    return { first, last }
  })
}
