import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { RunFolder } from '../../../src/cli/run-folder.ts'

let home: string
let path: string
const record = { config: '/etc/natgw/gateway.yaml', stateFile: '/var/lib/natgw/default/state' }

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'natgw-run-'))
  path = join(home, 'natgw')
})
afterEach(() => rmSync(home, { recursive: true }))

describe('the run folder', () => {
  it('is refused while everybody can write to it, and taken once they cannot', async () => {
    mkdirSync(path)
    chmodSync(path, 0o777)
    const folder = new RunFolder(path, 'a')
    const remedy = expect.stringContaining(`chmod 755 ${path}`) as string
    await expect(folder.lock()).rejects.toMatchObject({ code: 'ERR_RUN_FOLDER', message: remedy })
    chmodSync(path, 0o755)
    const release = await folder.lock()
    expect(release).toBeTypeOf('function')
    release?.()
  })

  it('is refused where a link stands in its place', async () => {
    mkdirSync(join(home, 'elsewhere'))
    symlinkSync(join(home, 'elsewhere'), path)
    await expect(new RunFolder(path, 'a').lock()).rejects.toMatchObject({ code: 'ERR_RUN_FOLDER' })
  })

  it('has a record that is written through no link, with a mode that no umask widens', async () => {
    const umask = process.umask(0)
    onTestFinished(() => void process.umask(umask))
    const folder = new RunFolder(path, 'a')
    const release = await folder.lock()
    onTestFinished(() => release?.())
    const victim = join(home, 'victim')
    writeFileSync(victim, 'precious')
    symlinkSync(victim, join(path, 'a.json'))
    folder.writeRecord(record)
    expect(readFileSync(victim, 'utf8')).toBe('precious')
    expect(folder.readRecord()).toMatchObject({ ...record, pid: process.pid })
    expect([path, join(path, 'a.json')].map((each) => (statSync(each).mode & 0o777).toString(8))).toEqual([
      '755',
      '644',
    ])
  })
})
