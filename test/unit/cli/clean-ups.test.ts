import { describe, expect, it } from 'vitest'
import { CleanUps, Ended } from '../../../src/cli/clean-ups.ts'

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
