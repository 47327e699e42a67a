import { describe, expect, it } from 'vitest'
import type { Network, NetworkID } from '../../../src/api/index.ts'
import { CORE_API, NETWORK, NETWORK_ID } from '../../../src/api/index.ts'
import { MemoryStore } from '../../../src/store/memory.ts'
import { network, networkInterface } from './fixtures.ts'

const withPeering = (object: Network, name: string): Network => {
  return { ...object, spec: { ...object.spec, peerings: [{ name, networkRef: { name } }] } }
}

describe('creating', () => {
  it('gives an object its identity, and reads find it at once', async () => {
    const store = new MemoryStore()
    const object = await store.create(network('blue', { labels: { team: 'a' }, uid: 'mine', generation: 9 }))
    expect(object.metadata).toMatchObject({ name: 'blue', resourceVersion: '1', generation: 1, labels: { team: 'a' } })
    expect(object.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
    expect(Date.parse(object.metadata.creationTimestamp)).not.toBeNaN()
    expect(store.get(NETWORK, 'default/blue')).toBe(object)
    expect(store.list(NETWORK)).toEqual([object])
  })

  it('is refused where the name is taken, also by a creation of the same moment', async () => {
    const store = new MemoryStore()
    const results = await Promise.allSettled([store.create(network('blue')), store.create(network('blue'))])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    await expect(store.create(network('blue'))).rejects.toMatchObject({
      code: 'ERR_ALREADY_EXISTS',
      message: 'Network default/blue cannot be created: an object of this name exists already',
    })
  })

  it('ignores a status', async () => {
    const store = new MemoryStore()
    const object = await store.create({ ...network('blue'), status: { state: 'Error' } } as never)
    expect(object).not.toHaveProperty('status')
  })

  it('keeps cluster-scoped kinds apart from those with a namespace', async () => {
    const store = new MemoryStore()
    const claimRef = { group: 'g', resource: 'r', name: 'n', uid: 'u' }
    const id = { apiVersion: CORE_API, kind: 'NetworkID', metadata: { name: '7' }, spec: { claimRef } } as const
    await store.create<NetworkID>(id)
    expect(store.get(NETWORK_ID, '7')?.spec.claimRef).toEqual(claimRef)
    const misplaced = { ...id, metadata: { name: '8', namespace: 'default' } }
    await expect(store.create<NetworkID>(misplaced)).rejects.toThrow('has no namespace')
    const { namespace, ...metadata } = network('blue').metadata
    await expect(store.create({ ...network('blue'), metadata })).rejects.toThrow('needs a namespace')
  })
})

describe('updating', () => {
  it('raises resourceVersion, and generation only where spec changes', async () => {
    const store = new MemoryStore()
    const first = await store.create(network('blue'))
    const labelled = await store.update({ ...first, metadata: { ...first.metadata, labels: { a: 'b' } } })
    expect(labelled.metadata).toMatchObject({ resourceVersion: '2', generation: 1, labels: { a: 'b' } })
    const peered = await store.update(withPeering(labelled, 'red'))
    expect(peered.metadata).toMatchObject({ resourceVersion: '3', generation: 2, uid: first.metadata.uid })
  })

  it('with an old resourceVersion is a conflict that says which is the present one', async () => {
    const store = new MemoryStore()
    const first = await store.create(network('blue'))
    await store.update(withPeering(first, 'red'))
    await expect(store.update(withPeering(first, 'green'))).rejects.toMatchObject({
      code: 'ERR_CONFLICT',
      message: expect.stringContaining('metadata.resourceVersion is 2, not 1') as string,
    })
    await expect(store.updateStatus({ ...first, status: {} })).rejects.toMatchObject({ code: 'ERR_CONFLICT' })
    expect(store.get(NETWORK, 'default/blue')?.spec.peerings?.[0]?.name).toBe('red')
  })

  it('lets one of two writers win who read the same object', async () => {
    const store = new MemoryStore()
    const first = await store.create(network('blue'))
    const both = [store.update(withPeering(first, 'red')), store.update(withPeering(first, 'green'))]
    expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  })

  it('leaves status alone, and a status update leaves all else alone', async () => {
    const store = new MemoryStore()
    const first = await store.create(network('blue'))
    const available = await store.updateStatus({ ...withPeering(first, 'red'), status: { state: 'Available' } })
    expect(available).toMatchObject({ spec: {}, status: { state: 'Available' }, metadata: { generation: 1 } })
    expect(available.spec).toEqual({})
    const updated = await store.update({ ...withPeering(available, 'red'), status: { state: 'Error' } })
    expect(updated.status).toEqual({ state: 'Available' })
  })

  it('that changes nothing raises nothing and gives back the object that is there', async () => {
    const store = new MemoryStore()
    const first = await store.create(network('blue', { finalizers: [] }))
    expect(await store.update(structuredClone(first))).toBe(first)
    expect(await store.update({ ...first, metadata: { ...first.metadata, labels: {} } })).toBe(first)
    expect(await store.updateStatus({ ...first })).toBe(first)
  })

  it('of what does not exist, or of an earlier object of the name, is refused', async () => {
    const store = new MemoryStore()
    const first = await store.create(network('blue'))
    await store.delete(NETWORK, 'default/blue')
    await expect(store.update(first)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
    await store.create(network('blue'))
    await expect(store.update(first)).rejects.toThrow('metadata.uid')
  })
})

describe('deleting', () => {
  it('removes at once what has no finalizer, and is content when nothing is there', async () => {
    const store = new MemoryStore()
    await store.create(network('blue'))
    await store.delete(NETWORK, 'default/blue')
    await store.delete(NETWORK, 'default/blue')
    expect(store.get(NETWORK, 'default/blue')).toBeUndefined()
    expect(store.list(NETWORK)).toEqual([])
  })

  it('waits for finalizers: the last one to go takes the object along', async () => {
    const store = new MemoryStore()
    await store.create(network('blue', { finalizers: ['a', 'b'] }))
    await store.delete(NETWORK, 'default/blue')
    const dying = store.get(NETWORK, 'default/blue')!
    expect(dying.metadata.deletionTimestamp).toBeDefined()
    await store.delete(NETWORK, 'default/blue')
    expect(store.get(NETWORK, 'default/blue')).toBe(dying)

    const one = await store.update({ ...dying, metadata: { ...dying.metadata, finalizers: ['b'] } })
    expect(store.get(NETWORK, 'default/blue')).toBe(one)
    await expect(store.create(network('blue'))).rejects.toThrow('is still being deleted')
    await store.update({ ...one, metadata: { ...one.metadata, finalizers: [] } })
    expect(store.get(NETWORK, 'default/blue')).toBeUndefined()
  })

  it('cannot be held up by a finalizer added later, nor be taken back', async () => {
    const store = new MemoryStore()
    await store.create(network('blue', { finalizers: ['a'] }))
    await store.delete(NETWORK, 'default/blue')
    const dying = store.get(NETWORK, 'default/blue')!
    const { deletionTimestamp, ...metadata } = dying.metadata
    const more = { ...dying, metadata: { ...metadata, finalizers: ['a', 'b'] } }
    await expect(store.update(more)).rejects.toMatchObject({ code: 'ERR_INVALID_FIELD' })
    expect(await store.update({ ...dying, metadata })).toBe(dying)
  })

  it('of another object than the one meant is a conflict', async () => {
    const store = new MemoryStore()
    const { uid } = (await store.create(network('blue'))).metadata
    await expect(store.delete(NETWORK, 'default/blue', { uid: 'other' })).rejects.toMatchObject({
      code: 'ERR_CONFLICT',
    })
    await store.delete(NETWORK, 'default/blue', { uid })
    expect(store.list(NETWORK)).toEqual([])
  })
})

describe('what is handed out', () => {
  it('is frozen through and through, and a copy of what was handed in', async () => {
    const store = new MemoryStore()
    const labels = { team: 'a' }
    const object = await store.create(network('blue', { labels }))
    labels.team = 'b'
    expect(object.metadata.labels).toEqual({ team: 'a' })
    expect(() => Object.assign(object.metadata, { name: 'red' })).toThrow(TypeError)
    expect(() => Object.assign(object.metadata.labels!, labels)).toThrow(TypeError)
    expect(() => (store.list(NETWORK) as Network[]).push(object)).toThrow(TypeError)
  })

  it('is the same array until an object of the kind changes', async () => {
    const store = new MemoryStore()
    await store.create(network('blue'))
    await store.create(network('red', { namespace: 'other' }))
    const all = store.list(NETWORK)
    const other = store.list(NETWORK, 'other')
    await store.create(networkInterface('nic'))
    expect(store.list(NETWORK)).toBe(all)
    expect(store.list(NETWORK, 'other')).toBe(other)
    expect(other.map((object) => object.metadata.name)).toEqual(['red'])
    await store.delete(NETWORK, 'default/blue')
    expect(store.list(NETWORK)).toEqual(other)
    expect(all).toHaveLength(2)
  })
})
