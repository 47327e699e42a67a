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

it('shares the elements of a list that others were put in or taken out of', () => {
  const item = fc.record({ name: fc.uuid(), port: fc.nat() })
  fc.assert(
    fc.property(fc.uniqueArray(item, { minLength: 1, selector: ({ name }) => name }), fc.nat(), (items, place) => {
      const all = adopt(undefined, items)
      const fewer = items.toSpliced(place % items.length, 1)
      const less = adopt(all, structuredClone(fewer))
      expect(less).toEqual(fewer)
      expect(less.every((each) => all.includes(each))).toBe(true)
      const again = adopt(less, structuredClone(items))
      expect(again.filter((each) => !less.includes(each))).toHaveLength(1)
    }),
  )
})

it('takes what is frozen already as it is', () => {
  const spec = adopt(undefined, { ips: [{ value: '10.0.0.1' }] })
  expect(adopt(undefined, { name: 'vm', spec }).spec).toBe(spec)
  const shallow = Object.freeze({ ips: ['10.0.0.1'] })
  expect(Object.isFrozen(adopt(undefined, shallow).ips)).toBe(true)
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
