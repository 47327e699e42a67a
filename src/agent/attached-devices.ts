import type { GatewayConfig } from '../config/config.ts'
import type { LinkRole } from '../dataplane/desired-state.ts'
import type { BoundDevice } from '../desired/device-binding.ts'
import { messageOf, NatGwError } from '../errors/errors.ts'
import type { Link } from '../host/network-objects.ts'
import type { Attachments } from '../kernel/attachments.ts'
import type { XdpMode } from '../kernel/pins.ts'
import type { Logger } from '../log/logger.ts'

/** What is known of one configured device. */
interface Known {
  /** Where the program was put; absent when the device is missing or refused it. */
  ifindex?: number
  mode?: XdpMode
  /** Why the program is not on it. */
  failure?: NatGwError
  /** In generic mode for another reason than its own driver, as far as is known. */
  demoted?: boolean
  /** Since when it runs in native mode and should not. */
  deafSince?: number
  retryAt: number
}

/** A device that runs the program of private devices and is none of the configuration: what it sends is dropped. */
export interface UnconfiguredDevice {
  ifindex: number
  /** Its present name. */
  name: string
}

/** A veth takes frames once its machine has set its end up: what runs in native mode waits so long for that. */
const DEAF_MS = 5_000
/** Between tries to attach to a device that refused. */
const RETRY_MS = 10_000

/** Attaches the program to every configured device; the failure of one does not affect the others. */
export class AttachedDevices {
  readonly #attachments: Attachments
  readonly #mode: GatewayConfig['xdpMode']
  readonly #now: () => number
  readonly #log: Logger
  /** By configured name. */
  readonly #known = new Map<string, Known>()
  /** Indexes that run a program of ours without being configured, as last looked up. */
  #others: number[] | undefined
  #deaf: ReadonlyMap<string, readonly string[]> = new Map()
  #repairs = 0

  constructor(attachments: Attachments, { xdpMode }: Pick<GatewayConfig, 'xdpMode'>, now: () => number, log: Logger) {
    this.#attachments = attachments
    this.#mode = xdpMode
    this.#now = now
    this.#log = log
  }

  /** Programs put back onto devices that had lost them. */
  get repairs(): number {
    return this.#repairs
  }

  /** @param device a configured name */
  isAttached(device: string): boolean {
    return this.#known.get(device)?.ifindex !== undefined
  }

