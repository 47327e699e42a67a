import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NETWORK } from '../../../src/api/index.ts'
import { LocalStore } from '../../../src/store/local.ts'
import { MemoryStore } from '../../../src/store/memory.ts'
import { readStateFile } from '../../../src/store/read-state.ts'
import { realDisk } from '../../../src/store/state/disk.ts'
import { StateFile } from '../../../src/store/state/state-file.ts'
import { network } from './fixtures.ts'

let home: string
let path: string
const opened: { close(): Promise<void> }[] = []

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'natgw-lock-'))
  await mkdir(join(home, 'var'))
  path = join(home, 'var', 'state')
})

afterEach(async () => {
  for (const each of opened.splice(0)) await each.close()
  await rm(home, { recursive: true })
})

async function open(at = path): Promise<MemoryStore> {
  const { file, ...content } = await StateFile.open(at, realDisk)
  opened.push(file)
  return new MemoryStore({ ...content, commit: (changes, version) => file.commit(changes, version) })
}

const close = async () => opened.pop()?.close()
const names = async () => (await readStateFile(path))?.map(({ metadata }) => metadata.name)

describe('a state file that a process has open', () => {
  it('is refused to a second writer with the name of the first, and nothing is lost', async () => {
    const store = await open()
    await store.create(network('blue'))
    const refusal = open()
    await expect(refusal).rejects.toMatchObject({
      code: 'ERR_STATE_LOCKED',
      details: { path, pid: process.pid, host: hostname() },
    })
    await expect(refusal).rejects.toThrow(
      new RegExp(
        `state file ${path} is in use by process ${process.pid} since 20.*stop the other natgw, or name another`,
      ),
    )
    await store.create(network('red'))
    expect(await names()).toEqual(['blue', 'red'])
  })

  it('is refused under every name that leads to it', async () => {
    await open()
    await symlink(join(home, 'var'), join(home, 'folder'))
    await symlink(path, join(home, 'file'))
    for (const name of ['folder/state', 'file']) {
      await expect(open(join(home, name))).rejects.toMatchObject({ code: 'ERR_STATE_LOCKED' })
    }
  })

  it('goes on being locked when a new file takes its place', async () => {
    const store = await open()
    let object = await store.create(network('blue'))
    for (let n = 0; n < 5; n++) {
      const labels = { text: `${n} ${'x'.repeat(500_000)}` }
      object = await store.update({ ...object, metadata: { ...object.metadata, labels } })
    }
    await expect(open()).rejects.toMatchObject({ code: 'ERR_STATE_LOCKED' })
  })

  it('is read by others, who write nothing and need no lock', async () => {
    const store = await open()
    await store.create(network('blue'))
    const before = await readdir(join(home, 'var'))
    expect(await names()).toEqual(['blue'])
    await close()
    const after = await readdir(join(home, 'var'))
    expect(await names()).toEqual(['blue'])
    expect([before.sort(), after]).toEqual([['state', 'state.lock'], ['state']])
    expect(await readdir(join(home, 'var'))).toEqual(['state'])
  })

  it('is free again once it is closed, also where opening it failed half-way', async () => {
    await open()
    await close()
    await open()
    await close()
    await writeFile(path, 'damaged')
    for (let n = 0; n < 2; n++) await expect(open()).rejects.toMatchObject({ code: 'ERR_STATE_CORRUPT' })
    expect(await readFile(path, 'utf8')).toBe('damaged')
  })

  it('is refused to a whole store as well', async () => {
    await open()
    await mkdir(join(home, 'manifests'))
    const log = { info: () => undefined, warn: () => undefined }
    const second = LocalStore.open({ manifests: join(home, 'manifests'), stateFile: path, log })
    await expect(second).rejects.toMatchObject({ code: 'ERR_STATE_LOCKED' })
  })
})

it('the lock of another process names it, and ends with it, kill -9 included', { timeout: 30_000 }, async () => {
  const writer = join(import.meta.dirname, 'burst-writer.ts')
  const child = spawn(process.execPath, [writer, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(child.stdout, 'data')
    child.stdout.resume()
    await expect(open()).rejects.toMatchObject({ code: 'ERR_STATE_LOCKED', details: { pid: child.pid } })
  } finally {
    child.kill('SIGKILL')
    await once(child, 'close')
  }
  expect((await open()).list(NETWORK).length).toBeGreaterThan(0)
})

it('a lock file that says nothing, or nonsense, keeps nobody out', async () => {
  for (const text of ['', 'nonsense', '{"pid":1,"host":"h","since":"2020-01-01T00:00:00Z"}']) {
    await writeFile(`${path}.lock`, text)
    await open()
    await close()
  }
})

describe('files beside a state file', () => {
  it.each(['state.new', 'state.lock'])('are not written through a link at %s', async (name) => {
    const victim = join(home, 'victim')
    await writeFile(victim, 'precious')
    await symlink(victim, join(home, 'var', name))
    const opening = open()
    if (name === 'state.lock') await expect(opening).rejects.toMatchObject({ code: 'ERR_STATE_WRITE' })
    else await (await opening).create(network('blue'))
    expect(await readFile(victim, 'utf8')).toBe('precious')
  })
})
