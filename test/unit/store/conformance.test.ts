import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Resource } from '../../../src/api/index.ts'
import { keyOf } from '../../../src/api/index.ts'
import { LocalStore } from '../../../src/store/local.ts'
import { MemoryStore } from '../../../src/store/memory.ts'
import type { LagOptions } from '../../support/lagging-store.ts'
import { LaggingStore } from '../../support/lagging-store.ts'
import type { OpenBackend } from '../../support/store-conformance/index.ts'
import { CONFORMANCE_TESTS, describeStore, runConformanceTest } from '../../support/store-conformance/index.ts'

/** What a commit hook was given is what the next store begins with. */
const memory: OpenBackend = () => {
  const objects = new Map<string, Resource>()
  let last = 0
  const connect = () =>
    Promise.resolve(
      new MemoryStore({
        objects: objects.values(),
        resourceVersion: last,
        commit(changes, resourceVersion) {
          for (const { type, kind, object } of changes) {
            if (type === 'deleted') objects.delete(`${kind} ${keyOf(object.metadata)}`)
            else objects.set(`${kind} ${keyOf(object.metadata)}`, object)
          }
          last = resourceVersion
          return new Promise((resolve) => setImmediate(resolve))
        },
      }),
    )
  return Promise.resolve({ connect, close: () => Promise.resolve() })
}

const local: OpenBackend = async () => {
  const home = await mkdtemp(join(tmpdir(), 'natgw-conformance-'))
  const manifests = join(home, 'manifests')
  await mkdir(manifests)
  // While a file of the folder cannot be read, nothing is deleted for not being in the folder.
  await writeFile(join(manifests, 'unreadable.yaml'), '{a: [\n')
  const log = { info: () => undefined, warn: () => undefined }
  return {
    connect: () => LocalStore.open({ manifests, stateFile: join(home, 'state'), log }),
    close: () => rm(home, { recursive: true }),
  }
}

const lagging =
  (options: LagOptions): OpenBackend =>
  () => {
    const server = new MemoryStore()
    return Promise.resolve({
      connect: () => Promise.resolve(new LaggingStore(server, options)),
      close: () => server.close(),
    })
  }

describeStore('a memory store', memory)
describeStore('a local store', local)
describeStore(
  'a store whose cache trails behind others, but not behind itself,',
  lagging({ lagMs: () => 3, acknowledge: 'when shown' }),
)

async function failures(open: OpenBackend): Promise<string[]> {
  const failed: string[] = []
  for (const test of CONFORMANCE_TESTS) {
    await runConformanceTest(test, open).catch(() => failed.push(test.title))
  }
  return failed
}

describe('a store that breaks the contract is found out:', () => {
  it('one that acknowledges writes before its cache shows them', { timeout: 60_000 }, async () => {
    const failed = await failures(lagging({ lagMs: () => 20, acknowledge: 'at once' }))
    expect(failed).toEqual(expect.arrayContaining(CONFORMANCE_TESTS.slice(0, 6).map(({ title }) => title)))
  })

  it('one that is ready before its cache is filled', async () => {
    const failed = await failures(lagging({ lagMs: () => 20, acknowledge: 'when shown', ready: 'at once' }))
    expect(failed).toContain('a new store shows all that was acknowledged before, once it is ready')
  })
})