  /** Why the program is not on a device that is there, by its configured name. */
  failures(): ReadonlyMap<string, NatGwError> {
    return new Map([...this.#known].flatMap(([device, { failure }]) => (failure ? [[device, failure]] : [])))
  }

  /** Modes in which programs run, by configured name. */
  modes(): ReadonlyMap<string, XdpMode> {
    return new Map([...this.#known].flatMap(([device, { mode }]) => (mode ? [[device, mode]] : [])))
  }

  /** Devices that keep their program because private machines may be behind them. */
  unconfigured(links: ReadonlyMap<number, Link>): UnconfiguredDevice[] {
    return (this.#others ?? []).flatMap((ifindex) => {
      const link = links.get(ifindex)
      return link === undefined ? [] : [{ ifindex, name: link.name }]
    })
  }

  /** Whether a device that refused is to be tried again, or the mode of one changed. */
  retryDue(): boolean {
    const now = this.#now()
    return [...this.#known.values()].some(
      ({ failure, retryAt, deafSince }) =>
        (failure !== undefined && retryAt <= now) || (deafSince !== undefined && now - deafSince >= DEAF_MS),
    )
  }

  /**
   * Attaches where a device is new, came back, or refused a while ago.
   * @param deaf by configured name: devices that its program sends to and that take nothing from native XDP
   */
  async ensure(
    devices: readonly BoundDevice[],
    links: ReadonlyMap<number, Link>,
    deaf: ReadonlyMap<string, readonly string[]>,
  ): Promise<void> {
    this.#deaf = deaf
    let moved = this.#others === undefined
    for (const { device, role, link } of devices) {
      const known = this.#known.get(device) ?? { retryAt: 0 }
      this.#known.set(device, known)
      const misplaced = this.#isMisplaced(device, known)
      if (known.ifindex === link?.ifindex && known.failure === undefined && !misplaced) continue
      if (link === undefined) {
        moved ||= known.ifindex !== undefined
        delete known.ifindex
        delete known.mode
        delete known.failure
      } else if (known.failure === undefined || this.#now() >= known.retryAt) {
        await this.#attach(device, role, link, known)
        moved = true
      }
    }
    if (moved) this.#removeOthers(links)
  }

  /** Compares with what the kernel has: a program that somebody detached or replaced is put back. */
  async verify(devices: readonly BoundDevice[], links: ReadonlyMap<number, Link>): Promise<void> {
    const states = new Map(this.#attachments.states().map((state) => [state.ifindex, state]))
    for (const { device, role, link } of devices) {
      const known = this.#known.get(device)
      if (link === undefined || known?.ifindex !== link.ifindex) continue
      const state = states.get(link.ifindex)
      const intact = state?.intact === true && state.role === role
      if (intact && this.#shouldBeNative(device, role, known)) {
        // For a moment packets meet the kernel: on the uplink that costs some, on a private device it could let some out.
        this.#attachments.detach(link.ifindex)
        await this.#attach(device, role, link, known)
      }
      if (intact) continue
      this.#log.warn({ device, ifindex: link.ifindex }, 'program was detached or replaced: attached again')
      delete known.ifindex
      await this.#attach(device, role, link, known)
      if (known.failure === undefined) this.#repairs++
    }
    this.#removeOthers(links)
  }

  /** It runs in native mode and has sent to a device that takes no frames for some time. */
  #isMisplaced(device: string, known: Known): boolean {
    if (known.mode !== 'native' || this.#modeFor(device) !== 'generic') {
      delete known.deafSince
      return false
    }
    known.deafSince ??= this.#now()
    return this.#now() - known.deafSince >= DEAF_MS
  }

  #modeFor(device: string): XdpMode | 'auto' {
    return this.#mode === 'auto' && (this.#deaf.get(device) ?? []).length > 0 ? 'generic' : this.#mode
  }

  /** It was put into generic mode for the sake of a device that is gone or takes frames now. */
  #shouldBeNative(device: string, role: LinkRole, { mode, demoted }: Known): boolean {
    return role === 'uplink' && mode === 'generic' && demoted === true && this.#modeFor(device) === 'auto'
  }

  async #attach(device: string, role: LinkRole, link: Link, known: Known): Promise<void> {
    try {
      // A device that refused before is not waited for: everything else would wait with it.
      const waitForRelease = known.failure === undefined
      const wanted = this.#modeFor(device)
      const request = { role, device: link.name, ifindex: link.ifindex, mode: wanted, waitForRelease }
      const { mode, existing, notNative } = await this.#attachments.attach(request)
      known.ifindex = link.ifindex
      known.mode = mode
      known.demoted = this.#mode === 'auto' && (wanted === 'generic' || (existing && mode === 'generic'))
      delete known.failure
      this.#log.info({ device, role, ifindex: link.ifindex, mode, existing, notNative }, 'program attached')
    } catch (error) {
      delete known.ifindex
      delete known.mode
      known.failure = error instanceof NatGwError ? error : new NatGwError('ERR_ATTACH', messageOf(error))
      known.retryAt = this.#now() + RETRY_MS
    }
  }

  /**
   * Takes programs off devices that are not configured, after those that are have theirs. A private device keeps its
   * program, without which the kernel would forward what its machines send as it comes.
   */
  #removeOthers(links: ReadonlyMap<number, Link>): void {
    const ours = new Set([...this.#known.values()].map(({ ifindex }) => ifindex))
    this.#others = []
    for (const { ifindex, role, intact } of this.#attachments.states()) {
      if (ours.has(ifindex)) continue
      if (role === 'private' && intact && links.has(ifindex)) this.#others.push(ifindex)
      else this.#detach(ifindex)
    }
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
