import { describe, expect, it } from 'vitest'
import { FailingObjects } from '../../../src/problems/failing-objects.ts'
import { ProblemList } from '../../../src/problems/problem-list.ts'
import { HandClock } from '../../support/hand-clock.ts'

function newFailures() {
  const clock = new HandClock()
  const lines: string[] = []
  const line = (_: object, message: string) => void lines.push(message)
  const list = new ProblemList({ debug() {}, info: line, warn: line, error: line }, clock)
  const changes: string[] = []
  list.onChange(() => changes.push('change'))
  const failing = new FailingObjects(list, 'source', {
    reason: 'ReconcileFailed',
    severity: 'error',
    object: 'controller network',
    message: 'objects keep failing',
    remedy: 'mend it',
  })
  return { clock, lines, list, changes, failing }
}

describe('objects that fail', () => {
  it('are one problem that names three and the newest failure, and lasts since the first', async () => {
    const { clock, list, failing } = newFailures()
    for (const name of ['a', 'b', 'c', 'd', 'e']) failing.failed(name, new Error(`${name} has no room`))
    await clock.advance(5_000)
    failing.failed('b', new Error('disk full'))
    expect(list.list()).toMatchObject([
      { sinceSeconds: 5, detail: 'a, b, c and 2 more; newest failure, b: disk full', message: 'objects keep failing' },
    ])
  })

  it('are no problem once none fails', () => {
    const { list, failing } = newFailures()
    failing.failed('a', new Error('disk full'))
    failing.failed('b', new Error('disk full'))
    failing.recovered('b')
    expect(list.list()).toMatchObject([{ detail: 'a' }])
    failing.recovered('unknown')
    failing.recovered('a')
    expect(list.list()).toEqual([])
  })

  // Work that grows with the square of 100,000 takes minutes.
  it('make two lines of log and two changes, however many they are', { timeout: 30_000 }, () => {
    const { lines, list, changes, failing } = newFailures()
    const full = new Error('disk full')
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 100_000; n++) failing.failed(`default/m${n}`, full)
    }
    for (let n = 0; n < 100_000; n++) failing.recovered(`default/m${n}`)
    expect(list.list()).toEqual([])
    expect(changes).toHaveLength(2)
    expect(lines).toEqual([
      'controller network: ReconcileFailed: objects keep failing (default/m0; newest failure, default/m0: disk full); mend it',
      expect.stringMatching(/^solved: controller network: ReconcileFailed: objects keep failing \(.*\); mend it$/),
    ])
  })
})
