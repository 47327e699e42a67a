import { describe, expect, it } from 'vitest'
import type { LaidOut } from '../../../src/dataplane/compatibility.ts'
import { difference, union } from '../../../src/dataplane/compatibility.ts'
import { laidOut, maps } from '../../../src/dataplane/generated/layouts.ts'
import { FLOW_MAPS } from '../../../src/kernel/upgrade.ts'

const THING: LaidOut = {
  type: 2,
  keySize: 4,
  valueSize: 16,
  flags: 0,
  version: 1,
  contents: ['key 0 u32 key', 'value 0 u64 id', 'value 8 be32 address'],
  meanings: { state: { STATE_A: 0, STATE_B: 1 } },
}
const thing = (change: Partial<LaidOut>): LaidOut => ({ ...THING, ...change })
const contents = (...more: string[]): LaidOut => thing({ contents: [...THING.contents, ...more] })

describe('two versions of a map are compatible', () => {
  it.each<[string, LaidOut]>([
    ['with a field more in reserved room', contents('value 12 u16 flags')],
    ['with an enumerator more', thing({ meanings: { state: { STATE_A: 0, STATE_B: 1, STATE_C: 2 } } })],
    ['with an enum more', thing({ meanings: { ...THING.meanings, other: { OTHER: 0 } } })],
  ])('%s, whichever was first', (_, other) => {
    expect([difference(THING, other), difference(other, THING)]).toEqual([undefined, undefined])
  })
})

describe('two versions of a map are not compatible', () => {
  it.each<[string, LaidOut, string]>([
    ['of another size', thing({ valueSize: 24 }), 'valueSize 16 there, 24 here'],
    ['of another type', thing({ type: 1 }), 'type 2 there, 1 here'],
    ['of another version', thing({ version: 2 }), 'version 1 there, 2 here'],
    [
      'where a field is in another byte order',
      thing({ contents: ['key 0 u32 key', 'value 0 u64 id', 'value 8 u32 address'] }),
      '"value 8 be32 address" there, "value 8 u32 address" here',
    ],
    [
      'where a field has another name',
      thing({ contents: ['key 0 u32 key', 'value 0 u64 id', 'value 8 be32 remote'] }),
      '"value 8 be32 address" there, "value 8 be32 remote" here',
    ],
    [
      'where one field lies across another',
      thing({ contents: ['key 0 u32 key', 'value 4 u64 id'] }),
      '"value 0 u64 id" there, "value 4 u64 id" here',
    ],
    [
      'where an enumerator has another value',
      thing({ meanings: { state: { STATE_A: 0, STATE_B: 2 } } }),
      'STATE_B is 1 there, 2 here',
    ],
    [
      'where a value means something else',
      thing({ meanings: { state: { STATE_A: 0, STATE_X: 1 } } }),
      '1 of enum state is STATE_B there, STATE_X here',
    ],
    ['where only one has inner maps', thing({ inner: THING }), 'maps in it only on one side'],
  ])('%s', (_, other, reason) => {
    expect(difference(THING, other)).toBe(reason)
    expect(difference(other, THING)).toBeDefined()
  })

  it('where their inner maps are not', () => {
    const outer = (entries: number) => thing({ inner: thing({ maxEntries: entries }) })
    expect(difference(outer(9), outer(8))).toBe('in its inner maps, maxEntries 9 there, 8 here')
  })
})

it('a third version is compared with all that wrote into the map', () => {
  const first = THING
  const second = contents('value 12 u16 flags')
  const third = contents('value 12 u32 count')
  expect(difference(first, third)).toBeUndefined()
  expect(difference(union(second, first), third)).toBe('"value 12 u16 flags" there, "value 12 u32 count" here')
})

it('every map is described, with the room that its fields take, and maps of flows are maps', () => {
  const names = Object.values(maps).map(({ name }) => name)
  expect(Object.keys(laidOut).sort()).toEqual([...names].sort())
  expect(FLOW_MAPS.filter((name) => !names.includes(name))).toEqual([])
  expect(laidOut['slot_blocks']!.inner!.contents.length).toBeGreaterThan(5)
  for (const [name, description] of Object.entries(laidOut))
    expect(difference(description, description), name).toBeUndefined()
})
