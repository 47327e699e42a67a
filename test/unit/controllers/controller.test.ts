import { describe, expect, it, onTestFinished } from 'vitest'
import { Controller } from '../../../src/controllers/runtime/controller.ts'
import { NatGwError } from '../../../src/errors/errors.ts'
import { ProblemList } from '../../../src/problems/problem-list.ts'
import { HandClock } from '../../support/hand-clock.ts'
import { RecordingLog } from './support.ts'

function start(reconcile: (key: string) => Promise<void>) {
  const clock = new HandClock()
  const problems = new ProblemList(new RecordingLog(), clock)
  const options = { name: 'network', log: new RecordingLog(), problems, clock, concurrency: 8, reconcile }
  const controller = new Controller(options)
  controller.queue.start()
  onTestFinished(() => controller.stop())
  return { clock, controller, problems }
}

describe('a controller', () => {
  it.each(['ERR_STATE_WRITE', 'ERR_CONFLICT'] as const)(
    'reports keys that keep failing with %s as one problem, until they get through',
    async (code) => {
      let fails = true
      const { clock, controller, problems } = start(async () => {
        if (fails) throw new NatGwError(code, 'refused')
      })
      for (const key of ['default/a', 'default/b', 'default/c', 'default/d']) controller.queue.add(key)
      for (let n = 0; n < 8; n++) await clock.advance(200)
      expect(problems.list()).toEqual([])
      for (let n = 0; n < 40; n++) await clock.advance(200)
      expect(problems.list()).toMatchObject([
        {
          reason: 'ReconcileFailed',
          object: 'controller network',
          detail: expect.stringMatching(
            /^(default\/., ){2}default\/. and 1 more; newest failure, default\/.: refused$/,
          ) as string,
        },
      ])
      fails = false
      for (let n = 0; n < 200; n++) await clock.advance(200)
      expect(problems.list()).toEqual([])
    },
  )
})
