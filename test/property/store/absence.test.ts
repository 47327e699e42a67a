import fc from 'fast-check'
import { expect, it } from 'vitest'
import { idText, NETWORK } from '../../../src/api/index.ts'
import { REMOVAL_TIMES } from '../../../src/store/manifests/absence.ts'
import type { Text } from './followed-world.ts'
import { FollowedWorld, LONG_MS } from './followed-world.ts'

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
const FILES: Record<string, Text> = { 'x.yaml': ['a', 'b', 'c'], 'y.yaml': ['d', 'e'], 'z.yaml': ['f', 'g'] }

/** Something people and tools do with a folder of which all is there again at the end. */
type Step = (world: FollowedWorld) => Promise<void>

const file = fc.constantFrom(...Object.keys(FILES))
/** Shorter than the grace, the looks at both ends included. */
const moment = fc.integer({ min: 1, max: REMOVAL_TIMES.grace - 200 })
const whileDoubted = fc.integer({ min: 1, max: REMOVAL_TIMES.doubt - 200 })
const anyTime = fc.integer({ min: 1, max: 2 * REMOVAL_TIMES.doubt })

const put = (world: FollowedWorld, name: string, text: Text) => world.folder!.set(name, [...text])
const restore = (world: FollowedWorld) => {
  for (const [name, text] of Object.entries(FILES)) put(world, name, text)
}

const rewrite = fc.tuple(file, fc.nat(2), whileDoubted).map(([name, kept, ms]): Step => async (world) => {
  put(world, name, FILES[name]!.slice(0, kept) as Text)
  await world.pass(ms)
  put(world, name, FILES[name]!)
})
const remove = fc.tuple(file, moment).map(([name, ms]): Step => async (world) => {
  world.folder!.delete(name)
  await world.pass(ms)
  put(world, name, FILES[name]!)
})
const move = fc.tuple(file, file, fc.nat(2), moment).map(([from, to, at, ms]): Step => async (world) => {
  const moved = FILES[from]![at]
  if (from === to || moved === undefined) return
  put(
    world,
    from,
    (FILES[from] as string[]).filter((name) => name !== moved),
  )
  await world.pass(ms)
  put(world, to, [...(FILES[to] as string[]), moved])
  await world.pass(ms)
  restore(world)
})
const breakFile = fc.tuple(file, anyTime).map(([name, ms]): Step => async (world) => {
  world.folder!.set(name, 'broken')
  await world.pass(ms)
  put(world, name, FILES[name]!)
})
const unmount = fc.tuple(anyTime, anyTime).map(([gone, empty]): Step => async (world) => {
  world.folder = undefined
  await world.pass(gone)
  world.replace({})
  await world.pass(empty)
  world.replace(FILES)
})
/** A copy takes the place of the folder, a file at a time. */
const copy = fc
  .tuple(fc.shuffledSubarray(Object.keys(FILES), { minLength: 3 }), moment)
  .map(([order, ms]): Step => async (world) => {
    world.folder = undefined
    await world.pass(ms)
    world.replace({})
    for (const name of order) {
      put(world, name, FILES[name]!)
      await world.pass(ms)
    }
  })
const restartUnmounted = anyTime.map((ms): Step => async (world) => {
  world.replace({})
  world.restart()
  await world.pass(ms)
  world.replace(FILES)
})
const restartWithout = fc.tuple(file, whileDoubted).map(([name, ms]): Step => async (world) => {
  world.folder!.delete(name)
  world.restart()
  await world.pass(ms)
  put(world, name, FILES[name]!)
})
const restartUnreadable = anyTime.map((ms): Step => async (world) => {
  world.folder = undefined
  world.restart()
  await world.pass(ms)
  world.replace(FILES)
})
const restartBroken = fc.tuple(file, anyTime).map(([name, ms]): Step => async (world) => {
  world.folder!.set(name, 'broken')
  world.restart()
  await world.pass(ms)
  put(world, name, FILES[name]!)
})
const removeMost = whileDoubted.map((ms): Step => async (world) => {
  for (const name of ['x.yaml', 'y.yaml']) world.folder!.delete(name)
  await world.pass(ms)
  restore(world)
})
/** One file is away for long, while others are written one after the other. */
const busy = fc.integer({ min: 1, max: 20 }).map((files): Step => async (world) => {
  world.folder!.delete('z.yaml')
  for (let i = 0; i < files; i++) {
    put(world, 'y.yaml', FILES['y.yaml']!)
    await world.pass(REMOVAL_TIMES.quiet - 100)
  }
  restore(world)
})
const wait = anyTime.map(
  (ms): Step =>
    (world) =>
      world.pass(ms),
)
const step = fc.oneof(
  fc.oneof(rewrite, remove, removeMost, move, busy, breakFile, wait),
  fc.oneof(unmount, copy, restartUnmounted, restartUnreadable, restartWithout, restartBroken),
)
const steps = fc.array(step, { minLength: 1, maxLength: 6 })

async function worldAfter(sequence: readonly Step[]): Promise<FollowedWorld> {
  const world = new FollowedWorld(FILES)
  await world.pass(200)
  for (const step of sequence) {
    await step(world)
    await world.pass(200)
  }
  return world
}

it('whatever is done with the folder, no object is deleted that is there again in time', () =>
  fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const world = await worldAfter(sequence)
      expect(world.removed).toEqual([])
      await world.pass(LONG_MS)
      expect([world.removed, world.holds]).toEqual([[], []])
      expect([...world.objects].sort()).toEqual(NAMES.map((name) => idText({ kind: NETWORK, key: name })))
    }),
    { numRuns: 60 },
  ))

it('whatever was done with the folder, what is taken out for good is deleted, and nothing else', () =>
  fc.assert(
    fc.asyncProperty(steps, file, async (sequence, name) => {
      const world = await worldAfter(sequence)
      world.folder!.delete(name)
      await world.pass(LONG_MS)
      expect(world.removed.sort()).toEqual(
        (FILES[name] as string[]).map((each) => idText({ kind: NETWORK, key: each })),
      )
      expect(world.holds).toEqual([])
    }),
    { numRuns: 60 },
  ))
