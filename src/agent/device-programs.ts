import type { GatewayConfig } from '../config/config.ts'
import type { BoundDevice } from '../desired/device-binding.ts'
import type { HostSnapshot } from '../host/host-network.ts'
import { readRedirectTargets } from '../host/xdp-features.ts'
import type { Attachments } from '../kernel/attachments.ts'
import type { Logger } from '../log/logger.ts'
import type { ProblemSink } from '../problems/problem-list.ts'
import { AttachedDevices } from './attached-devices.ts'
import { deviceProblems, untranslated } from './device-problems.ts'
import { deafTargets, modeProblems, RedirectTargets } from './xdp-modes.ts'

export interface DeviceProgramsOptions {
  attachments: Attachments
  config: Pick<GatewayConfig, 'xdpMode'>
  problems: ProblemSink
  /** Milliseconds, monotonic. */
  now: () => number
  log: Logger
}

/** Keeps a program on each configured device, in the mode that the devices it sends to take, and reports what prevents it. */
export class DevicePrograms {
  readonly #options: DeviceProgramsOptions
  readonly #devices: AttachedDevices
  readonly #targets = new RedirectTargets()
  /** The links for which the kernel was last asked what they take. */
  #askedLinks: HostSnapshot['links'] | undefined

  constructor(options: DeviceProgramsOptions) {
    const { attachments, config, now, log } = options
    this.#options = options
    this.#devices = new AttachedDevices(attachments, config, now, log)
  }

  /** Programs put back onto devices that had lost them. */
  get repairs(): number {
    return this.#devices.repairs
  }

  isAttached(device: string): boolean {
    return this.#devices.isAttached(device)
  }

  retryDue(): boolean {
    return this.#devices.retryDue()
  }

  /**
   * @param verify asks the kernel which programs are attached, in place of relying on what was done
   * @returns why traffic of a private device is not translated, by its name
   */
  async ensure(
    devices: readonly BoundDevice[],
    links: HostSnapshot['links'],
    verify: boolean,
  ): Promise<ReadonlyMap<string, string>> {
    const { config, problems } = this.#options
    const ask = verify || links !== this.#askedLinks || this.#devices.retryDue()
    if (ask) this.#targets.update(await readRedirectTargets(), links)
    this.#askedLinks = links
    const deaf = deafTargets(devices, this.#targets)
    await this.#devices.ensure(devices, links, deaf)
    if (verify) await this.#devices.verify(devices, links)
    const failures = this.#devices.failures()
    const unconfigured = this.#devices.unconfigured(links)
    problems.report('devices', deviceProblems({ devices, failures, unconfigured }))
    problems.report('modes', modeProblems(config.xdpMode, deaf, this.#devices.modes()))
    return untranslated({ devices, failures })
  }
}
