import { describe, expect, it } from 'vitest'
import type { Condition } from '../../../src/api/index.ts'
import { mergeConditions } from '../../../src/api/index.ts'

const [BEFORE, NOW] = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z']

function condition(type: string, status: Condition['status'], more: Partial<Condition> = {}): Condition {
  return { type, status, reason: 'R', message: 'm', lastTransitionTime: BEFORE, observedGeneration: 1, ...more }
}

const update = (type: string, status: Condition['status'], message = 'm') => ({ type, status, reason: 'R', message })

describe('merging the conditions of one writer', () => {
  const present = [condition('Accepted', 'True'), condition('Programmed', 'False')]

  it('leaves the conditions of other writers, and the place of its own', () => {
    const merged = mergeConditions(present, [update('Accepted', 'False')], 2, NOW)
    const own = condition('Accepted', 'False', { lastTransitionTime: NOW, observedGeneration: 2 })
    expect(merged).toEqual([own, present[1]])
    expect(merged[1]).toBe(present[1])
  })

  it('keeps the time of the last transition while the status stays', () => {
    const merged = mergeConditions(present, [update('Programmed', 'False', 'other')], 1, NOW)
    expect(merged[1]).toEqual(condition('Programmed', 'False', { message: 'other' }))
  })

  it('is the same array where nothing differs', () => {
    expect(mergeConditions(present, [update('Accepted', 'True')], 1, NOW, ['Gone'])).toBe(present)
  })

  it('raises observedGeneration although nothing else differs', () => {
    const merged = mergeConditions(present, [update('Accepted', 'True')], 2, NOW)
    expect(merged[0]).toEqual(condition('Accepted', 'True', { observedGeneration: 2 }))
  })

  it('takes away what the writer says no more', () => {
    expect(mergeConditions(present, [], 1, NOW, ['Programmed'])).toEqual([present[0]])
  })

  it('begins with nothing', () => {
    const own = condition('Accepted', 'True', { lastTransitionTime: NOW })
    expect(mergeConditions(undefined, [update('Accepted', 'True')], 1, NOW)).toEqual([own])
  })
})
