// The devices that run a program of an instance, by its pins.
import type { LinkRole } from '../dataplane/desired-state.ts'
import type { Link } from '../host/network-objects.ts'
import type { XdpMode } from '../kernel/pins.ts'
import { isAttached, pinnedLinks } from '../kernel/pins.ts'

export interface DeviceRow {
  device: string
  ifindex: number
  role: LinkRole
  mode: XdpMode
  /** False when the device is gone, or somebody took the program off. */
  attached: boolean
}

export function deviceRows(instance: string, links: readonly Link[]): DeviceRow[] {
  const names = new Map(links.map(({ ifindex, name }) => [ifindex, name]))
  return pinnedLinks(instance).map((link) => {
    const { ifindex, role, mode } = link
    const device = names.get(ifindex) ?? `(ifindex ${ifindex}, gone)`
    return { device, ifindex, role, mode, attached: isAttached(link) }
  })
}
