// Problems that the objects themselves tell of: conditions that say an object does not do what it was made for.
import type { Condition, Resource } from '../api/index.ts'
import { keyOf } from '../api/index.ts'

/** A condition that is not met. Its message says what to do where something can be done. */
export interface UnmetCondition {
  /** `<Kind> <namespace>/<name>` */
  object: string
  condition: string
  reason: string
  message: string
}

/** Conditions that have to be True, the cause before what follows from it. */
const REQUIRED_CONDITIONS: Readonly<Record<string, readonly string[]>> = {
  Network: ['Available'],
  NATGateway: ['Ready'],
  NetworkInterface: ['Accepted', 'NATReady', 'Programmed'],
}

/** Reasons that are no problem: an interface with a public address of its own needs no NAT. */
const EXPECTED_REASONS: ReadonlySet<string> = new Set(['HasPublicIP'])

/** At most one for each object. */
export function unmetConditions(objects: readonly Resource[]): UnmetCondition[] {
  return objects.flatMap((object) => {
    const conditions = 'status' in object ? (object.status?.conditions ?? []) : []
    const found = (REQUIRED_CONDITIONS[object.kind] ?? []).flatMap((type) => unmet(conditions, type) ?? [])[0]
    if (found === undefined) return []
    const { type, reason, message } = found
    return { object: `${object.kind} ${keyOf(object.metadata)}`, condition: type, reason, message }
  })
}

function unmet(conditions: readonly Condition[], type: string): Condition | undefined {
  return conditions.find((each) => each.type === type && each.status === 'False' && !EXPECTED_REASONS.has(each.reason))
}
