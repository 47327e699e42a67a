// Loads the programs into the kernel it runs on, starts their expiry and adds a slot block as the agent does, and removes
// all of it again.
// The verifier's log of a refusal goes to the folder NATGW_LOGS.
import { release } from 'node:os'
import { join } from 'node:path'
import { maps } from '../../src/dataplane/generated/layouts.ts'
import { messageOf } from '../../src/errors/errors.ts'
import { openDataplane, PROGRAMS, unloadDataplane } from '../../src/kernel/loader.ts'
import { BpfMap } from '../../src/native/load-native.ts'

const instance = `load-${process.pid}`
try {
  const plane = openDataplane({
    instance,
    limits: { maxSlices: 4096, maxInterfaces: 4096, maxSessions: 4096, maxDevices: 64 },
    objectPath: join(import.meta.dirname, '../../build/bpf/natgw.bpf.o'),
    logFolder: process.env.NATGW_LOGS ?? '.',
  })
  const block = BpfMap.create({ ...maps.slotBlocks.inner, name: 'slot_block' })
  plane.maps.slotBlocks.updateInner(new Uint8Array(4), [block])
  block.close()
  plane.close()
  console.log(`Linux ${release()}: ${PROGRAMS.length} programs loaded`)
} catch (error) {
  console.error(`Linux ${release()}: ${messageOf(error)}`)
  process.exitCode = 1
}
unloadDataplane(instance)
