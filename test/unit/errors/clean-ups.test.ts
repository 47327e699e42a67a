import { expect, it } from 'vitest'
import { runCleanUps } from '../../../src/errors/clean-ups.ts'

function steps() {
  const done: string[] = []
  const step = (name: string) => async () => void done.push(name)
  const failing = (name: string) => () => {
    done.push(name)
    throw new Error(`${name} failed`)
  }
  return { done, step, failing }
}

it('runs clean-ups from the last to the first, one after the other', async () => {
  const { done, step } = steps()
  await runCleanUps([step('lock'), step('store'), step('agent')])
  expect(done).toEqual(['agent', 'store', 'lock'])
})

it('runs the others where one throws, and throws its error', async () => {
  const { done, step, failing } = steps()
  await expect(runCleanUps([step('lock'), failing('store'), step('agent')])).rejects.toThrow(/^store failed$/)
  expect(done).toEqual(['agent', 'store', 'lock'])
})

it('throws the errors of several together', async () => {
  const { done, step, failing } = steps()
  const run = runCleanUps([failing('lock'), step('store'), failing('agent')])
  await expect(run).rejects.toMatchObject({ errors: [{ message: 'agent failed' }, { message: 'lock failed' }] })
  expect(done).toEqual(['agent', 'store', 'lock'])
})
