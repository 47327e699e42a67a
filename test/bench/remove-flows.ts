// Empties tables between measurements.
import { join } from 'node:path'
import { decodeOne, encodeOne } from '../../src/dataplane/codec.ts'
import { flushArgsCodec } from '../../src/dataplane/generated/layouts.ts'
import { instanceFolder } from '../../src/kernel/pins.ts'
import { activeSlices } from '../../src/kernel/readers.ts'
import { BpfProgram } from '../../src/native/load-native.ts'
import type { Rig } from './rig.ts'

/** Removes all flows: by nat_flush, which the agent uses when a slice gets another owner, and by conntrack -F. */
export async function removeFlows({ lab, kind, plane }: Rig): Promise<void> {
  if (kind === 'nft') await lab.gateway.run('conntrack', '-F')
  if (plane === undefined) return
  const flush = BpfProgram.openPinned(join(instanceFolder(lab.instance), 'programs', 'nat_flush'))
  for (const { index, slice, state } of activeSlices(plane.maps)) {
    for (const [protocol, used] of state.used.entries()) {
      if (used === 0) continue
      const args = { slice: index, protocol, firstSlot: slice.firstSlots[protocol] ?? 0, size: slice.size, freed: 0 }
      const { freed } = decodeOne(flushArgsCodec, flush.testRun({ ctx: encodeOne(flushArgsCodec, args) }).ctx)
      if (freed !== used) throw new Error(`slice ${index}: ${freed} of ${used} flows flushed`)
    }
  }
  flush.close()
}
