// What could not be written to the kernel's maps: one problem a map and error code, however many entries.
import type { SyncFailure } from '../dataplane/sync-failure.ts'
import type { Problem } from '../problems/problem.ts'

/** @param failures those that no interface's own condition tells of */
export function writeProblems(failures: readonly SyncFailure[]): Problem[] {
  return byMapAndCode(failures).map(([map, [first, ...more]]) => ({
    reason: first.code,
    severity: 'error',
    object: `map ${map}`,
    message: 'entries that all interfaces share could not be written: packets that need them are dropped',
    detail: detailOf(first, more.length),
    remedy: 'see docs/errors.md; it is tried again with the next change or comparison',
  }))
}

export function repairProblems(failures: readonly SyncFailure[]): Problem[] {
  return byMapAndCode(failures).map(([map, [first, ...more]]) => ({
    reason: 'RepairFailed',
    severity: 'error',
    object: `map ${map}`,
    message: `entries are not as they should be, and could not be repaired (${first.code})`,
    detail: detailOf(first, more.length),
    remedy: 'something else writes the maps of natgw; it is tried again after driftIntervalSeconds',
  }))
}

type AtLeastOne = [SyncFailure, ...SyncFailure[]]

function byMapAndCode(failures: readonly SyncFailure[]): [string, AtLeastOne][] {
  const groups = Map.groupBy(failures, (failure) => `${mapOf(failure)} ${failure.code}`)
  return [...groups.values()].map((group) => [mapOf(group[0] as SyncFailure), group as AtLeastOne])
}

function mapOf({ details: { map } }: SyncFailure): string {
  return typeof map === 'string' ? map : 'slot_blocks'
}

function detailOf({ message }: SyncFailure, more: number): string {
  return more === 0 ? message : `${message}; and ${more} more`
}
