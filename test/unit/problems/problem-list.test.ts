import { expect, it } from 'vitest'
import type { Problem } from '../../../src/problems/problem.ts'
import { ProblemList } from '../../../src/problems/problem-list.ts'

const missing: Problem = {
  reason: 'ERR_NO_DEVICE',
  severity: 'error',
  object: 'device p1',
  message: 'it does not exist',
  remedy: 'plug it in',
}
const doubtful: Problem = { ...missing, reason: 'ConfigWarning', severity: 'warning', object: 'file a.yaml' }

function newList() {
  const lines: string[] = []
  const to = (level: string) => (_: object, message: string) => void lines.push(`${level} ${message}`)
  let now = 0
  const log = { debug: () => undefined, info: to('info'), warn: to('warn'), error: to('error') }
  const list = new ProblemList(log, { monotonic: () => now, wallTime: () => 0, after: () => () => undefined })
  return { list, lines, pass: (seconds: number) => (now += seconds * 1000) }
}

it('lists a problem for as long as its source reports it, and logs its appearance and its end once', () => {
  const { list, lines, pass } = newList()
  list.report('devices', [missing])
  pass(5)
  list.report('devices', [missing, missing])
  expect(list.list()).toEqual([{ ...missing, sinceSeconds: 5 }])
  list.report('devices', [])
  list.report('devices', [])
  expect(list.list()).toEqual([])
  expect(lines).toEqual([
    'error device p1: ERR_NO_DEVICE: it does not exist; plug it in',
    'info solved: device p1: ERR_NO_DEVICE: it does not exist; plug it in',
  ])
})

it('keeps the problems of each source apart, in the order in which they appeared', () => {
  const { list, lines, pass } = newList()
  list.report('configuration', [doubtful])
  pass(1)
  list.report('devices', [missing])
  list.report('routes', [])
  expect(list.list().map(({ object }) => object)).toEqual(['file a.yaml', 'device p1'])
  list.report('configuration', [])
  expect(list.list()).toEqual([{ ...missing, sinceSeconds: 0 }])
  expect(lines.map((line) => line.split(' ')[0])).toEqual(['warn', 'error', 'info'])
})

it('takes another message for another problem', () => {
  const { list, pass } = newList()
  list.report('devices', [missing])
  pass(9)
  list.report('devices', [{ ...missing, message: 'it is down' }])
  expect(list.list()).toMatchObject([{ message: 'it is down', sinceSeconds: 0 }])
})

it('tells listeners of what appears and ends, and of nothing else', () => {
  const { list } = newList()
  let changes = 0
  const end = list.onChange(() => changes++)
  list.report('devices', [])
  list.report('devices', [missing])
  list.report('devices', [missing])
  expect(changes).toBe(1)
  list.report('devices', [])
  expect(changes).toBe(2)
  end()
  list.report('devices', [missing])
  expect(changes).toBe(2)
})

it('writes at most 50 lines a reason and minute, and tells how many there were when it is closed', () => {
  const { list, lines } = newList()
  const many = Array.from({ length: 3_000 }, (_, i): Problem => ({ ...missing, object: `device p${i}` }))
  for (const problem of many) list.report(problem.object, [problem])
  list.report('configuration', [doubtful])
  expect(list.list()).toHaveLength(3_001)
  expect(lines).toHaveLength(52)
  list.close()
  expect(lines.at(-1)).toContain('(2949 such lines since the last one)')
})
