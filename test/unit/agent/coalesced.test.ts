import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Coalesced } from '../../../src/agent/coalesced.ts'

let runs: number
let errors: unknown[]

beforeEach(() => {
  vi.useFakeTimers()
  runs = 0
  errors = []
})
afterEach(() => {
  vi.useRealTimers()
})

const counting = (body: () => Promise<void> | void = () => {}) =>
  new Coalesced(
    () => {
      runs++
      return body()
    },
    (error) => errors.push(error),
  )

test('requests of one moment get one run, as early as the earliest of them', async () => {
  const coalesced = counting()
  coalesced.ask(5000)
  for (let i = 0; i < 100; i++) coalesced.ask(5)
  await vi.advanceTimersByTimeAsync(5)
  expect(runs).toBe(1)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(runs).toBe(1)
})

test('requests during a run cause one run after it, never a second beside it', async () => {
  let running = 0
  const coalesced = counting(async () => {
    expect(++running).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 100))
    running--
  })
  coalesced.ask(0)
  await vi.advanceTimersByTimeAsync(10)
  for (let i = 0; i < 10; i++) coalesced.ask(5)
  await vi.advanceTimersByTimeAsync(1000)
  expect(runs).toBe(2)
})

test('a single request runs at once, a stream of requests no more often than its spacing', async () => {
  const coalesced = counting()
  coalesced.askSpaced(100)
  await vi.advanceTimersByTimeAsync(1)
  expect(runs).toBe(1)
  for (let i = 0; i < 90; i++) {
    coalesced.askSpaced(100)
    await vi.advanceTimersByTimeAsync(1)
  }
  expect(runs).toBe(1)
  await vi.advanceTimersByTimeAsync(100)
  expect(runs).toBe(2)
})

test('a run that fails is reported, and later ones run all the same', async () => {
  const coalesced = counting(() => {
    throw new Error('no')
  })
  for (let i = 0; i < 2; i++) {
    coalesced.ask(0)
    await vi.advanceTimersByTimeAsync(1)
  }
  expect(runs).toBe(2)
  expect(errors).toHaveLength(2)
})

test('closing waits for the run that is under way and lets no other begin', async () => {
  let ended = false
  const coalesced = counting(async () => {
    await new Promise((resolve) => setTimeout(resolve, 100))
    ended = true
  })
  coalesced.ask(0)
  await vi.advanceTimersByTimeAsync(1)
  coalesced.ask(0)
  const closing = coalesced.close()
  await vi.advanceTimersByTimeAsync(1000)
  await closing
  expect(ended).toBe(true)
  expect(runs).toBe(1)
})
