import type { GatewayConfig } from '../config/config.ts'
import type { AttachRequest, Attachments } from '../dataplane/attachments.ts'
import type { Logger } from '../log/logger.ts'
import type { Link } from './netlink/model.ts'
import { messageOf } from '../errors/errors.ts'

type Role = AttachRequest['role']

interface Wanted {
  device: string
  role: Role
}

/** What is known of one configured device. */
interface Known {
  /** Where the program was put; absent when the device is missing or refused it. */
  ifindex?: number
  /** Why the program is not on it. */
  failure?: string
  retryAt: number
  /** To be said once, not at every look. */
  missingTold: boolean
}

/** Milliseconds between tries to attach to a device that refused. */
const RETRY = 10_000

/** Sees to it that every configured device runs its program; the failure of one does not keep the others from theirs. */
export class AttachedDevices {
  readonly #attachments: Attachments
  readonly #wanted: Wanted[]
  readonly #mode: GatewayConfig['xdpMode']
  readonly #now: () => number
  readonly #log: Logger
  readonly #known = new Map<string, Known>()
  #repairs = 0

  constructor(
    attachments: Attachments,
    config: Pick<GatewayConfig, 'uplink' | 'private' | 'xdpMode'>,
    now: () => number,
    log: Logger,
  ) {
    this.#attachments = attachments
    // Private devices first: from then on nothing of theirs gets past the programs.
    this.#wanted = [
      ...config.private.map((each): Wanted => ({ device: each.interface, role: 'private' })),
      { device: config.uplink.interface, role: 'uplink' },
    ]
    this.#mode = config.xdpMode
    this.#now = now
    this.#log = log
  }

  /** Programs put back onto devices that had lost them. */
  get repairs(): number {
    return this.#repairs
  }

  /** Why a device's traffic is not translated, by its name; an uplink's failure is everyone's. */
  failures(): Map<string, string> {
    const uplink = this.#failureOf('uplink')
    const failures = new Map<string, string>()
    for (const { device, role } of this.#wanted) {
      const failure = uplink ?? this.#known.get(device)?.failure
      if (role === 'private' && failure !== undefined) failures.set(device, failure)
    }
    return failures
  }

  /** Whether a device that refused is to be tried again. */
  retryDue(): boolean {
    const now = this.#now()
    return [...this.#known.values()].some(
      ({ failure, retryAt }) => failure !== undefined && retryAt > 0 && retryAt <= now,
    )
  }

  /** Attaches where a device is new, came back, or refused a while ago. */
  async ensure(links: ReadonlyMap<number, Link>): Promise<void> {
    const byName = new Map([...links.values()].map((link) => [link.name, link]))
    for (const wanted of this.#wanted) {
      const known = this.#known.get(wanted.device) ?? { retryAt: 0, missingTold: false }
      this.#known.set(wanted.device, known)
      const link = byName.get(wanted.device)
      if (link === undefined) this.#missing(wanted, known)
      else if (known.ifindex !== link.ifindex && (known.failure === undefined || this.#now() >= known.retryAt)) {
        await this.#attach(wanted, link, known)
      }
    }
  }

  /**
   * Compares with what the kernel has: a program that somebody detached or replaced is put back, pins of devices that
   * are gone or no longer configured are removed.
   */
  async verify(links: ReadonlyMap<number, Link>): Promise<void> {
    const states = new Map(this.#attachments.states().map((state) => [state.ifindex, state]))
    for (const wanted of this.#wanted) {
      const known = this.#known.get(wanted.device)
      const link = known?.ifindex === undefined ? undefined : links.get(known.ifindex)
      if (known === undefined || link?.name !== wanted.device) continue
      const state = states.get(link.ifindex)
      if (state?.intact === true && state.role === wanted.role) continue
      this.#log.warn({ device: wanted.device, ifindex: link.ifindex }, 'program was detached or replaced: put back')
      delete known.ifindex
      await this.#attach(wanted, link, known)
      if (known.failure === undefined) this.#repairs++
    }
    this.#detachOthers(states.keys())
  }

  #failureOf(role: Role): string | undefined {
    const wanted = this.#wanted.find((each) => each.role === role)
    return wanted && this.#known.get(wanted.device)?.failure
  }

  #missing({ device, role }: Wanted, known: Known): void {
    if (known.ifindex !== undefined) this.#detach(known.ifindex)
    delete known.ifindex
    // The model tells of a missing private device by itself.
    if (role === 'uplink') known.failure = `uplink ${device} does not exist on this node; served when it is there`
    else delete known.failure
    known.retryAt = 0
    if (!known.missingTold) this.#log.warn({ device }, 'device does not exist; waiting for it')
    known.missingTold = true
  }

  async #attach({ device, role }: Wanted, link: Link, known: Known): Promise<void> {
    known.missingTold = false
    if (known.ifindex !== undefined && known.ifindex !== link.ifindex) this.#detach(known.ifindex)
    try {
      // A device that refused before is not waited for: everything else would wait with it.
      const waitForRelease = known.failure === undefined
      const request = { role, device, ifindex: link.ifindex, mode: this.#mode, waitForRelease }
      const attached = await this.#attachments.attach(request)
      known.ifindex = link.ifindex
      delete known.failure
      const { mode, existing, notNative } = attached
      this.#log.info({ device, role, ifindex: link.ifindex, mode, existing, notNative }, 'program attached')
    } catch (error) {
      known.failure = messageOf(error)
      known.retryAt = this.#now() + RETRY
      const fields = { device, role, ifindex: link.ifindex, err: error }
      this.#log.error(fields, `program could not be attached, so nothing is translated there: ${known.failure}`)
    }
  }

  #detachOthers(present: Iterable<number>): void {
    const ours = new Set([...this.#known.values()].map(({ ifindex }) => ifindex))
    for (const ifindex of present) if (!ours.has(ifindex)) this.#detach(ifindex)
  }

  /** Of a device that is gone only the pin is left. */
  #detach(ifindex: number): void {
    try {
      this.#attachments.detach(ifindex)
      this.#log.info({ ifindex }, 'program detached from a device that is gone or not configured')
    } catch (error) {
      this.#log.error({ ifindex, err: error }, 'program could not be detached')
    }
  }
}
