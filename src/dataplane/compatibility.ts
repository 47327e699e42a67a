// Whether a build can go on with a map that another build made. Pure.
import type { MapShape } from './codec.ts'

/** What is laid out in a map, generated from BTF and headers. Reserved room is not in it. */
export interface LaidOut extends Omit<MapShape, 'name' | 'maxEntries'> {
  /** Of inner maps only. */
  readonly maxEntries?: number
  readonly version: number
  /** `<part> <offset> <encoding> <name>` of every field. */
  readonly contents: readonly string[]
  /** Enums that fields hold: enumerator → value. */
  readonly meanings: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly inner?: LaidOut
  /** In a record only: without the map flows end. */
  readonly holdsFlows?: boolean
}

interface Field {
  line: string
  part: string
  start: number
  end: number
}

/**
 * Why one build cannot read what another laid out; undefined when it can. The order does not matter: a
 * field in room that is reserved in the other build, and an enumerator that the other does not have, are compatible.
 */
export function difference(made: LaidOut, wanted: LaidOut): string | undefined {
  for (const field of ['type', 'keySize', 'valueSize', 'flags', 'version', 'maxEntries'] as const) {
    if (made[field] !== wanted[field]) return `${field} ${made[field]} there, ${wanted[field]} here`
  }
  return (
    fieldDifference(made.contents.map(parse), wanted.contents.map(parse)) ??
    meaningDifference(made.meanings, wanted.meanings) ??
    innerDifference(made.inner, wanted.inner)
  )
}

/** What is laid out once both builds have written into the map. */
export function union(made: LaidOut, wanted: LaidOut): LaidOut {
  const names = new Set([...Object.keys(made.meanings), ...Object.keys(wanted.meanings)])
  return {
    ...wanted,
    contents: [...new Set([...made.contents, ...wanted.contents])],
    meanings: Object.fromEntries(
      [...names].map((name) => [name, { ...made.meanings[name], ...wanted.meanings[name] }]),
    ),
    ...(made.inner === undefined || wanted.inner === undefined ? {} : { inner: union(made.inner, wanted.inner) }),
  }
}

function parse(line: string): Field {
  const [, part = '', offset, bits, count] = /^(\w+) (\d+) \D+(\d+)(?:\[(\d+)\])? /.exec(line) ?? []
  const start = Number(offset)
  return { line, part, start, end: start + (Number(bits) / 8) * Number(count ?? 1) }
}

function fieldDifference(made: readonly Field[], wanted: readonly Field[]): string | undefined {
  const known = new Set(made.map(({ line }) => line))
  for (const field of wanted) {
    if (known.has(field.line)) continue
    const other = made.find(({ part, start, end }) => part === field.part && start < field.end && field.start < end)
    if (other !== undefined) return `"${other.line}" there, "${field.line}" here`
  }
  return undefined
}

function meaningDifference(made: LaidOut['meanings'], wanted: LaidOut['meanings']): string | undefined {
  for (const [name, values] of Object.entries(wanted)) {
    const others = made[name] ?? {}
    for (const [enumerator, value] of Object.entries(values)) {
      const other = others[enumerator]
      if (other === value) continue
      if (other !== undefined) return `${enumerator} is ${other} there, ${value} here`
      const taken = Object.keys(others).find((candidate) => others[candidate] === value && !(candidate in values))
      if (taken !== undefined) return `${value} of enum ${name} is ${taken} there, ${enumerator} here`
    }
  }
  return undefined
}

function innerDifference(made: LaidOut | undefined, wanted: LaidOut | undefined): string | undefined {
  if (made === undefined || wanted === undefined) return made === wanted ? undefined : 'maps in it only on one side'
  const found = difference(made, wanted)
  return found === undefined ? undefined : `in its inner maps, ${found}`
}
