import fc from 'fast-check'
import { expect, it } from 'vitest'
import { adopt } from '../../../src/store/adopt.ts'

const json = fc.jsonValue({ maxDepth: 4 })

function isDeeplyFrozen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  return Object.isFrozen(value) && Object.values(value).every(isDeeplyFrozen)
}

it('makes a deeply frozen copy that equals the original', () => {
  fc.assert(
    fc.property(json, json, (old, next) => {
      const copy = adopt(adopt(undefined, old), next)
      expect(JSON.stringify(sorted(copy))).toBe(JSON.stringify(sorted(next)))
      expect(isDeeplyFrozen(copy)).toBe(true)
    }),
  )
})

it('gives the earlier copy back exactly when nothing differs', () => {
  fc.assert(
    fc.property(json, json, (old, next) => {
      const first = adopt(undefined, old)
      expect(adopt(first, structuredClone(old))).toBe(first)
      const equal = JSON.stringify(sorted(old)) === JSON.stringify(sorted(next))
      expect(Object.is(adopt(first, next), first)).toBe(equal)
    }),
  )
})

it('counts undefined members as absent', () => {
  const first = adopt(undefined, { a: 1, b: undefined })
  expect(Object.keys(first)).toEqual(['a'])
  expect(adopt(first, { a: 1, c: undefined })).toBe(first)
  expect(adopt(adopt(undefined, { toString: 1 }), {})).toEqual({})
})

/** The value with members in the order of their names, and −0 as JSON writes it. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => [name, sorted(member)])
  // Not the bare list: [] and {} differ.
  return { members }
}
