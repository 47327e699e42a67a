import type { NetworkInterface } from '../api/index.ts'

/** One of several objects that want what only one can have. */
export interface Contender {
  /** How firmly it holds it by now; 0 is not at all. */
  holds: number
  /** RFC 3339. */
  createdAt: string
  name: string
}

/**
 * Whether `a` comes before `b`: the firmer holder first, then the older, then the first by name. Age comes second because
 * creation times are from a clock that can be set.
 *
 * Invariant: controllers and agents decide by this function, so that they agree on the holder of an address.
 */
export function comesBefore(a: Contender, b: Contender): boolean {
  if (a.holds !== b.holds) return a.holds > b.holds
  const age = Date.parse(a.createdAt) - Date.parse(b.createdAt)
  return age === 0 ? a.name < b.name : age < 0
}

/**
 * An interface as a contender of its inside address. One with a slice holds it, one that was accepted holds it less firmly:
 * it has no flows to lose, but serves its machine.
 */
export function addressContender({ metadata, status }: NetworkInterface, hasSlice: boolean): Contender {
  const accepted = status?.conditions?.some(({ type, status }) => type === 'Accepted' && status === 'True') === true
  return { holds: hasSlice ? 2 : Number(accepted), createdAt: metadata.creationTimestamp, name: metadata.name }
}
