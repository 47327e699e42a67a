import { describe, expect, it, vi } from 'vitest'
import { NETWORK } from '../../../src/api/index.ts'
import type { CommitHook } from '../../../src/store/memory.ts'
import { MemoryStore } from '../../../src/store/memory.ts'
import { network, networkInterface, recordEvents, turn } from './fixtures.ts'

describe('a watch', () => {
  it('reports every present object as added and then every change in order', async () => {
    const store = new MemoryStore()
    const first = await store.create(network('blue', { finalizers: ['f'] }))
    const { events, told } = recordEvents(store)
    await store.create(network('red'))
    const changed = await store.update({ ...first, metadata: { ...first.metadata, labels: { a: 'b' } } })
    await store.delete(NETWORK, 'default/blue')
    const dying = store.get(NETWORK, 'default/blue')!
    await store.update({ ...dying, metadata: { ...dying.metadata, finalizers: [] } })
    await turn()
    expect(told()).toEqual([
      'added default/blue',
      'added default/red',
      'modified default/blue',
      'modified default/blue',
      'deleted default/blue',
    ])
    expect(events[0]).not.toHaveProperty('old')
    expect(events[2]).toMatchObject({ object: changed, old: first })
    expect(events[4]).toMatchObject({ object: { metadata: { uid: first.metadata.uid } }, old: dying })
  })

  it('calls no handler within the call of a writer', async () => {
    const store = new MemoryStore()
    await store.create(network('blue'))
    const { events } = recordEvents(store)
    expect(events).toHaveLength(0)
    await turn()
    expect(events).toHaveLength(1)
  })

  it('gets changes of its own kind only, and none once it has ended', async () => {
    const store = new MemoryStore()
    const { events, stop } = recordEvents(store)
    await store.create(networkInterface('nic'))
    await store.create(network('blue'))
    stop()
    await turn()
    expect(events).toEqual([])
  })

  it('gets no event for a write that changes nothing', async () => {
    const store = new MemoryStore()
    const first = await store.create(network('blue'))
    const { told } = recordEvents(store)
    await store.update(structuredClone(first))
    await store.delete(NETWORK, 'default/none')
    await turn()
    expect(told()).toEqual(['added default/blue'])
  })

  it('may write from its handler, and gets more objects than fit one turn in order', async () => {
    const store = new MemoryStore()
    const names = Array.from({ length: 2500 }, (_, i) => `n${i}`)
    await Promise.all(names.map((name) => store.create(network(name))))
    const seen: string[] = []
    store.watch(NETWORK, ({ object }) => {
      seen.push(object.metadata.name)
      if (object.metadata.name === 'n0') void store.create(network('from-the-handler'))
    })
    await vi.waitFor(() => expect(seen).toEqual([...names, 'from-the-handler']))
  })
})

describe('a commit', () => {
  it('comes before a write is visible, and takes along all that came while another was under way', async () => {
    const groups: string[][] = []
    const finish: (() => void)[] = []
    const commit: CommitHook = (changes) => {
      groups.push(changes.map((change) => change.key))
      return new Promise((resolve) => finish.push(resolve))
    }
    const store = new MemoryStore({ commit })
    const first = store.create(network('a'))
    await turn()
    const rest = ['b', 'c', 'd'].map((name) => store.create(network(name)))
    await turn()
    expect(groups).toEqual([['default/a']])
    expect(store.list(NETWORK)).toEqual([])
    finish[0]!()
    await first
    expect(store.list(NETWORK)).toHaveLength(1)
    await turn()
    expect(groups).toEqual([['default/a'], ['default/b', 'default/c', 'default/d']])
    finish[1]!()
    await Promise.all(rest)
    expect(store.list(NETWORK)).toHaveLength(4)
  })

  it('that fails rejects the writes of its group and leaves everything as it was', async () => {
    let broken = false
    const commit: CommitHook = () => (broken ? Promise.reject(new Error('disk full')) : Promise.resolve())
    const store = new MemoryStore({ commit })
    const { told } = recordEvents(store)
    const blue = await store.create(network('blue'))
    broken = true
    const writes = [store.create(network('red')), store.create(network('red')), store.delete(NETWORK, 'default/blue')]
    expect(
      (await Promise.allSettled(writes)).map((result) => String((result as PromiseRejectedResult).reason)),
    ).toEqual(new Array(3).fill('Error: disk full'))
    expect(store.list(NETWORK)).toEqual([blue])
    broken = false
    const red = await store.create(network('red'))
    expect(red.metadata.resourceVersion).toBe('2')
    await turn()
    expect(told()).toEqual(['added default/blue', 'added default/red'])
  })

  it('that fails time after time is tried ever more rarely, however eager the writers are', async () => {
    let commits = 0
    const store = new MemoryStore({ commit: () => Promise.reject(new Error(`disk full ${++commits}`)) })
    let refusals = 0
    const end = performance.now() + 1_000
    const retry = async (name: string): Promise<void> => {
      while (performance.now() < end) await store.create(network(name)).catch(() => void refusals++)
    }
    await Promise.all(Array.from({ length: 100 }, (_, n) => retry(`n${n}`)))
    // 50 + 100 + 200 + 400 + 800 ms of pauses.
    expect(commits).toBeLessThanOrEqual(6)
    expect(refusals).toBe(100 * commits)
  })

  it('that failed does not keep the store from closing at once', async () => {
    const store = new MemoryStore({ commit: () => Promise.reject(new Error('disk full')) })
    for (let n = 0; n < 4; n++) await store.create(network('blue')).catch(() => undefined)
    const write = store.create(network('blue'))
    await turn()
    await store.close()
    await expect(write).rejects.toThrow('disk full')
  })

  it('is waited for when the store closes; nothing is written after', async () => {
    const store = new MemoryStore({ commit: () => turn() })
    const write = store.create(network('blue'))
    await store.close()
    expect(await write).toBe(store.get(NETWORK, 'default/blue'))
    await expect(store.create(network('red'))).rejects.toThrow('the store is closed')
  })
})
