// In which mode a program may run: native XDP hands frames to the driver of the device that is to send them, and not every
// driver takes them. Generic XDP sends as the kernel does, by any device.
import type { GatewayConfig } from '../config/config.ts'
import type { BoundDevice } from '../desired/device-binding.ts'
import type { Link } from '../host/network-objects.ts'
import type { XdpMode } from '../kernel/pins.ts'
import type { Problem } from '../problems/problem.ts'

/** Kinds of links whose driver takes frames of native XDP; a device of hardware has no kind. */
const TAKING_KINDS: ReadonlySet<string | undefined> = new Set([undefined, 'veth', 'tun', 'bond', 'netkit'])

/**
 * Which devices take frames of native XDP. One that did is not asked again: a machine behind a veth can switch its end, and
 * shall not choose the mode for others.
 */
export class RedirectTargets {
  readonly #taking = new Set<number>()
  #reported: ReadonlyMap<number, boolean> | undefined

  /** @param reported by ifindex, from the kernel; undefined where it reports nothing */
  update(reported: ReadonlyMap<number, boolean> | undefined, links: ReadonlyMap<number, Link>): void {
    this.#reported = reported
    for (const ifindex of this.#taking) if (!links.has(ifindex)) this.#taking.delete(ifindex)
    for (const [ifindex, takes] of reported ?? []) if (takes) this.#taking.add(ifindex)
  }

  takes(link: Link): boolean {
    if (this.#reported === undefined) return TAKING_KINDS.has(link.kind)
    return this.#taking.has(link.ifindex)
  }
}

/**
 * For each configured device those that its program sends to and that take no frames from native XDP. One without carrier
 * takes nothing in any mode: a machine that is off does not count.
 */
export function deafTargets(
  devices: readonly BoundDevice[],
  targets: Pick<RedirectTargets, 'takes'>,
): ReadonlyMap<string, readonly string[]> {
  const deaf = (role: BoundDevice['role']): string[] =>
    devices.flatMap((each) => {
      const { link } = each
      return each.role === role && link?.carrier === true && !targets.takes(link) ? [link.name] : []
    })
  const outside = deaf('uplink')
  const inside = deaf('private')
  return new Map(devices.map(({ device, role }) => [device, role === 'uplink' ? inside : outside]))
}

/** @param attached the mode of each configured device's program, by its name */
export function modeProblems(
  configured: GatewayConfig['xdpMode'],
  deaf: ReadonlyMap<string, readonly string[]>,
  attached: ReadonlyMap<string, XdpMode>,
): Problem[] {
  return [...deaf].flatMap(([device, names]): Problem[] => {
    const [first] = names
    const mode = attached.get(device)
    if (first === undefined || mode === undefined) return []
    const which = names.length === 1 ? first : `${first} and others`
    const why = `${which} takes no frames from native XDP`
    const remedy =
      `if ${first} is a veth: ethtool -K FAR_END gro on; a bridge or VLAN never does: ` +
      (configured === 'native' ? 'set xdpMode: auto' : 'the mode follows by itself')
    return mode === 'native'
      ? [
          {
            reason: 'RedirectRefused',
            severity: 'error',
            object: `device ${device}`,
            message: `${why}: what comes in on ${device} for it is lost`,
            remedy,
          },
        ]
      : [
          {
            reason: 'GenericMode',
            severity: 'warning',
            object: `device ${device}`,
            message: `its program runs in generic mode, which is slower: ${why}`,
            remedy,
          },
        ]
  })
}
