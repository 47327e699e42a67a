import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keepLog } from '../../../src/kernel/verifier-log.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'verifier-log-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('the log of the verifier is a file that its owner alone can read, in a folder made for it', () => {
  const path = join(folder, 'natgw', 'a.verifier.log')
  expect(keepLog(path, 'R1 invalid')).toBe(`is in ${path}`)
  expect(keepLog(path, 'R2 invalid')).toBe(`is in ${path}`)
  expect(readFileSync(path, 'utf8')).toBe('R2 invalid')
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('a link in its place is replaced, and what it leads to stays as it was', () => {
  const victim = join(folder, 'victim')
  const path = join(folder, 'a.verifier.log')
  writeFileSync(victim, 'precious')
  symlinkSync(victim, path)
  keepLog(path, 'R1 invalid')
  expect(readFileSync(victim, 'utf8')).toBe('precious')
  expect(readFileSync(path, 'utf8')).toBe('R1 invalid')
})

test('a log that cannot be written is reported as missing, and nothing is thrown', () => {
  writeFileSync(join(folder, 'file'), '')
  expect(keepLog(join(folder, 'file', 'a.verifier.log'), 'R1 invalid')).toContain('could not be kept')
})
