// Which device runs which program, kept as pinned BPF links: they outlive the process, and a new program takes the place
// of an old one without the device ever being without.
import { setTimeout } from 'node:timers/promises'
import type { LinkRole } from '../dataplane/desired-state.ts'
import { messageOf, NatGwError } from '../errors/errors.ts'
import type { BpfLink, BpfProgram } from '../native/load-native.ts'
import { ifIndex } from '../native/load-native.ts'
import type { PinnedLink, XdpMode } from './pins.ts'
import { detachAndUnpin, linkPath, openLink, pinnedLinks, removePin, replacePin } from './pins.ts'
import { asNativeFailure } from './typed-map.ts'

/** A removed link frees its device only after a grace period of the kernel: until then attaching says EBUSY. */
const BUSY_RETRY_MS = 1500
const BUSY_STEP_MS = 50

export interface AttachRequest {
  role: LinkRole
  ifindex: number
  /** Name of the device, for messages. */
  device: string
  /** `auto`: native where the driver can, else generic. */
  mode: XdpMode | 'auto'
  /** Give the kernel time to free a device that another link was just removed from. Default: true. */
  waitForRelease?: boolean
}

export interface Attached {
  mode: XdpMode
  /** The kernel's reason, where `auto` fell back to generic. */
  notNative?: string
  /** It was attached already; its program was replaced in place if it was another. */
  existing: boolean
}

export interface AttachmentState {
  role: LinkRole
  ifindex: number
  mode: XdpMode
  /** False when the device is gone, somebody detached it, or it runs another program than ours. */
  intact: boolean
}

type Programs = Readonly<Record<'nat_from_uplink' | 'nat_from_private', BpfProgram>>

export class Attachments {
  readonly #instance: string
  readonly #programs: Programs

  constructor(instance: string, programs: Programs) {
    this.#instance = instance
    this.#programs = programs
  }

  /** Every attached device gets the freshly loaded program. @returns how many got one */
  replacePrograms(): number {
    let replaced = 0
    for (const pinned of pinnedLinks(this.#instance)) {
      const link = openLink(pinned)
      try {
        if (link.info.ifindex === 0) {
          removePin(pinned.path)
        } else {
          link.update(this.#programOf(pinned.role))
          replaced++
        }
      } finally {
        link.close()
      }
    }
    return replaced
  }

  /** @throws ERR_ATTACH naming the device and what is in the way, ERR_NO_DEVICE */
  async attach(request: AttachRequest): Promise<Attached> {
    const kept = this.#takeOver(request)
    if (kept !== undefined) return { mode: kept, existing: true }
    if (request.mode !== 'auto') {
      await this.#create(request, request.mode)
      return { mode: request.mode, existing: false }
    }
    try {
      await this.#create(request, 'native')
      return { mode: 'native', existing: false }
    } catch (error) {
      if (isOccupied(error) || (error instanceof NatGwError && error.code === 'ERR_NO_DEVICE')) throw error
      await this.#create(request, 'generic')
      return { mode: 'generic', existing: false, notNative: reasonOf(error) }
    }
  }

  /** @returns false when nothing of ours was attached there */
  detach(ifindex: number): boolean {
    const links = pinnedLinks(this.#instance).filter((link) => link.ifindex === ifindex)
    for (const link of links) detachAndUnpin(link)
    return links.length > 0
  }

  /** What is attached, as the kernel has it now. */
  states(): AttachmentState[] {
    return pinnedLinks(this.#instance).map((pinned) => {
      const link = openLink(pinned)
      const { ifindex, programId } = link.info
      link.close()
      const { role, mode } = pinned
      const intact = ifindex === pinned.ifindex && programId === this.#programOf(role).info.id
      return { role, ifindex: pinned.ifindex, mode, intact }
    })
  }

  /** Goes on with a link that is there, from this build or another. @returns its mode, or undefined when there is none */
  #takeOver({ role, ifindex, mode }: AttachRequest): XdpMode | undefined {
    for (const pinned of pinnedLinks(this.#instance)) {
      if (pinned.ifindex !== ifindex) continue
      const usable = mode === 'auto' || mode === pinned.mode
      if (usable && this.#adopt(pinned, role)) return pinned.mode
      detachAndUnpin(pinned)
    }
    return undefined
  }

  #adopt(pinned: PinnedLink, role: LinkRole): boolean {
    const link = openLink(pinned)
    try {
      if (link.info.ifindex !== pinned.ifindex) return false
      link.update(this.#programOf(role))
      const path = linkPath(this.#instance, { ...pinned, role })
      if (path !== pinned.path) {
        replacePin(link, path)
        removePin(pinned.path)
      }
      return true
    } catch (error) {
      // A program of other flags (fragments) cannot take its place; anything else that fails here fails again below.
      if (asNativeFailure(error) === undefined) throw error
      return false
    } finally {
      link.close()
    }
  }

  async #create({ role, ifindex, device, waitForRelease = true }: AttachRequest, mode: XdpMode): Promise<void> {
    const started = performance.now()
    for (;;) {
      try {
        const link = this.#programOf(role).attachXdp(ifindex, mode)
        this.#pin(link, { role, ifindex, mode })
        return
      } catch (error) {
        if (waitForRelease && isOccupied(error) && performance.now() - started < BUSY_RETRY_MS) {
          await setTimeout(BUSY_STEP_MS)
          continue
        }
        throw attachError(error, device, ifindex, mode)
      }
    }
  }

  #pin(link: BpfLink, pinned: Omit<PinnedLink, 'path'>): void {
    try {
      link.pin(linkPath(this.#instance, pinned))
    } finally {
      link.close()
    }
  }

  #programOf(role: LinkRole): BpfProgram {
    return role === 'uplink' ? this.#programs.nat_from_uplink : this.#programs.nat_from_private
  }
}

function attachError(error: unknown, device: string, ifindex: number, mode: XdpMode): NatGwError {
  const details = { device, ifindex, mode, errno: asNativeFailure(error)?.code }
  if (!exists(device, ifindex)) {
    return new NatGwError('ERR_NO_DEVICE', `device ${device} (ifindex ${ifindex}) does not exist`, details, {
      cause: error,
    })
  }
  if (isOccupied(error)) {
    return new NatGwError(
      'ERR_ATTACH',
      `device ${device} runs an XDP program of someone else: \`ip link show dev ${device}\` shows its id. Of another natgw ` +
        `instance \`natgw unload --instance NAME\` removes it, of others its owner; \`ip link set dev ${device} xdp off\` ` +
        'removes it only where it was attached without a BPF link',
      details,
      { cause: error },
    )
  }
  return new NatGwError('ERR_ATTACH', `device ${device} takes no ${mode} XDP program: ${reasonOf(error)}`, details, {
    cause: error,
  })
}

function codeOf(error: unknown): string | undefined {
  return error instanceof NatGwError ? codeOf(error.cause) : asNativeFailure(error)?.code
}

function isOccupied(error: unknown): boolean {
  return ['EBUSY', 'EEXIST'].includes(codeOf(error) ?? '')
}

/** The kernel says EINVAL for a device that is not there, as for many another thing. */
function exists(device: string, ifindex: number): boolean {
  try {
    return ifIndex(device) === ifindex
  } catch {
    return false
  }
}

function reasonOf(error: unknown): string {
  const failure = asNativeFailure(error instanceof NatGwError ? error.cause : error)
  return failure === undefined ? messageOf(error) : [failure.message, failure.log].filter(Boolean).join(': ')
}
