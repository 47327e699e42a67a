import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Lab } from './lab.ts'
import type { Namespace } from './namespace.ts'
import { run, type Service } from './process.ts'

/**
 * tcpdump on a device. Capture at the end hosts: the gateway's own devices do not show packets that XDP redirects
 * (docs/reference/platform.md).
 */
export class Capture {
  /** pcap; complete after stop(). */
  readonly file: string
  readonly #service: Service

  private constructor(file: string, service: Service) {
    this.file = file
    this.#service = service
  }

  /** @param filter as in pcap-filter(7) @returns once packets are being captured */
  static async start(lab: Lab, host: Namespace, device: string, filter = ''): Promise<Capture> {
    const name = `capture-${device}-${randomBytes(3).toString('hex')}`
    const file = join(lab.folder, `${host.name}-${name}.pcap`)
    // Each packet takes a slot of the snap length in the kernel's buffer: as long as the largest frame, no longer.
    const slots = ['-s', '4096', '-B', '32768']
    const options = ['-Z', 'root', '-n', '-U', '--immediate-mode', ...slots, '-i', device, '-w', file]
    const service = await host.start(name, 'tcpdump', ...options, ...filter.split(' ').filter(Boolean))
    await service.waitForLog(/listening on/)
    return new Capture(file, service)
  }

  /** Ends the capture. @throws Error when the kernel dropped packets: a missing packet would prove nothing then */
  async stop(): Promise<void> {
    // tcpdump leaves packets that it has not read yet.
    await delay(100)
    await this.#service.stop('SIGINT')
    const dropped = /(\d+) packets? dropped by kernel/.exec(this.#service.log)?.[1] ?? '0'
    if (dropped !== '0') throw new Error(`${dropped} packets are missing in ${this.file}`)
  }

  /** One line a packet, names and relative numbers off. @param filter as in pcap-filter(7) */
  async packets(filter = ''): Promise<string[]> {
    const options = ['-n', '-t', '-S', '-v', '-r', this.file]
    const text = await run('tcpdump', [...options, ...filter.split(' ').filter(Boolean)])
    // -v breaks the line of an IPv4 packet behind its header.
    return text.replaceAll(/\n\s+/g, ' ').trim().split('\n').filter(Boolean)
  }
}
