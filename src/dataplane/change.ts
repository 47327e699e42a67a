export interface Change<T> {
  removed: T[]
  added: T[]
}

/**
 * What differs between two lists by identity: the same object means unchanged, wherever it stands. Costs little when most
 * objects stand where they stood.
 */
export function changeOf<T>(previous: readonly T[], next: readonly T[]): Change<T> {
  if (previous === next) return { removed: [], added: [] }
  const places = differingPlaces(previous, next)
  const before = new Set(valuesAt(previous, places))
  const after = new Set(valuesAt(next, places))
  return {
    removed: [...before].filter((each) => !after.has(each)),
    added: [...after].filter((each) => !before.has(each)),
  }
}

/** With Object.is: it compares references, while === reads both objects, a cache miss for each of 100,000. */
function differingPlaces(a: readonly unknown[], b: readonly unknown[]): number[] {
  const places: number[] = []
  const longest = Math.max(a.length, b.length)
  for (let place = 0; place < longest; place++) if (!Object.is(a[place], b[place])) places.push(place)
  return places
}

function valuesAt<T>(list: readonly T[], places: readonly number[]): T[] {
  return places.flatMap((place) => (place < list.length ? [list[place] as T] : []))
}
