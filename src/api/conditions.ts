import type { Condition } from './meta.ts'

/** A condition as its writer finds it; the time of its last transition follows from the one before. */
export interface ConditionUpdate {
  type: string
  status: Condition['status']
  reason: string
  message: string
}

/**
 * The conditions as one writer leaves them: its own types as the updates say, in their places, and all other types as they
 * were. No two writers own the same type.
 *
 * @param withdrawn own types of which the writer says nothing any more
 * @param now RFC 3339
 * @returns `present` itself when nothing differs
 */
export function mergeConditions(
  present: Condition[] | undefined,
  updates: readonly ConditionUpdate[],
  observedGeneration: number,
  now: string,
  withdrawn: readonly string[] = [],
): Condition[] {
  const merged = new Map((present ?? []).map((condition) => [condition.type, condition]))
  let differs = false
  for (const type of withdrawn) if (merged.delete(type)) differs = true
  for (const update of updates) {
    const before = merged.get(update.type)
    if (before !== undefined && says(before, update, observedGeneration)) continue
    const lastTransitionTime = before?.status === update.status ? before.lastTransitionTime : now
    merged.set(update.type, { ...update, lastTransitionTime, observedGeneration })
    differs = true
  }
  return present === undefined || differs ? [...merged.values()] : present
}

function says(before: Condition, { status, reason, message }: ConditionUpdate, observedGeneration: number): boolean {
  return (
    before.status === status &&
    before.reason === reason &&
    before.message === message &&
    before.observedGeneration === observedGeneration
  )
}

export function conditionOf(object: { status?: { conditions?: Condition[] } }, type: string): Condition | undefined {
  return object.status?.conditions?.find((condition) => condition.type === type)
}
