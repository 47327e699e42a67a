import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import type { Dataplane, DataplaneLimits } from '../../../src/kernel/loader.ts'
import { openDataplane, unloadDataplane } from '../../../src/kernel/loader.ts'
import { isPinned } from '../../../src/kernel/pins.ts'
import { ifIndex } from '../../../src/native/load-native.ts'

export const OBJECT = new URL('../../../build/bpf/natgw.bpf.o', import.meta.url).pathname
export const LIMITS: DataplaneLimits = { maxSlices: 4096, maxInterfaces: 64, maxSessions: 4000, maxDevices: 64 }

/** An instance of its own; everything it leaves behind goes with clear(). */
export class TestInstance {
  readonly name = `test-${randomBytes(4).toString('hex')}`
  readonly #devices: string[] = []
  readonly #open: Dataplane[] = []

  open(limits: Partial<DataplaneLimits> = {}, objectPath = OBJECT, acceptFlowLoss = false): Dataplane {
    const wanted = { ...LIMITS, ...limits }
    const plane = openDataplane({ instance: this.name, limits: wanted, objectPath, acceptFlowLoss })
    this.#open.push(plane)
    return plane
  }

  /** A device that is down and carries nothing: a veth takes native XDP, a tun only generic. */
  addDevice(type: 'veth' | 'tun'): { device: string; ifindex: number } {
    const device = `t${randomBytes(4).toString('hex')}`
    if (type === 'tun') execFileSync('ip', ['tuntap', 'add', 'dev', device, 'mode', 'tun'])
    else execFileSync('ip', ['link', 'add', device, 'type', 'veth', 'peer', 'name', `${device}p`])
    this.#devices.push(device)
    return { device, ifindex: ifIndex(device) }
  }

  removeDevice(device: string): void {
    execFileSync('ip', ['link', 'del', device])
    this.#devices.splice(this.#devices.indexOf(device), 1)
  }

  clear(): void {
    for (const plane of this.#open) plane.close()
    if (isPinned(this.name)) unloadDataplane(this.name)
    for (const device of [...this.#devices]) this.removeDevice(device)
  }
}
