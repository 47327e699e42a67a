import { expect } from 'vitest'
import type { Network, NetworkID } from '../../../src/api/index.ts'
import { keyOf, NETWORK, NETWORK_ID } from '../../../src/api/index.ts'
import type { ConformanceTest } from './subject.ts'
import { eventually, FINALIZER, labelled, peered, withFinalizers } from './subject.ts'

/** Read-your-writes, live reads, what a new store shows, what is handed out. */
export const readTests: ConformanceTest[] = [
  {
    title: 'a created object is read and listed from the moment its creation resolves',
    async run(subject) {
      const object = await subject.created({ labels: { team: 'a' } })
      expect(subject.get(object)).toEqual(object)
      expect(subject.listed()).toEqual([keyOf(object.metadata)])
      expect(subject.listed('default')).toEqual([keyOf(object.metadata)])
      expect(subject.listed('elsewhere')).toEqual([])
      const id = await subject.store.create<NetworkID>(subject.networkId())
      expect(subject.store.get(NETWORK_ID, id.metadata.name)).toEqual(id)
    },
  },
  {
    title: 'an update is read from the moment it resolves, and so is one of the status',
    async run(subject) {
      const first = await subject.created()
      const updated = await subject.store.update(peered(labelled(first, 'b'), 'red'))
      expect(subject.get(first)).toEqual(updated)
      const reported = await subject.store.updateStatus<Network>({ ...updated, status: { state: 'Available' } })
      expect(subject.get(first)).toEqual(reported)
      const listed = subject.store.list(NETWORK).find(({ metadata }) => metadata.uid === first.metadata.uid)
      expect(listed).toEqual(reported)
    },
  },
  {
    title: 'a deleted object is neither read nor listed from the moment its deletion resolves',
    async run(subject) {
      const object = await subject.created()
      await eventually(() => expect(subject.get(object)).toBeDefined())
      await subject.store.delete(NETWORK, keyOf(object.metadata))
      expect(subject.get(object)).toBeUndefined()
      expect(subject.listed()).toEqual([])
    },
  },
  {
    title: 'each step of a deletion that waits for finalizers is read from the moment it resolves',
    async run(subject) {
      const object = await subject.created({ finalizers: [FINALIZER] })
      await subject.store.delete(NETWORK, keyOf(object.metadata))
      const dying = subject.get(object)
      expect(dying?.metadata.deletionTimestamp).toBeDefined()
      await subject.store.update(withFinalizers(dying!, []))
      expect(subject.get(object)).toBeUndefined()
    },
  },
  {
    title: 'an object that takes the name of a deleted one is read in its place at once',
    async run(subject) {
      const first = await subject.created()
      await subject.store.delete(NETWORK, keyOf(first.metadata))
      const { namespace, name } = first.metadata
      const second = await subject.store.create<Network>({
        ...subject.network(),
        metadata: { namespace: namespace!, name },
      })
      expect(second.metadata.uid).not.toBe(first.metadata.uid)
      expect(subject.get(first)?.metadata.uid).toBe(second.metadata.uid)
    },
  },
  {
    title: 'of many writes at a time each is read from the moment it resolves',
    async run(subject) {
      const write = async (n: number): Promise<void> => {
        const object = await subject.created()
        expect(subject.get(object)).toBeDefined()
        const updated = await subject.store.update(labelled(object, `${n}`))
        expect(subject.get(object)?.metadata.resourceVersion).toBe(updated.metadata.resourceVersion)
        if (n % 2 === 0) return
        await subject.store.delete(NETWORK, keyOf(object.metadata))
        expect(subject.get(object)).toBeUndefined()
      }
      await Promise.all(Array.from({ length: 40 }, (_, n) => write(n)))
      expect(subject.listed()).toHaveLength(20)
    },
  },
  {
    title: 'what is read of an object never goes back to an earlier state',
    async run(subject) {
      const first = await subject.created({ labels: { label: '0' } })
      const seen: number[] = []
      const look = (): void => void seen.push(Number(subject.get(first)?.metadata.labels?.label))
      const stop = subject.store.watch(NETWORK, look)
      let present: Network = first
      for (let n = 1; n <= 20; n++) {
        const write = subject.store.update(labelled(present, `${n}`))
        look()
        present = await write
        look()
      }
      stop()
      expect(seen).toEqual(seen.toSorted((a, b) => a - b))
      expect(seen.at(-1)).toBe(20)
    },
  },
  {
    title: 'a live read has what was written, and nothing of what was deleted',
    async run(subject) {
      const object = await subject.created()
      const key = keyOf(object.metadata)
      expect(await subject.store.getLive(NETWORK, key)).toEqual(object)
      const updated = await subject.store.update(labelled(object, 'b'))
      expect(await subject.store.getLive(NETWORK, key)).toEqual(updated)
      expect(await subject.store.listLive(NETWORK, 'default')).toContainEqual(updated)
      expect(await subject.store.listLive(NETWORK)).toContainEqual(updated)
      expect(await subject.store.listLive(NETWORK, 'elsewhere')).not.toContainEqual(updated)
      await subject.store.delete(NETWORK, key, { uid: object.metadata.uid })
      expect(await subject.store.getLive(NETWORK, key)).toBeUndefined()
      const left = (await subject.store.listLive(NETWORK)).map(({ metadata }) => metadata.uid)
      expect(left).not.toContain(object.metadata.uid)
    },
  },
  {
    title: 'a new store shows all that was acknowledged before, once it is ready',
    async run(subject) {
      const kept = await Promise.all(Array.from({ length: 10 }, () => subject.created()))
      const changed = await subject.store.updateStatus<Network>({
        ...(await subject.store.update(peered(kept[0]!, 'red'))),
        status: { state: 'Available' },
      })
      await subject.store.delete(NETWORK, keyOf(kept[1]!.metadata))
      const id = await subject.store.create<NetworkID>(subject.networkId())
      await subject.reconnect()
      expect(subject.get(changed)).toEqual(changed)
      expect(subject.get(kept[1]!)).toBeUndefined()
      expect(subject.listed()).toHaveLength(9)
      expect(subject.store.get(NETWORK_ID, id.metadata.name)).toEqual(id)
      const { events } = subject.record()
      await eventually(() => expect(new Set(events.map(({ key }) => key)).size).toBe(9))
    },
  },
  {
    title: 'what is handed out is frozen and nobody’s input',
    async run(subject) {
      const labels = { team: 'a' }
      const object = await subject.created({ labels })
      labels.team = 'b'
      const read = subject.get(object)!
      expect(read.metadata.labels).toEqual({ team: 'a' })
      expect(() => Object.assign(read.metadata, { name: 'red' })).toThrow(TypeError)
      expect(() => Object.assign(read.metadata.labels!, { team: 'c' })).toThrow(TypeError)
      expect(() => (subject.store.list(NETWORK) as Network[]).push(read)).toThrow(TypeError)
    },
  },
]
