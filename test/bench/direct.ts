// Calls the gateway's own program packet by packet, without devices: BPF_PROG_TEST_RUN of a program that makes the next
// packet of a plan and jumps into the one under test. The cost of making the packet is measured and subtracted.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Lab } from '../../scripts/lab/lab.ts'
import { listHost } from '../../src/host/rtnetlink.ts'
import { instanceFolder } from '../../src/kernel/pins.ts'
import type { BpfObject } from '../../src/native/load-native.ts'
import { BpfProgram, ifIndex, inNetworkNamespace } from '../../src/native/load-native.ts'
import type { FlowPlan, Wire } from './flows.ts'
import { encodeProgress, encodeTraffic, longestFrame } from './flows.ts'
import { keyOf, loadBench, undisturbed } from './traffic.ts'

/** The machine may change its pace between the two measurements, so both run in short turns. */
const TURNS = 4
/** Fewer packets give no usable time. */
const LEAST = 25_000
/** The device that the frames arrive on. */
const DEVICE = 'p1'

export class DirectCalls {
  readonly #object: BpfObject
  readonly #call: BpfProgram
  readonly #nothing: BpfProgram
  readonly #lab: Lab
  /** No frame of a direct call leaves, but each must be addressed to the gateway. */
  readonly #wire: Wire
  #plan: FlowPlan = { flows: 1 }

  /** @param program of the gateway that runs in the lab */
  constructor(lab: Lab, program: BpfProgram) {
    this.#lab = lab
    const { links } = inNetworkNamespace(lab.gateway.path, listHost)
    const destinationMac = links.find(({ name }) => name === DEVICE)?.mac ?? new Uint8Array(6)
    this.#wire = { ifindex: 0, destinationMac, sourceMac: new Uint8Array(6) }
    this.#object = loadBench('traffic', { seen: 1 })
    this.#call = this.#object.program('bench_call')
    this.#nothing = this.#object.program('bench_call_nothing')
    this.#object.map('under_test').update(keyOf(0), keyOf(descriptorOf(program)))
  }

  static ofGateway(lab: Lab, name: 'nat_from_private' | 'nat_from_uplink' = 'nat_from_private'): DirectCalls {
    const program = BpfProgram.openPinned(join(instanceFolder(lab.instance), 'programs', name))
    try {
      return new DirectCalls(lab, program)
    } finally {
      program.close()
    }
  }

  /** The next run begins with flow `from` of this plan. */
  begin(plan: FlowPlan, from = 0): void {
    this.beginIn(this.#object, plan, from)
  }

  /** The same for another object that makes its own packets. */
  beginIn(object: BpfObject, plan: FlowPlan, from = 0): void {
    this.#plan = plan
    object.map('traffic').update(keyOf(0), encodeTraffic(plan, this.#wire, false))
    const progress = object.map('progress')
    progress.update(keyOf(0), encodeProgress(from, progress.userValueSize))
  }

  /** The next `packets` of the plan. @returns nanoseconds a packet in the program under test */
  run(packets: number): number {
    const share = Math.ceil(packets / TURNS)
    let nanoseconds = 0
    for (let left = packets; left > 0; left -= share) {
      const count = Math.min(share, left)
      nanoseconds += (this.time(this.#call, count) - this.#overhead(count)) * count
    }
    return nanoseconds / packets
  }

  /** Without a measurement. */
  skip(packets: number): void {
    if (packets > 0) this.time(this.#call, packets)
  }

  close(): void {
    this.#object.close()
  }

  #overhead(packets: number): number {
    const progress = this.#object.map('progress')
    const before = progress.lookup(keyOf(0))
    const nanoseconds = this.time(this.#nothing, Math.max(packets, LEAST))
    if (before !== undefined) progress.update(keyOf(0), before)
    return nanoseconds
  }

  /** @returns nanoseconds a packet, making it included */
  time(program: BpfProgram, packets: number): number {
    return inNetworkNamespace(this.#lab.gateway.path, () => {
      const data = new Uint8Array(longestFrame(this.#plan))
      const ctx = contextOf(data.length, ifIndex(DEVICE))
      return undisturbed(() => program.testRun({ data, ctx, repeat: packets }).durationNs)
    })
  }
}

/** struct xdp_md of a frame that came in on a device. */
function contextOf(length: number, ifindex: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(0, length, 0, ifindex, 0, 0).buffer)
}

/** The map of programs takes descriptors. The addon does not expose them, so they are found in this process's own list. */
function descriptorOf(program: BpfProgram): number {
  const { id } = program.info
  const own = new RegExp(`^prog_id:\\s*${id}$`, 'm')
  const fd = readdirSync('/proc/self/fdinfo').find((name) => {
    try {
      return own.test(readFileSync(join('/proc/self/fdinfo', name), 'utf8'))
    } catch {
      return false // the descriptor of the listing itself
    }
  })
  if (fd === undefined) throw new Error(`program ${id} is not open in this process`)
  return Number(fd)
}
