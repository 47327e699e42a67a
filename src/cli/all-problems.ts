// Every problem of an instance, from whoever knows it: the agent, the objects' conditions, the maps, the kernel.
import { unmetConditions } from '../problems/conditions.ts'
import type { Problem } from '../problems/problem.ts'
import { problemKey } from '../problems/problem.ts'
import { HEARTBEAT_MS } from '../problems/published.ts'
import type { DeviceRow } from './device-rows.ts'
import type { Inspection, SliceRow } from './inspect.ts'

/** A problem as `natgw status` shows it. */
export interface ShownProblem extends Omit<Problem, 'reason' | 'remedy'> {
  /** Of a problem, or of the condition. */
  reason: string
  /** Absent where the message says it. */
  remedy?: string
  /** The condition that says so. */
  condition?: string
  /** How long it has lasted; absent where nobody knows. */
  sinceSeconds?: number
}

/** An agent that has not published for so long does not work. */
const SILENT_SECONDS = (3 * HEARTBEAT_MS) / 1000

export function allProblems(
  inspection: Inspection,
  slices: readonly SliceRow[],
  devices: readonly DeviceRow[],
): ShownProblem[] {
  const { objects, known } = inspection
  const found: ShownProblem[] = [
    ...agentProblems(inspection),
    ...(known?.problems ?? []),
    ...devices.flatMap(deviceProblem),
    ...slices.flatMap(sliceProblem),
    ...slices.flatMap(sessionProblem),
    ...unmetConditions(objects).map((each): ShownProblem => ({ severity: 'error', ...each })),
  ]
  return [...new Map(found.map((each) => [problemKey(each), each])).values()]
}

function agentProblems({ info, known, namesMissing }: Inspection): Problem[] {
  const problems: Problem[] = []
  const object = `instance ${info.instance}`
  const age = known?.ageSeconds
  if (!info.running) {
    const message = 'no agent runs: XDP programs stay attached and keep translating, but nothing is kept up to date'
    const remedy = `natgw run --config ${info.record?.config ?? 'FILE'}`
    problems.push({ reason: 'NoAgent', severity: 'error', object, message, remedy })
  } else if (age !== undefined && age > SILENT_SECONDS) {
    const message = 'the agent runs, but has not published for a long time what it knows'
    problems.push({ reason: 'AgentSilent', severity: 'error', object, message, remedy: 'see its log, start it again' })
  }
  if (namesMissing !== undefined) {
    const message = `names and conditions are missing: ${namesMissing}`
    problems.push({ reason: 'NamesMissing', severity: 'error', object, message, remedy: 'see docs/problems.md' })
  }
  return problems
}

function deviceProblem({ device, role, attached }: DeviceRow): Problem[] {
  if (attached) return []
  const message = `the ${role} program is not attached any more: the device is gone, or somebody took it off`
  const remedy = 'a running agent attaches it again when the device is there'
  return [{ reason: 'ProgramDetached', severity: 'error', object: `device ${device}`, message, remedy }]
}

function sliceProblem(slice: SliceRow): Problem[] {
  const { firstPort, lastPort, used } = slice
  const size = lastPort - firstPort + 1
  const full = (['tcp', 'udp', 'icmp'] as const).filter((protocol) => used[protocol] >= size)
  if (full.length === 0) return []
  const range = rangeOf(slice)
  return [
    {
      reason: 'SliceFull',
      severity: 'error',
      object: ownerOf(slice),
      message: `all ${size} ${full.join(' and ')} ports of its slice ${range} are in use: new flows are refused`,
      remedy: 'natgw sessions shows who uses them; more ports: spec.portsPerNetworkInterface of the gateway',
    },
  ]
}

/** One that may have none is as its user wished. */
function sessionProblem(slice: SliceRow): Problem[] {
  const { sessions, sessionsAllowed } = slice
  if (sessions === 0 || sessions < sessionsAllowed) return []
  return [
    {
      reason: 'SessionShareUsed',
      severity: 'error',
      object: ownerOf(slice),
      message: 'its ports speak to as many remotes as one interface may: packets to further ones are refused',
      remedy:
        'natgw sessions shows who uses them; more: perInterface.sessions or limits.maxSessions of the configuration',
    },
  ]
}

function rangeOf({ publicAddress, firstPort, lastPort }: SliceRow): string {
  return `${publicAddress}:${firstPort}-${lastPort}`
}

function ownerOf(slice: SliceRow): string {
  const { networkInterface } = slice
  return networkInterface === '' ? `slice ${rangeOf(slice)}` : `NetworkInterface ${networkInterface}`
}
