// What users are to be told of their objects: conditions that say an object does not do what it was made for.
import type { Condition, Resource } from '../api/index.ts'
import { keyOf } from '../api/index.ts'

export interface Trouble {
  /** `<Kind> <namespace>/<name>` */
  object: string
  condition: string
  reason: string
  message: string
}

/** Conditions that have to be True, the cause before what follows from it. */
const DEMANDED: Readonly<Record<string, readonly string[]>> = {
  Network: ['Available'],
  NATGateway: ['Ready'],
  NetworkInterface: ['Accepted', 'NATReady', 'Programmed'],
}

/** Reasons that are no trouble: an interface with a public address of its own needs no NAT. */
const WANTED: ReadonlySet<string> = new Set(['HasPublicIP'])

/** At most one for each object. */
export function troublesOf(objects: readonly Resource[]): Trouble[] {
  return objects.flatMap((object) => {
    const conditions = 'status' in object ? (object.status?.conditions ?? []) : []
    const found = (DEMANDED[object.kind] ?? []).flatMap((type) => unmet(conditions, type) ?? [])[0]
    if (found === undefined) return []
    const { type, reason, message } = found
    return { object: `${object.kind} ${keyOf(object.metadata)}`, condition: type, reason, message }
  })
}

function unmet(conditions: readonly Condition[], type: string): Condition | undefined {
  return conditions.find((each) => each.type === type && each.status === 'False' && !WANTED.has(each.reason))
}
