// What this build can go on with of what another build pinned, and what that costs.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { LaidOut } from '../dataplane/compatibility.ts'
import { difference, union } from '../dataplane/compatibility.ts'
import { laidOut } from '../dataplane/generated/layouts.ts'
import { NatGwError } from '../errors/errors.ts'
import { BpfMap } from '../native/load-native.ts'
import type { LayoutRecord } from './layout-record.ts'
import { readLayoutRecord } from './layout-record.ts'
import { instanceFolder, listPins, olderPins } from './pins.ts'

/** Maps that flows are made of. All others are counted anew, learned again or written again by the agent. */
export const FLOW_MAPS: readonly string[] = [
  'settings',
  'slices',
  'slice_states',
  'slot_blocks',
  'sessions',
  'session_use',
]

export interface UpgradePlan {
  /** Pinned maps to go on with. */
  keep: ReadonlySet<string>
  /** Pinned maps of another layout, and why. A map of this name is made anew. */
  replace: readonly { map: string; reason: string }[]
  /** What is laid out in the maps from now on. */
  record: LayoutRecord
  /** Why living flows end; undefined when they go on. */
  flowsEnd?: string
  /** How many; undefined when the other build's table cannot be read. */
  flows: number | undefined
}

/** Looks at pins and changes nothing. */
export function planUpgrade(instance: string): UpgradePlan {
  const record = readLayoutRecord(instance) ?? {}
  const pinned = listPins(instance, 'maps')
  const replace: { map: string; reason: string }[] = []
  for (const map of pinned) {
    const made = record[map]
    const wanted = laidOut[map]
    if (wanted === undefined) {
      if (made?.holdsFlows === true) replace.push({ map, reason: 'this version has no such map' })
      continue
    }
    const reason = made === undefined ? 'what is laid out there is not recorded' : difference(made, wanted)
    if (reason !== undefined) replace.push({ map, reason })
  }
  const broken = replace.find(({ map }) => FLOW_MAPS.includes(map) || laidOut[map] === undefined)
  const [older] = olderPins(instance)
  const flowsEnd =
    broken !== undefined
      ? `map ${broken.map}: ${broken.reason}`
      : older === undefined
        ? undefined
        : `its maps are in ${instanceFolder(instance)}/${older}, as earlier versions pinned them`
  const keep = new Set(
    flowsEnd === undefined ? pinned.filter((map) => map in laidOut && !replace.some((other) => other.map === map)) : [],
  )
  return {
    keep,
    replace,
    record: Object.fromEntries(
      Object.entries(laidOut).map(([map, wanted]): [string, LaidOut] => [
        map,
        {
          ...(keep.has(map) && record[map] !== undefined ? union(record[map], wanted) : wanted),
          ...(FLOW_MAPS.includes(map) ? { holdsFlows: true } : {}),
        },
      ]),
    ),
    flows: countFlows(
      older === undefined ? join(instanceFolder(instance), 'maps') : join(instanceFolder(instance), older, 'maps'),
      older === undefined ? record['slice_states'] : OLDER_SLICE_STATES,
    ),
    ...(flowsEnd === undefined ? {} : { flowsEnd }),
  }
}

/** @throws ERR_FLOWS_LIVE when flows would end that nobody gave up */
export function requireFlowsKept(instance: string, plan: UpgradePlan, acceptFlowLoss: boolean): void {
  if (plan.flowsEnd === undefined || plan.flows === 0 || acceptFlowLoss) return
  const flows = plan.flows === undefined ? 'all flows' : `${plan.flows} flow${plan.flows === 1 ? '' : 's'}`
  throw new NatGwError(
    'ERR_FLOWS_LIVE',
    `instance '${instance}' was loaded by another version, whose flows this one cannot go on with (${plan.flowsEnd}): ` +
      `loading it ends ${flows}. Go on with the other version, or give --accept-flow-loss`,
    { instance, flows: plan.flows, reason: plan.flowsEnd },
  )
}

/** Of commit 9352df4, which left no record. */
const OLDER_SLICE_STATES = { valueSize: 64, contents: ['value 4 u32[3] used'] }

/** Mappings in use, read by what was laid out in `slice_states` when it was made. */
function countFlows(folder: string, made: Pick<LaidOut, 'valueSize' | 'contents'> | undefined): number | undefined {
  const path = join(folder, 'slice_states')
  if (!existsSync(path)) return 0
  const at = /^value (\d+) u32\[3\] used$/m.exec(made?.contents.join('\n') ?? '')?.[1]
  if (at === undefined || made === undefined) return undefined
  const map = BpfMap.openPinned(path)
  try {
    if (map.info.valueSize !== made.valueSize) return undefined
    const { values, count } = map.entries()
    const view = new DataView(values.buffer, values.byteOffset, values.byteLength)
    let flows = 0
    for (let index = 0; index < count; index++) {
      for (let protocol = 0; protocol < 3; protocol++) {
        flows += view.getUint32(index * made.valueSize + Number(at) + 4 * protocol, true)
      }
    }
    return flows
  } finally {
    map.close()
  }
}
