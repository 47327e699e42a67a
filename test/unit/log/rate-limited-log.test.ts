import { describe, expect, it } from 'vitest'
import { NatGwError } from '../../../src/errors/errors.ts'
import { causeOf } from '../../../src/log/logger.ts'
import { RateLimitedLog } from '../../../src/log/rate-limited-log.ts'
import { HandClock } from '../../support/hand-clock.ts'

const MINUTE = 60_000

function limitedLog() {
  const clock = new HandClock()
  const lines: string[] = []
  let debugged = 0
  const write = (level: string) => (fields: object, message: string) => {
    lines.push(`${level} ${message} ${JSON.stringify(fields)}`)
  }
  const log = { debug: () => void debugged++, info: write('info'), warn: write('warn'), error: write('error') }
  return { clock, lines, log: new RateLimitedLog(log, clock), debugged: () => debugged }
}

describe('a rate-limited log', () => {
  it('writes the first line of a cause at once, and the others of its minute as one with their number', async () => {
    const { clock, lines, log, debugged } = limitedLog()
    for (let n = 0; n < 26_180; n++) log.error('full disk', { key: `m${n}` }, `m${n}: no space`)
    expect(lines).toEqual(['error m0: no space {"key":"m0"}'])
    expect(debugged()).toBe(26_179)
    await clock.advance(MINUTE)
    expect(lines.slice(1)).toEqual([
      'error m26179: no space (26179 such lines since the last one) {"key":"m26179","repeated":26179}',
    ])
  })

  it('writes at most a line a minute while a cause goes on, and counts every line', async () => {
    const { clock, lines, log } = limitedLog()
    for (let second = 0; second < 300; second++) {
      log.warn('netlink', {}, 'refused')
      await clock.advance(1_000)
    }
    log.close()
    expect(lines).toHaveLength(6)
    const counts = lines.map((line) => Number(/\((\d+) such/.exec(line)?.[1] ?? 1))
    expect(counts.reduce((sum, count) => sum + count)).toBe(300)
  })

  it('keeps causes apart, and removes one that did not come back', async () => {
    const { clock, lines, log } = limitedLog()
    log.info('a', {}, 'first a')
    log.info('b', {}, 'first b')
    await clock.advance(MINUTE)
    expect(clock.pending).toEqual([])
    log.info('a', {}, 'second a')
    expect(lines).toEqual(['info first a {}', 'info first b {}', 'info second a {}'])
  })

  it('stays bounded when every line has a cause of its own', async () => {
    const { clock, lines, log } = limitedLog()
    for (let n = 0; n < 5_000; n++) log.error(`cause ${n}`, {}, `line ${n}`)
    expect(lines.length).toBeLessThanOrEqual(1_001)
    await clock.advance(MINUTE)
    expect(lines.at(-1)).toContain('line 4999 (3999 such lines')
  })

  it('does not wait longer because the wall clock is set', async () => {
    for (const step of [3_600_000, -3_600_000]) {
      const { clock, lines, log } = limitedLog()
      log.warn('a', {}, 'one')
      clock.setWallClock(step)
      log.warn('a', {}, 'two')
      expect(lines).toHaveLength(1)
      await clock.advance(MINUTE)
      expect(lines).toHaveLength(2)
    }
  })

  it('writes what it holds back when it is closed', () => {
    const { lines, log } = limitedLog()
    log.warn('a', {}, 'one')
    log.warn('a', {}, 'two')
    log.close()
    expect(lines).toEqual(['warn one {}', 'warn two {}'])
  })
})

describe('the cause of an error', () => {
  it('is the same for all objects that one thing keeps from being written', () => {
    const full = (object: string) =>
      new NatGwError('ERR_STATE_WRITE', `${object} not written`, { object, errno: 'ENOSPC', path: '/state' })
    expect(causeOf(full('m1'))).toBe(causeOf(full('m2')))
    expect(causeOf(full('m1'))).not.toBe(causeOf(new NatGwError('ERR_STATE_WRITE', '', { errno: 'EROFS' })))
  })

  it('is the place that threw, where the error has no code', () => {
    const fail = (name: string) => new TypeError(`${name} is undefined`)
    expect(causeOf(fail('a'))).toBe(causeOf(fail('b')))
    expect(causeOf(fail('a'))).not.toBe(causeOf(new TypeError('a is undefined')))
    expect(causeOf('text')).toBe('text')
  })
})
