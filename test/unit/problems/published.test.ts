import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { secondsSince } from '../../../src/problems/boot-clock.ts'
import type { Problem } from '../../../src/problems/problem.ts'
import { ProblemList } from '../../../src/problems/problem-list.ts'
import { ProblemPublisher, readPublished } from '../../../src/problems/published.ts'

const problem = (object: string): Problem => ({
  reason: 'ERR_NO_DEVICE',
  severity: 'error',
  object,
  message: 'it does not exist',
  remedy: 'plug it in',
})
const lines: string[] = []
const none = () => undefined
const log = { debug: none, info: none, warn: none, error: (_: object, text: string) => void lines.push(text) }
let folder: string
const path = () => join(folder, 'problems.json')
const open = { publisher: undefined as ProblemPublisher | undefined }

function publish(at = path()): ProblemList {
  const list = new ProblemList(log)
  open.publisher = new ProblemPublisher(at, list, log)
  return list
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'natgw-problems-'))
  lines.length = 0
})
afterEach(() => {
  open.publisher?.close()
  open.publisher = undefined
  rmSync(folder, { recursive: true })
})

it('publishes what the list says, and leaves the last word when it is closed', async () => {
  const list = publish()
  expect(readPublished(path())).toEqual({ problems: [], omitted: 0, ageSeconds: 0 })
  list.report('devices', [problem('device p1')])
  await expect.poll(() => readPublished(path())?.problems).toEqual([{ ...problem('device p1'), sinceSeconds: 0 }])
  list.report('devices', [])
  open.publisher?.close()
  expect(readPublished(path())?.problems).toEqual([])
  expect(readdirSync(folder)).toEqual(['problems.json'])
})

it('tells how old the knowledge is, whatever the wall clock says', () => {
  publish().report('devices', [problem('device p1')])
  open.publisher?.close()
  const file = JSON.parse(readFileSync(path(), 'utf8')) as { at: { bootId: string; seconds: number } }
  const { at } = file
  writeFileSync(path(), JSON.stringify({ ...file, at: { ...at, seconds: at.seconds - 2.5 } }))
  expect(readPublished(path())).toMatchObject({ ageSeconds: 2, problems: [{ sinceSeconds: 2 }] })
  writeFileSync(path(), JSON.stringify({ ...file, at: { ...at, bootId: 'another' } }))
  expect(readPublished(path())?.ageSeconds).toBeUndefined()
  expect(secondsSince({ bootId: 'a', seconds: 7 }, { bootId: 'a', seconds: 9 })).toBe(2)
})

it('bounds the file, and tells how many problems found no room', () => {
  publish().report(
    'manifests',
    Array.from({ length: 1_234 }, (_, i) => problem(`file ${i}.yaml`)),
  )
  open.publisher?.close()
  const known = readPublished(path())
  expect(known?.problems).toHaveLength(1_000)
  expect(known?.omitted).toBe(234)
})

it('goes on without a file where it cannot be written, and says so once', () => {
  const list = publish(join(folder, 'absent', 'problems.json'))
  list.report('devices', [problem('device p1')])
  open.publisher?.close()
  expect(lines.filter((line) => line.includes('cannot be written'))).toHaveLength(1)
})

it.each(['', '{', '[]', 'null', '{"problems":[]}'])('knows nothing where the file says %j', (text) => {
  writeFileSync(path(), text)
  expect(readPublished(path())).toBeUndefined()
})
