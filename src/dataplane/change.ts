export interface Change<T> {
  removed: T[]
  added: T[]
}

/**
 * What differs between two lists by identity: the same object means unchanged. Costs little when the lists agree at
 * both ends, which they do when something is put in, taken out or replaced.
 */
export function changeOf<T>(previous: readonly T[], next: readonly T[]): Change<T> {
  let start = 0
  while (start < previous.length && start < next.length && previous[start] === next[start]) start++
  let end = 0
  const longest = Math.min(previous.length, next.length) - start
  while (end < longest && previous[previous.length - 1 - end] === next[next.length - 1 - end]) end++
  const before = new Set(previous.slice(start, previous.length - end))
  const after = new Set(next.slice(start, next.length - end))
  return {
    removed: [...before].filter((each) => !after.has(each)),
    added: [...after].filter((each) => !before.has(each)),
  }
}
