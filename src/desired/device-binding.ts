import type { GatewayConfig } from '../config/config.ts'
import type { LinkRole } from '../dataplane/desired-state.ts'
import type { Link } from '../host/network-objects.ts'

/** A device of the configuration, and the link of the host that it is. */
export interface BoundDevice {
  /** As configured. */
  readonly device: string
  readonly role: LinkRole
  /** Absent while there is none. It has another name where it was renamed after it was found. */
  readonly link?: Link
}

/**
 * Which link each configured device is. It is found by its name, and from then on stays the same link under whatever name:
 * program and flows know the index only. A link that has the configured name now comes first.
 */
export class DeviceBinding {
  readonly #configured: readonly Omit<BoundDevice, 'link'>[]
  readonly #names: ReadonlySet<string>
  /** By configured name. */
  readonly #indexes = new Map<string, number>()
  #bound: readonly BoundDevice[] = []

  constructor(config: Pick<GatewayConfig, 'uplink' | 'private'>) {
    // Private devices first: from then on nothing of theirs gets past the programs.
    this.#configured = [
      ...config.private.map((each) => ({ device: each.interface, role: 'private' as const })),
      { device: config.uplink.interface, role: 'uplink' },
    ]
    this.#names = new Set(this.#configured.map(({ device }) => device))
  }

  /** Private devices, then the uplink. */
  get devices(): readonly BoundDevice[] {
    return this.#bound
  }

  linkOf(device: string): Link | undefined {
    return this.#bound.find((each) => each.device === device)?.link
  }

  /** @param links by ifindex */
  follow(links: ReadonlyMap<number, Link>): void {
    const byName = new Map([...links.values()].map((link) => [link.name, link]))
    this.#bound = this.#configured.map(({ device, role }) => {
      const link = byName.get(device) ?? this.#renamed(device, links)
      if (link === undefined) this.#indexes.delete(device)
      else this.#indexes.set(device, link.ifindex)
      return { device, role, ...(link === undefined ? {} : { link }) }
    })
  }

  #renamed(device: string, links: ReadonlyMap<number, Link>): Link | undefined {
    const link = links.get(this.#indexes.get(device) ?? -1)
    // What has the name of another configured device is that one now.
    return link === undefined || this.#names.has(link.name) ? undefined : link
  }
}
