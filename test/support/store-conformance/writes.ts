import { expect } from 'vitest'
import type { Network, NetworkID } from '../../../src/api/index.ts'
import { keyOf, NETWORK, NETWORK_ID } from '../../../src/api/index.ts'
import type { ConformanceTest } from './subject.ts'
import { labelled, peered } from './subject.ts'

/** Identity, conflicts, spec apart from status. */
export const writeTests: ConformanceTest[] = [
  {
    title: 'the store gives identity, whatever the creator wishes for, and a status is not created along',
    async run(subject) {
      const wish = { ...subject.network({ uid: 'mine', generation: 9 }), status: { state: 'Error' } }
      const object = await subject.store.create<Network>(wish)
      expect(object.metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
      expect(object.metadata.generation).toBe(1)
      expect(object.metadata.resourceVersion).not.toBe('')
      expect(Date.parse(object.metadata.creationTimestamp)).not.toBeNaN()
      expect(object.status).toBeUndefined()
    },
  },
  {
    title: 'a name is given once: of two creations at a time one succeeds, and a live read tells whose it is',
    async run(subject) {
      const wanted = subject.networkId()
      const claim = (uid: string) => ({ ...wanted, spec: { claimRef: { ...wanted.spec.claimRef, uid } } })
      const outcomes = await Promise.allSettled(['a', 'b'].map((uid) => subject.store.create<NetworkID>(claim(uid))))
      const won = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []))
      const lost = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
      expect(won).toHaveLength(1)
      expect(lost).toMatchObject([{ code: 'ERR_ALREADY_EXISTS' }])
      const live = await subject.store.getLive(NETWORK_ID, wanted.metadata.name)
      expect(live?.spec.claimRef.uid).toBe(won[0]?.spec.claimRef.uid)
      await expect(subject.store.create<NetworkID>(claim('c'))).rejects.toMatchObject({ code: 'ERR_ALREADY_EXISTS' })
    },
  },
  {
    title: 'kinds of the cluster have no namespace, the others need one',
    async run(subject) {
      const id = subject.networkId()
      const misplaced = { ...id, metadata: { ...id.metadata, namespace: 'default' } }
      await expect(subject.store.create<NetworkID>(misplaced)).rejects.toMatchObject({ code: 'ERR_INVALID_FIELD' })
      const { namespace, ...metadata } = subject.network().metadata
      const homeless = { ...subject.network(), metadata }
      await expect(subject.store.create<Network>(homeless)).rejects.toMatchObject({ code: 'ERR_INVALID_FIELD' })
    },
  },
  {
    title: 'resourceVersion rises with every change, generation with those of spec',
    async run(subject) {
      const first = await subject.created()
      const labels = await subject.store.update(labelled(first, 'b'))
      expect(labels.metadata.generation).toBe(1)
      const spec = await subject.store.update(peered(labels, 'red'))
      expect(spec.metadata).toMatchObject({ generation: 2, uid: first.metadata.uid })
      const status = await subject.store.updateStatus<Network>({ ...spec, status: { state: 'Available' } })
      expect(status.metadata.generation).toBe(2)
      const versions = [first, labels, spec, status].map(({ metadata }) => metadata.resourceVersion)
      expect(new Set(versions).size).toBe(4)
    },
  },
  {
    title: 'a write that rests on an old state is a conflict, of the status too, and changes nothing',
    async run(subject) {
      const first = await subject.created()
      const present = await subject.store.update(peered(first, 'red'))
      await expect(subject.store.update(peered(first, 'green'))).rejects.toMatchObject({ code: 'ERR_CONFLICT' })
      await expect(subject.store.updateStatus<Network>({ ...first, status: {} })).rejects.toMatchObject({
        code: 'ERR_CONFLICT',
      })
      expect(await subject.store.getLive(NETWORK, keyOf(first.metadata))).toEqual(present)
    },
  },
  {
    title: 'of two writes that rest on one state one succeeds',
    async run(subject) {
      const first = await subject.created()
      const writes = ['red', 'green'].map((name) => subject.store.update(peered(first, name)))
      const outcomes = (await Promise.allSettled(writes)).map(({ status }) => status)
      expect(outcomes.sort()).toEqual(['fulfilled', 'rejected'])
    },
  },
  {
    title: 'a write to an earlier object of the name is refused, one to none at all as well',
    async run(subject) {
      const first = await subject.created()
      const key = keyOf(first.metadata)
      await subject.store.delete(NETWORK, key)
      await expect(subject.store.update(labelled(first, 'b'))).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
      await expect(subject.store.updateStatus<Network>({ ...first, status: {} })).rejects.toMatchObject({
        code: 'ERR_NOT_FOUND',
      })
      const { namespace, name } = first.metadata
      await subject.store.create<Network>({ ...subject.network(), metadata: { namespace: namespace!, name } })
      await expect(subject.store.update(labelled(first, 'b'))).rejects.toMatchObject({ code: 'ERR_CONFLICT' })
    },
  },
  {
    title: 'an update leaves the status alone, and one of the status all else',
    async run(subject) {
      const first = await subject.created()
      const reported = await subject.store.updateStatus<Network>({
        ...peered(labelled(first, 'b'), 'red'),
        status: { state: 'Available' },
      })
      expect(reported).toMatchObject({ spec: {}, status: { state: 'Available' }, metadata: { generation: 1 } })
      expect(reported.spec.peerings).toBeUndefined()
      expect(reported.metadata.labels).toBeUndefined()
      const updated = await subject.store.update<Network>({ ...peered(reported, 'red'), status: { state: 'Error' } })
      expect(updated).toMatchObject({ status: { state: 'Available' }, spec: { peerings: [{ name: 'red' }] } })
    },
  },
  {
    title: 'a write that changes nothing raises no version',
    async run(subject) {
      const first = await subject.created()
      expect((await subject.store.update(structuredClone(first))).metadata).toEqual(first.metadata)
      expect((await subject.store.update({ ...first, metadata: { ...first.metadata, labels: {} } })).metadata).toEqual(
        first.metadata,
      )
      expect((await subject.store.updateStatus({ ...first })).metadata).toEqual(first.metadata)
    },
  },
]
