// The programs count time in jiffies; people and RFCs in seconds.
import { decodeOne } from '../dataplane/codec.ts'
import type { ClockArgs } from '../dataplane/generated/layouts.ts'
import { clockArgsCodec } from '../dataplane/generated/layouts.ts'
import { NatGwError } from '../errors/errors.ts'
import type { BpfProgram } from '../native/load-native.ts'

/** The values CONFIG_HZ can have (kernel/Kconfig.hz). */
const POSSIBLE_HZ = [100, 250, 300, 1000]
const MEASURE_MS = 80

/** @param program nat_clock. @returns jiffies and nanoseconds of CLOCK_MONOTONIC at one moment */
export function readClock(program: BpfProgram): ClockArgs {
  const { ctx } = program.testRun({ ctx: new Uint8Array(clockArgsCodec.size) })
  return decodeOne(clockArgsCodec, ctx)
}

/** Blocks for 80 ms: at 100 Hz that is 8 ± 1 jiffies, nearest to no other possible value. */
export function measureHz(program: BpfProgram): number {
  const before = readClock(program)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, MEASURE_MS)
  const after = readClock(program)
  return nearestHz(after.jiffies - before.jiffies, after.monotonicNs - before.monotonicNs)
}

export function nearestHz(jiffies: number, nanoseconds: number): number {
  const measured = (jiffies * 1e9) / nanoseconds
  const [nearest] = POSSIBLE_HZ.toSorted((a, b) => Math.abs(Math.log(a / measured)) - Math.abs(Math.log(b / measured)))
  if (nearest === undefined || !(measured > 0)) {
    throw new NatGwError(
      'ERR_KERNEL_LACKS',
      `the kernel's clock does not tick: ${jiffies} jiffies in ${nanoseconds} ns`,
    )
  }
  return nearest
}
