import { mkdir, mkdtemp, readFile, rename, rm, symlink, truncate, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { NAT_GATEWAY, NETWORK } from '../../../src/api/index.ts'
import type { ManifestProblem } from '../../../src/store/local.ts'
import { describeProblem, LocalStore } from '../../../src/store/local.ts'

vi.setConfig({ testTimeout: 20_000 })

let home: string
let manifests: string
let stateFile: string
let store: LocalStore | undefined
let told: (readonly ManifestProblem[])[]

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'natgw-store-'))
  manifests = join(home, 'manifests')
  stateFile = join(home, 'state', 'natgw.state')
  told = []
  await mkdir(manifests)
})

afterEach(async () => {
  await store?.close()
  store = undefined
  await rm(home, { recursive: true })
})

/** Those of the product are longer than a test may take. */
const removalTimes = { grace: 300, quiet: 100, doubt: 1_500, restless: 3_000 }
const quiet = { info: () => undefined, warn: () => undefined }

async function open(): Promise<LocalStore> {
  await store?.close()
  const onProblems = (problems: readonly ManifestProblem[]) => told.push(problems)
  store = await LocalStore.open({ manifests, stateFile, removalTimes, log: quiet, onProblems })
  return store
}

const put = (file: string, ...documents: string[]) => writeFile(join(manifests, file), documents.join('---\n'))

function gateway(name: string, ports: unknown = 64, networkName = 'blue'): string {
  return `apiVersion: networking.ironcore.dev/v1alpha1
kind: NATGateway
metadata: {name: ${name}}
spec: {type: Public, ipFamily: IPv4, portsPerNetworkInterface: ${String(ports)}, networkRef: {name: ${networkName}}}
`
}

const JSON_GATEWAY = {
  apiVersion: 'networking.ironcore.dev/v1alpha1',
  kind: 'NATGateway',
  metadata: { name: 'json' },
  spec: { type: 'Public', ipFamily: 'IPv4', networkRef: { name: 'red' } },
}

const networkManifest = (name: string, more = '') =>
  `{apiVersion: networking.ironcore.dev/v1alpha1, kind: Network, metadata: {name: ${name}${more}}}\n`

const get = (name: string) => store!.get(NAT_GATEWAY, `default/${name}`)
const ports = (name: string) => get(name)?.spec.portsPerNetworkInterface
const problems = () => store!.problems().map(describeProblem)
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 8000, interval: 20 })

