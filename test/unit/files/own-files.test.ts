import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { replaceFile, writeNewFile } from '../../../src/files/own-files.ts'

let folder: string
let victim: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'natgw-files-'))
  victim = join(folder, 'victim')
  path = join(folder, 'own.json')
  writeFileSync(victim, 'precious')
  chmodSync(victim, 0o640)
})
afterEach(() => rmSync(folder, { recursive: true }))

const expectVictimUntouched = () => {
  expect(readFileSync(victim, 'utf8')).toBe('precious')
  expect(statSync(victim).mode & 0o777).toBe(0o640)
}

describe.each([
  ['writeNewFile', writeNewFile],
  ['replaceFile', replaceFile],
] as const)('%s', (_, write) => {
  it.each(['own.json', 'own.json.next'])('follows no link at %s', (name) => {
    symlinkSync(victim, join(folder, name))
    write(path, 'ours', 0o600)
    expectVictimUntouched()
    expect(lstatSync(path).isFile()).toBe(true)
    expect(readFileSync(path, 'utf8')).toBe('ours')
  })

  it.each([0, 0o077])('gives the mode that is asked for, whatever the umask: %o', (umask) => {
    const before = process.umask(umask)
    onTestFinished(() => void process.umask(before))
    write(path, 'ours', 0o644)
    expect(statSync(path).mode & 0o777).toBe(0o644)
  })

  it('takes the place of a longer text of another mode', () => {
    writeFileSync(path, 'a text that is longer')
    chmodSync(path, 0o666)
    write(path, 'ours', 0o600)
    expect(readFileSync(path, 'utf8')).toBe('ours')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder).sort()).toEqual(['own.json', 'victim'])
  })
})
