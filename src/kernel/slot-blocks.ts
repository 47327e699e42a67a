// Which slot blocks are in the kernel. Read by a program: before Linux 6.8 the kernel waits for all running
// programs at each look of user space at a map of maps, which took over a minute for all places of `slot_blocks`.
import { decodeOne, encodeOne } from '../dataplane/codec.ts'
import { Limits, slotBlocksArgsCodec } from '../dataplane/generated/layouts.ts'
import type { BpfProgram } from '../native/load-native.ts'

const BLOCKS_A_CALL = 64

/** @param program nat_slot_blocks */
export function readSlotBlocks(program: BpfProgram): Set<number> {
  const found = new Set<number>()
  for (let first = 0; first < Limits.MAX_SLOT_BLOCKS; first += BLOCKS_A_CALL) {
    const { ctx } = program.testRun({ ctx: encodeOne(slotBlocksArgsCodec, { first, present: 0n }) })
    const { present } = decodeOne(slotBlocksArgsCodec, ctx)
    for (let bit = 0; present >> BigInt(bit) !== 0n; bit++) if ((present >> BigInt(bit)) & 1n) found.add(first + bit)
  }
  return found
}