describe('a local store', () => {
  it('has the objects of the folder when it is open, and keeps their identity over a restart', async () => {
    await put('a.yaml', gateway('one'), networkManifest('blue', ', labels: {team: a}'))
    await put('b.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [JSON_GATEWAY] }))
    await put('ignored.txt', gateway('two'))
    await put('.hidden.yaml', gateway('three'))
    await open()
    expect([ports('one'), ports('json')]).toEqual([64, 2048])
    expect(store!.get(NETWORK, 'default/blue')?.metadata.labels).toEqual({ team: 'a' })
    expect([get('two'), get('three'), problems()]).toEqual([undefined, undefined, []])
    const before = [...store!.list(NAT_GATEWAY), ...store!.list(NETWORK)]
    await open()
    expect([...store!.list(NAT_GATEWAY), ...store!.list(NETWORK)]).toEqual(before)
  })

  it('follows files that are written, edited, renamed into place and removed', async () => {
    await put('b.yaml', networkManifest('blue'))
    await open()
    await put('a.yaml', gateway('one'))
    await eventually(() => expect(ports('one')).toBe(64))
    const { uid } = get('one')!.metadata
    await put('a.yaml', gateway('one', 128))
    await eventually(() => expect(ports('one')).toBe(128))
    await writeFile(join(manifests, 'a.yaml~'), gateway('one', 256))
    await rename(join(manifests, 'a.yaml~'), join(manifests, 'a.yaml'))
    await eventually(() => expect(ports('one')).toBe(256))
    expect(get('one')!.metadata).toMatchObject({ uid, generation: 3 })
    await unlink(join(manifests, 'a.yaml'))
    await eventually(() => expect(get('one')).toBeUndefined())
  })

  it('keeps an object whose file is away for a moment only, as when an editor saves', async () => {
    await put('a.yaml', gateway('one'))
    await open()
    const { uid } = get('one')!.metadata
    await unlink(join(manifests, 'a.yaml'))
    await new Promise((resolve) => setTimeout(resolve, 10))
    await put('a.yaml', gateway('one', 128))
    await eventually(() => expect(ports('one')).toBe(128))
    expect(get('one')!.metadata.uid).toBe(uid)
  })

  it('deletes what was taken out of the folder while it was closed', async () => {
    await put('a.yaml', gateway('one'), gateway('two'))
    await open()
    await store!.close()
    await put('a.yaml', gateway('two'))
    await open()
    await eventually(() => expect([get('one'), ports('two')]).toEqual([undefined, 64]))
  })

  it('waits for finalizers of a removed object, and creates it again when it came back meanwhile', async () => {
    await put('a.yaml', gateway('one'))
    await put('b.yaml', networkManifest('blue'))
    await open()
    const first = get('one')!
    await store!.update({ ...first, metadata: { ...first.metadata, finalizers: ['f'] } })
    await unlink(join(manifests, 'a.yaml'))
    await eventually(() => expect(get('one')?.metadata.deletionTimestamp).toBeDefined())
    await put('a.yaml', gateway('one', 128))
    await new Promise((resolve) => setTimeout(resolve, 300))
    const dying = get('one')!
    expect(dying.spec.portsPerNetworkInterface).toBe(64)
    await store!.update({ ...dying, metadata: { ...dying.metadata, finalizers: [] } })
    await eventually(() => expect(ports('one')).toBe(128))
    expect(get('one')!.metadata.uid).not.toBe(first.metadata.uid)
  })

  it('keeps what controllers write', async () => {
    await put('a.yaml', networkManifest('blue'))
    await open()
    const first = store!.get(NETWORK, 'default/blue')!
    const owned = { ...first, metadata: { ...first.metadata, finalizers: ['f'] }, spec: { providerID: 'p' } }
    await store!.updateStatus({ ...(await store!.update(owned)), status: { state: 'Available' } })
    await put('a.yaml', networkManifest('blue', ', labels: {a: b}'))
    await eventually(() => expect(store!.get(NETWORK, 'default/blue')?.metadata.labels).toEqual({ a: 'b' }))
    expect(store!.get(NETWORK, 'default/blue')).toMatchObject({
      metadata: { finalizers: ['f'] },
      spec: { providerID: 'p' },
      status: { state: 'Available' },
    })
  })
})

describe('a manifest with a mistake', () => {
  it('leaves its object at the last good spec, the others of the file take effect, and the mistake is reported once', async () => {
    await put('a.yaml', gateway('one'), gateway('two'))
    await open()
    await put('a.yaml', gateway('one', 0), gateway('two', 128))
    await eventually(() => expect(ports('two')).toBe(128))
    expect(ports('one')).toBe(64)
    expect(problems()).toEqual([
      'a.yaml:4: NATGateway default/one: spec.portsPerNetworkInterface: 0 is not a whole number of 1 … 64512; 2048 is the default',
    ])
    expect(told).toHaveLength(1)
    await put('a.yaml', gateway('one', 32), gateway('two', 128))
    await eventually(() => expect(ports('one')).toBe(32))
    expect(told.map((list) => list.length)).toEqual([1, 0])
  })

  it('that makes it no YAML leaves all its objects as they are', async () => {
    await put('a.yaml', gateway('one'), gateway('two'))
    await open()
    await put('a.yaml', gateway('one', 128), 'spec: {')
    await eventually(() => expect(problems().join()).toMatch(/^a\.yaml:6: is not YAML: .*; correct the file/))
    expect([ports('one'), ports('two')]).toEqual([64, 64])
    await open()
    expect([ports('one'), ports('two')]).toEqual([64, 64])
    expect(problems()).toEqual([
      expect.stringMatching(/^a\.yaml:6: is not YAML/),
      expect.stringMatching(
        /^a\.yaml: may describe objects .* none is deleted: NATGateway default\/one, NATGateway de/,
      ),
    ])
  })

  it('in its kind or name deletes nothing, neither now nor after a restart', async () => {
    await put('a.yaml', gateway('one'), gateway('two'))
    await put('b.yaml', gateway('three'))
    await open()
    await put('a.yaml', gateway('one', 128), gateway('two').replace('NATGateway', 'NATGatway'))
    await eventually(() => expect(ports('one')).toBe(128))
    expect(ports('two')).toBe(64)
    await unlink(join(manifests, 'b.yaml'))
    await eventually(() => expect(get('three')).toBeUndefined())
    await open()
    expect([ports('one'), ports('two')]).toEqual([128, 64])
    expect(problems()).toEqual([
      expect.stringMatching(/^a\.yaml:7: document 2 of a\.yaml: kind: "NATGatway" is not known/),
    ])
    await put('a.yaml', gateway('one', 128))
    await eventually(() => expect(get('two')).toBeUndefined())
  })

  it('that changes what cannot change is refused with the way out', async () => {
    await put('a.yaml', gateway('one'))
    await open()
    await put('a.yaml', gateway('one', 64, 'red'))
    await eventually(() =>
      expect(problems().join()).toMatch(/^a\.yaml:4: NATGateway default\/one: spec\.networkRef: cannot/),
    )
    expect(store!.problems()[0]).toMatchObject({ code: 'ERR_IMMUTABLE_FIELD' })
    expect(get('one')?.spec.networkRef.name).toBe('blue')
  })

  it('that describes an object a second time does not count; the first file by name does', async () => {
    await put('b.yaml', gateway('one', 128))
    await put('a.yaml', gateway('one', 64), gateway('one', 32))
    await open()
    expect(ports('one')).toBe(64)
    expect(store!.problems().map(({ code, file, line }) => [code, file, line])).toEqual([
      ['ERR_DUPLICATE_OBJECT', 'a.yaml', 6],
      ['ERR_DUPLICATE_OBJECT', 'b.yaml', 1],
    ])
    await unlink(join(manifests, 'a.yaml'))
    await eventually(() => expect(ports('one')).toBe(128))
    expect(problems()).toEqual([])
  })

  it('whose file cannot be read keeps its objects', async () => {
    await put('a.yaml', gateway('one'))
    await open()
    await unlink(join(manifests, 'a.yaml'))
    await symlink(join(home, 'nowhere'), join(manifests, 'a.yaml'))
    await eventually(() => expect(problems().join()).toMatch(/^a\.yaml: cannot be read: ENOENT/))
    expect(ports('one')).toBe(64)
  })
})

describe('the folder of manifests', () => {
  it('that is not there at the start is an error that names it', async () => {
    await rm(manifests, { recursive: true })
    await expect(open()).rejects.toMatchObject({
      code: 'ERR_MANIFEST_READ',
      message: expect.stringContaining(`${manifests} cannot be read: ENOENT`) as string,
    })
  })

  it('that goes away takes nothing along, and is followed again when it is back', async () => {
    await put('a.yaml', gateway('one'))
    await open()
    await rename(manifests, `${manifests}-away`)
    await eventually(() => expect(problems().join()).toMatch(/cannot be read: ENOENT.*all objects stay as they are/))
    expect(ports('one')).toBe(64)
    await mkdir(manifests)
    await eventually(() => expect(problems().join()).toMatch(/has no manifest any more; all objects stay: NATG/))
    expect(ports('one')).toBe(64)
    await rm(manifests, { recursive: true })
    await rename(`${manifests}-away`, manifests)
    await eventually(() => expect(problems()).toEqual([]))
    await put('a.yaml', gateway('one', 128))
    await eventually(() => expect(ports('one')).toBe(128))
  })
})

it('a state file that was cut stops the start and is left alone', async () => {
  await put('a.yaml', gateway('one'))
  await open()
  await store!.close()
  store = undefined
  await truncate(stateFile, 5000)
  const before = await readFile(stateFile)
  await expect(open()).rejects.toMatchObject({ code: 'ERR_STATE_CORRUPT' })
  expect(await readFile(stateFile)).toEqual(before)
})
