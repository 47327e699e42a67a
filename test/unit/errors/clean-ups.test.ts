import { describe, expect, it } from 'vitest'
import { CleanUps, Ended, runCleanUps } from '../../../src/errors/clean-ups.ts'

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

describe('an orderly end', () => {
  it('undoes the last first, whatever fails', async () => {
    const done: string[] = []
    const cleanUps = new CleanUps()
    await cleanUps.add('closing a', () => void done.push('a'))
    await cleanUps.add('closing b', () => {
      throw new Error('no')
    })
    await cleanUps.add('closing c', async () => void done.push('c'))
    expect(await cleanUps.run()).toEqual(['closing b failed: no'])
    expect(done).toEqual(['c', 'a'])
  })

  it('does not wait for ever for what hangs, and still calls the others', async () => {
    const done: string[] = []
    const cleanUps = new CleanUps()
    await cleanUps.add('closing a', () => void done.push('a'))
    await cleanUps.add('closing b', () => new Promise(() => undefined))
    expect(await cleanUps.run(20)).toEqual(['closing b did not end within 0.02 s, and is given up'])
    expect(done).toEqual(['a'])
  })

  it('undoes at once what a start that is still under way brings, and ends the start', async () => {
    const done: string[] = []
    const cleanUps = new CleanUps()
    await cleanUps.run()
    await expect(cleanUps.add('closing a', () => void done.push('a'))).rejects.toThrow(Ended)
    expect(done).toEqual(['a'])
  })
})
