import { cp, mkdir, open, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { describe, expect, test as base, vi } from 'vitest'
import { NETWORK } from '../../../src/api/index.ts'
import { eventually, FollowedFolder, networkText, QUICK_REMOVAL } from './manifest-folder.ts'

vi.setConfig({ testTimeout: 20_000 })

/** Each test has a folder of its own, as all of them wait for long. */
const test = base.extend<{ folder: FollowedFolder }>({
  folder: async ({}, use) => {
    const folder = await FollowedFolder.make()
    await folder.put('a.yaml', networkText('a'), networkText('b'))
    await folder.put('c.yaml', networkText('c'))
    await use(folder)
    await folder.remove()
  },
})

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
/** Longer than any doubt. */
const longAfter = () => sleep(QUICK_REMOVAL.doubt + 1_000)

describe.concurrent('an object keeps its identity', () => {
  /** Whatever is done in between, every object is the one it was. */
  async function expectSame(folder: FollowedFolder, what: () => Promise<void>): Promise<void> {
    await folder.open()
    const before = folder.uids()
    expect(Object.keys(before)).toEqual(['a', 'b', 'c'])
    await what()
    await longAfter()
    expect(folder.uids()).toEqual(before)
    expect(folder.problems()).toEqual([])
  }

  test('when it is moved from file to file, 150 ms apart', ({ folder }) =>
    expectSame(folder, async () => {
      await folder.put('a.yaml', networkText('b'))
      await sleep(150)
      await folder.put('d.yaml', networkText('a'))
    }))

  test('when its file is written again in place, with a gap of 800 ms', ({ folder }) =>
    expectSame(folder, async () => {
      const file = await open(folder.path('a.yaml'), 'w')
      await sleep(200)
      await file.write(networkText('a'))
      await sleep(600)
      await file.write(`---\n${networkText('b')}`)
      await file.close()
    }))

  test('when the folder is replaced by a copy, a file at a time', ({ folder }) =>
    expectSame(folder, async () => {
      const away = `${folder.manifests}-away`
      await rename(folder.manifests, away)
      await mkdir(folder.manifests)
      for (const name of ['a.yaml', 'c.yaml']) {
        await sleep(500)
        await cp(`${away}/${name}`, folder.path(name))
      }
    }))

  test('when the folder is missing or empty at a start, until it is filled', ({ folder }) =>
    expectSame(folder, async () => {
      const away = `${folder.manifests}-away`
      await rename(folder.manifests, away)
      await folder.open()
      expect(folder.problems()).toEqual([
        expect.stringMatching(/the folder of manifests \S+ cannot be read: ENOENT/),
        expect.stringMatching(/^nothing is deleted while the folder cannot be read: Network default\/a, Network/),
      ])
      await mkdir(folder.manifests)
      await folder.open()
      await longAfter()
      expect(folder.names()).toEqual(['a', 'b', 'c'])
      expect(folder.problems()).toEqual([
        expect.stringMatching(/has no manifest any more; all objects stay.*-allow-empty/),
      ])
      await rm(folder.manifests, { recursive: true })
      await rename(away, folder.manifests)
      await eventually(() => expect(folder.problems()).toEqual([]))
    }))
})

describe.concurrent('an object that is taken out', () => {
  test('of a folder with others is deleted after the delay, without a problem', async ({ folder }) => {
    await folder.open()
    await unlink(folder.path('c.yaml'))
    await eventually(() => expect(folder.names()).toEqual(['a', 'b']))
    expect(folder.problems()).toEqual([])
  })

  test('at the end of its file is a problem that says when it goes, and then deleted', async ({ folder }) => {
    await folder.open()
    await folder.put('a.yaml', networkText('a'))
    await eventually(() =>
      expect(folder.problems()).toEqual([
        expect.stringMatching(
          /^a\.yaml: became shorter at its end and lost Network default\/b, .*; deleted 1\.5 s after/,
        ),
      ]),
    )
    expect(folder.store!.problems()).toMatchObject([{ code: 'ERR_MANIFEST_REMOVAL', severity: 'warning' }])
    await eventually(() => expect([folder.names(), folder.problems()]).toEqual([['a', 'c'], []]))
  })

  test('while natgw does not run is a problem at the start, and then deleted', async ({ folder }) => {
    await folder.open()
    await folder.store!.close()
    await unlink(folder.path('c.yaml'))
    await folder.open()
    expect(folder.problems()).toEqual([expect.stringMatching(/is new to this natgw and lacks Network default\/c/)])
    await eventually(() => expect([folder.names(), folder.problems()]).toEqual([['a', 'b'], []]))
  })

  test('with all others is deleted once the user says that an empty folder is meant', async ({ folder }) => {
    await folder.open()
    for (const name of ['a.yaml', 'c.yaml']) await unlink(folder.path(name))
    await eventually(() => expect(folder.problems()).toEqual([expect.stringMatching(/has no manifest any more/)]))
    await longAfter()
    expect(folder.names()).toEqual(['a', 'b', 'c'])
    await writeFile(folder.path('.natgw-allow-empty'), '')
    await eventually(() => expect([folder.names(), folder.problems()]).toEqual([[], []]))
  })

  test('and is still in use is a problem that says what it waits for, until it is gone', async ({ folder }) => {
    await folder.open()
    const network = folder.store!.get(NETWORK, 'default/c')!
    const held = { ...network, metadata: { ...network.metadata, finalizers: ['f'] } }
    const { store } = folder
    await store!.update(held)
    await unlink(folder.path('c.yaml'))
    await eventually(() => expect(folder.names()).toEqual(['a', 'b']))
    await eventually(() =>
      expect(folder.store!.problems()).toMatchObject([
        { code: 'ERR_DELETION_WAITS', object: 'Network default/c', message: expect.stringContaining(': f') as string },
      ]),
    )
    const message = 'is deleted once nothing refers to it: NetworkInterface default/m'
    const inUse = { type: 'InUse', status: 'True', reason: 'Referenced', message, lastTransitionTime: '' } as const
    const dying = store!.get(NETWORK, 'default/c')!
    await store!.updateStatus({ ...dying, status: { conditions: [inUse] } })
    await eventually(() =>
      expect(folder.problems()).toEqual([expect.stringContaining(`Network default/c: ${message}`)]),
    )
    await folder.open()
    await eventually(() => expect(folder.problems()).toEqual([expect.stringContaining(message)]))
    const last = folder.store!.get(NETWORK, 'default/c')!
    await folder.store!.update({ ...last, metadata: { ...last.metadata, finalizers: [] } })
    await eventually(() => expect(folder.problems()).toEqual([]))
  })
})
