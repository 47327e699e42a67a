import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Passes } from '../../../src/agent/passes.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function newPasses() {
  const log: string[] = []
  let failures = 0
  const passes = new Passes({
    run: (verify) => {
      log.push(verify ? 'verify' : 'pass')
      return failures-- > 0 ? Promise.reject(new Error('refused')) : Promise.resolve()
    },
    onSuccess: () => log.push('done'),
    onFailure: (error) => log.push((error as Error).message),
  })
  return { passes, log, fail: (times: number) => (failures = times) }
}

it('a pass that failed is tried again after five seconds', async () => {
  const { passes, log, fail } = newPasses()
  fail(1)
  passes.askAtOnce()
  await vi.advanceTimersByTimeAsync(4_999)
  expect(log).toEqual(['pass', 'refused'])
  await vi.advanceTimersByTimeAsync(1)
  expect(log).toEqual(['pass', 'refused', 'pass', 'done'])
})

it('a failed full comparison is made up for by the next pass that succeeds', async () => {
  const { passes, log, fail } = newPasses()
  fail(2)
  passes.askToVerify()
  await vi.advanceTimersByTimeAsync(0)
  passes.askForChange()
  await vi.advanceTimersByTimeAsync(10)
  passes.askForChange()
  await vi.advanceTimersByTimeAsync(10)
  passes.askForChange()
  await vi.advanceTimersByTimeAsync(10)
  expect(log).toEqual(['verify', 'refused', 'verify', 'refused', 'verify', 'done', 'pass', 'done'])
})

it('no pass runs after it is closed', async () => {
  const { passes, log } = newPasses()
  passes.askToVerify()
  await passes.close()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(log).toEqual([])
})
