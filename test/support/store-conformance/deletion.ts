import { expect } from 'vitest'
import type { Network } from '../../../src/api/index.ts'
import { keyOf, NETWORK } from '../../../src/api/index.ts'
import type { ConformanceTest } from './subject.ts'
import { FINALIZER, labelled, turn, withFinalizers } from './subject.ts'

const OTHER_FINALIZER = 'natgw.dev/other'

/** Finalizers, preconditions, closing. */
export const deletionTests: ConformanceTest[] = [
  {
    title: 'the deletion of what is not there succeeds',
    async run(subject) {
      const object = await subject.created()
      const key = keyOf(object.metadata)
      await subject.store.delete(NETWORK, key)
      await subject.store.delete(NETWORK, key)
      await subject.store.delete(NETWORK, key, { uid: object.metadata.uid })
    },
  },
  {
    title: 'a deletion waits for every finalizer, keeps the name until then, and is not asked for twice',
    async run(subject) {
      const object = await subject.created({ finalizers: [FINALIZER, OTHER_FINALIZER] })
      const key = keyOf(object.metadata)
      await subject.store.delete(NETWORK, key)
      const dying = subject.get(object)!
      await subject.store.delete(NETWORK, key)
      expect(subject.get(object)?.metadata.deletionTimestamp).toBe(dying.metadata.deletionTimestamp)
      const one = await subject.store.update(withFinalizers(subject.get(object)!, [OTHER_FINALIZER]))
      const { namespace, name } = object.metadata
      const again = { ...subject.network(), metadata: { namespace: namespace!, name } }
      await expect(subject.store.create<Network>(again)).rejects.toMatchObject({ code: 'ERR_ALREADY_EXISTS' })
      await subject.store.update(withFinalizers(one, []))
      expect(await subject.store.getLive(NETWORK, key)).toBeUndefined()
      await subject.store.create<Network>(again)
    },
  },
  {
    title: 'an object that is being deleted takes no further finalizer',
    async run(subject) {
      const object = await subject.created({ finalizers: [FINALIZER] })
      await subject.store.delete(NETWORK, keyOf(object.metadata))
      const more = withFinalizers(subject.get(object)!, [FINALIZER, OTHER_FINALIZER])
      await expect(subject.store.update(more)).rejects.toMatchObject({ code: 'ERR_INVALID_FIELD' })
    },
  },
  {
    title: 'a deletion with the uid of another object is a conflict and deletes nothing',
    async run(subject) {
      const object = await subject.created()
      const key = keyOf(object.metadata)
      const other = await subject.created()
      await expect(subject.store.delete(NETWORK, key, { uid: other.metadata.uid })).rejects.toMatchObject({
        code: 'ERR_CONFLICT',
      })
      expect(await subject.store.getLive(NETWORK, key)).toEqual(object)
      await subject.store.delete(NETWORK, key, { uid: object.metadata.uid })
      expect(await subject.store.getLive(NETWORK, key)).toBeUndefined()
    },
  },
  {
    title: 'a deletion that rests on an old state is a conflict where it says on which',
    async run(subject) {
      const first = await subject.created()
      const key = keyOf(first.metadata)
      const { uid, resourceVersion } = first.metadata
      const present = await subject.store.update(labelled(first, 'b'))
      await expect(subject.store.delete(NETWORK, key, { uid, resourceVersion })).rejects.toMatchObject({
        code: 'ERR_CONFLICT',
      })
      expect(await subject.store.getLive(NETWORK, key)).toEqual(present)
      await subject.store.delete(NETWORK, key, { uid, resourceVersion: present.metadata.resourceVersion })
      expect(await subject.store.getLive(NETWORK, key)).toBeUndefined()
    },
  },
  {
    title: 'a closed store refuses writes and tells nobody anything, and what was under way has ended',
    async run(subject) {
      const { store } = subject
      const { events } = subject.record()
      const write = subject.created()
      await turn()
      await store.close()
      const object = await write
      await turn()
      const told = events.length
      await expect(store.create<Network>(subject.network())).rejects.toThrow()
      await expect(store.update(labelled(object, 'b'))).rejects.toThrow()
      await expect(store.delete(NETWORK, keyOf(object.metadata))).rejects.toThrow()
      await subject.reconnect()
      expect(subject.get(object)).toEqual(object)
      expect(events).toHaveLength(told)
    },
  },
]
