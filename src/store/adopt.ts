/**
 * What `next`, a value as JSON has them, says, deeply frozen. It shares with `previous`, an earlier result, whatever is
 * equal: where nothing differs it is `previous` itself, which makes comparing a matter of identity. What is frozen in
 * `next` already is taken as it is, all else is copied. Members that are undefined count as absent, as they do in JSON.
 */
export function adopt<T>(previous: unknown, next: T): T {
  if (next === previous || typeof next !== 'object' || next === null) return next
  return (Array.isArray(next) ? adoptArray(previous, next) : adoptObject(previous, next)) as T
}

function adoptArray(previous: unknown, next: readonly unknown[]): unknown {
  const old: readonly unknown[] | undefined = Array.isArray(previous) ? previous : undefined
  // What stands at another place than before is known as well: one element less is not a new list.
  const known = old === undefined || old.length === next.length ? undefined : new Set(old)
  const inserted = next.length - (old?.length ?? next.length)
  let shift = 0
  const copy = next.map((value, index) => {
    if (known?.has(value)) return value
    const adopted = adopt(old?.[index - shift], value)
    if (inserted === 0 || adopted === old?.[index - shift]) return adopted
    // From where elements were put in or taken out on, the rest stands so many places further.
    const other = inserted - shift
    const moved = adopt(old?.[index - other], value)
    if (moved !== old?.[index - other]) return adopted
    shift = other
    return moved
  })
  if (old?.length === copy.length && copy.every((value, index) => value === old[index])) return old
  if (Object.isFrozen(next) && copy.every((value, index) => value === next[index])) return next
  return Object.freeze(copy)
}

function adoptObject(previous: unknown, next: object): unknown {
  const old = isObject(previous) ? previous : undefined
  const copy: Record<string, unknown> = {}
  let members = 0
  let same = old !== undefined
  let asGiven = Object.isFrozen(next)
  for (const [name, value] of Object.entries(next) as [string, unknown][]) {
    if (value === undefined) {
      asGiven = false
      continue
    }
    const adopted = adopt(old?.[name], value)
    // `__proto__` as a label's name is data like any other.
    if (name === '__proto__') Object.defineProperty(copy, name, { value: adopted, enumerable: true })
    else copy[name] = adopted
    same &&= adopted === old?.[name] && Object.hasOwn(old ?? {}, name)
    asGiven &&= adopted === value
    members++
  }
  if (old !== undefined && same && Object.keys(old).length === members) return old
  if (asGiven) return next
  return Object.freeze(copy)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
