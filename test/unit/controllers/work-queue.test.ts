import { describe, expect, it } from 'vitest'
import type { WorkQueueOptions } from '../../../src/controllers/runtime/work-queue.ts'
import { WorkQueue } from '../../../src/controllers/runtime/work-queue.ts'
import { HandClock, turns } from '../../support/hand-clock.ts'

function queueWith(options: Partial<WorkQueueOptions> & Pick<WorkQueueOptions, 'run'>) {
  const clock = new HandClock()
  const queue = new WorkQueue({ clock, concurrency: 4, random: () => 1, onError: () => {}, ...options })
  return { clock, queue }
}

describe('a work queue', () => {
  it('runs a key once however often it was added, and nothing before it is started', async () => {
    const runs: string[] = []
    const { queue } = queueWith({ run: async (key) => void runs.push(key) })
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key)
    await turns()
    expect(runs).toEqual([])
    queue.start()
    await queue.idle()
    expect(runs).toEqual(['a', 'b'])
  })

  it('never runs a key twice at once, and runs it again when it was added meanwhile', async () => {
    let running = 0
    let most = 0
    let runs = 0
    const { queue } = queueWith({
      run: async (key) => {
        most = Math.max(most, ++running)
        if (++runs === 1) for (let n = 0; n < 3; n++) queue.add(key)
        await turns()
        running--
      },
    })
    queue.start()
    queue.add('a')
    await queue.idle()
    expect({ runs, most }).toEqual({ runs: 2, most: 1 })
  })

  it('works on no more keys at once than it may', async () => {
    let running = 0
    let most = 0
    const { queue } = queueWith({
      concurrency: 3,
      run: async () => {
        most = Math.max(most, ++running)
        await turns()
        running--
      },
    })
    queue.start()
    for (let n = 0; n < 20; n++) queue.add(`key ${n}`)
    await queue.idle()
    expect(most).toBe(3)
  })

  it('doubles the delay of a key with each failure up to the cap, and resets it once it succeeded', async () => {
    let fails = 6
    const delays: number[] = []
    const { queue, clock } = queueWith({
      backOff: { base: 5, cap: 100 },
      run: async () => {
        if (fails-- > 0) throw new Error('no')
      },
      onError: (_key, _error, { delayMs }) => delays.push(delayMs),
    })
    queue.start()
    queue.add('a')
    await turns()
    while (clock.pending.length > 0) await clock.advance(clock.pending[0]!)
    expect(delays).toEqual([5, 10, 20, 40, 80, 100])
    fails = 1
    queue.add('a')
    await turns()
    expect(delays.at(-1)).toBe(5)
  })

  it('spreads retries over the upper half of their delay', async () => {
    const { queue, clock } = queueWith({
      random: () => 0,
      backOff: { base: 8, cap: 100 },
      run: () => Promise.reject(new Error('no')),
    })
    queue.start()
    queue.add('a')
    await turns()
    expect(clock.pending).toEqual([4])
  })

  it('is not hurried by a key that is added while it backs off, and other keys do not wait for it', async () => {
    const runs: string[] = []
    const { queue, clock } = queueWith({
      backOff: { base: 1000, cap: 1000 },
      run: async (key) => {
        runs.push(key)
        if (key === 'bad') throw new Error('no')
      },
    })
    queue.start()
    queue.add('bad')
    await turns()
    queue.add('bad')
    queue.add('good')
    await turns()
    expect(runs).toEqual(['bad', 'good'])
    await clock.advance(1000)
    expect(runs).toEqual(['bad', 'good', 'bad'])
  })

  it('makes one run of a burst, and rests for as long as the last run took while more keeps coming', async () => {
    let runs = 0
    const { queue, clock } = queueWith({
      coalesceMs: 10,
      run: async (key) => {
        runs++
        await clock.advance(70)
        if (runs === 1) queue.add(key)
      },
    })
    queue.start()
    for (let n = 0; n < 5; n++) {
      queue.add('a')
      await clock.advance(1)
    }
    expect(runs).toBe(0)
    await clock.advance(5)
    expect(runs).toBe(1)
    await turns()
    expect(clock.pending).toEqual([70])
    await clock.advance(70)
    expect(runs).toBe(2)
  })

  it('neither sleeps nor hurries when the wall clock is set while a key is worked on', async () => {
    for (const step of [3_600_000, -3_600_000]) {
      let runs = 0
      const { queue, clock } = queueWith({
        coalesceMs: 2,
        run: async (key) => {
          if (++runs > 1) return
          queue.add(key)
          clock.setWallClock(step)
        },
      })
      queue.start()
      queue.add('a')
      await clock.advance(2)
      expect(clock.pending).toEqual([2])
      await clock.advance(2)
      expect(runs).toBe(2)
    }
  })

  it('rests no longer than a second after a run that was stuck for a minute', async () => {
    const { queue, clock } = queueWith({
      coalesceMs: 2,
      run: async (key) => {
        queue.add(key)
        await clock.advance(60_000)
      },
    })
    queue.start()
    queue.add('a')
    await clock.advance(2)
    await turns()
    expect(clock.pending).toEqual([1_000])
  })

  it('drops what waits when it is stopped, and finishes what runs', async () => {
    const finished: string[] = []
    const { queue } = queueWith({
      concurrency: 1,
      run: async (key) => {
        await turns()
        finished.push(key)
      },
    })
    queue.start()
    queue.add('a')
    queue.add('b')
    await new Promise((resolve) => setImmediate(resolve))
    await queue.stop()
    queue.add('c')
    await turns()
    expect(finished).toEqual(['a'])
    expect(queue.size).toBe(0)
  })
})
