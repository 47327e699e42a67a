// Bytes in the kernel for a session and for an interface.
import { SlotConstants, slotGroupLayout } from '../../../src/dataplane/generated/layouts.ts'
import type { PinnedDataplane } from '../../../src/kernel/pinned-maps.ts'
import { activeSlices } from '../../../src/kernel/readers.ts'
import type { Case } from '../bench.ts'
import { mapMemory } from '../kernel-memory.ts'
import { withRigs } from '../rig.ts'
import { row } from '../rows.ts'
import { TARGETS } from '../targets.ts'

const PORTS = 2048
const PER_HOST = Math.round(PORTS * 0.9)
const HOSTS = 128
const SYN = 0x02

export const memory: Case = {
  name: 'memory',
  title: 'Memory of the maps',
  quick: true,
  run: (bench) =>
    withRigs(bench.cpu, ['natgw'], { hosts: HOSTS, maxFlows: 0 }, ([rig]) => {
      const plane = rig?.plane
      if (rig === undefined || plane === undefined) return []
      const plan = { flows: HOSTS * PER_HOST, flowsPerHost: PER_HOST }
      const empty = mapMemory(plane.maps)
      bench.say('UDP sessions in 90 % of every slice')
      rig.traffic.send(plan, plan.flows)
      const udp = bytesPerSession(plane)
      bench.say('TCP sessions in 90 % of every slice as well')
      rig.traffic.send({ ...plan, tcpFlags: SYN }, plan.flows)
      const both = bytesPerSession(plane)
      const slots = (3 * PORTS * slotGroupLayout.size) / SlotConstants.GROUP_SLOTS / 1000
      return [
        row(
          'map memory per session, TCP and UDP slots of every slice 90 % used',
          'B',
          [both],
          TARGETS.memoryPerSession,
        ),
        row('map memory per session, only the UDP slots 90 % used', 'B', [udp]),
        row('map memory per interface, slots of a slice of 2,048 ports included', 'kB', [
          slots + empty.interfaces / 65_536 / 1000,
        ]),
      ]
    }),
}

/** Slots of all three protocols of the slices in use, with their share of bitmaps and links. */
function bytesPerSession({ maps }: PinnedDataplane): number {
  const { slots } = mapMemory(maps)
  let used = 0
  for (const { state } of activeSlices(maps)) used += state.used.reduce((sum, each) => sum + each, 0)
  return slots / used
}
