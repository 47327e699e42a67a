import { expect } from 'vitest'
import type { Network, NetworkID } from '../../../src/api/index.ts'
import { keyOf, NETWORK, NETWORK_ID } from '../../../src/api/index.ts'
import type { ConformanceTest, Subject } from './subject.ts'
import { eventually, FINALIZER, labelled, turn, withFinalizers } from './subject.ts'

const labelOf = (object: Network | undefined): number => Number(object?.metadata.labels?.label)

/** Ten states of an object, one after the other. */
async function tenStates(subject: Subject, first: Network): Promise<Network> {
  let present = first
  for (let n = 1; n <= 10; n++) present = await subject.store.update(labelled(present, `${n}`))
  return present
}

/** Events. Changes of one object may come as one: whoever is told reads the object. */
export const watchTests: ConformanceTest[] = [
  {
    title: 'a watch tells of what is there as added, then of changes in their order, and last that it is gone',
    async run(subject) {
      const first = await subject.created({ labels: { label: '0' }, finalizers: [FINALIZER] })
      const { events } = subject.record()
      const last = await tenStates(subject, first)
      await subject.store.delete(NETWORK, keyOf(first.metadata))
      await subject.store.update(withFinalizers(subject.get(last)!, []))
      await eventually(() => expect(events.at(-1)?.type).toBe('deleted'))
      const types = events.map(({ type }) => type)
      expect(types.slice(1, -1).every((type) => type === 'modified')).toBe(true)
      expect(types[0]).toBe('added')
      const labels = events.map(({ object }) => labelOf(object))
      expect(labels).toEqual(labels.toSorted((a, b) => a - b))
      expect(labels.at(-1)).toBe(10)
      for (const [n, event] of events.slice(1).entries()) expect(event.old).toEqual(events[n]?.object)
      expect(events[0]).not.toHaveProperty('old')
    },
  },
  {
    title: 'a watch tells of every creation and deletion of many at a time, each once',
    async run(subject) {
      const { events } = subject.record()
      const objects = await Promise.all(Array.from({ length: 30 }, () => subject.created()))
      await eventually(() => expect(events).toHaveLength(30))
      await Promise.all(objects.map(({ metadata }) => subject.store.delete(NETWORK, keyOf(metadata))))
      await eventually(() => expect(events).toHaveLength(60))
      const keys = objects.map(({ metadata }) => keyOf(metadata)).sort()
      for (const type of ['added', 'deleted']) {
        expect(
          events
            .filter((event) => event.type === type)
            .map(({ key }) => key)
            .sort(),
        ).toEqual(keys)
      }
    },
  },
  {
    title: 'whoever is told of a change reads it, or something later',
    async run(subject) {
      const first = await subject.created({ labels: { label: '0' } })
      const pairs: [told: number, read: number][] = []
      subject.store.watch(NETWORK, ({ object }) => {
        if (object.metadata.uid === first.metadata.uid) pairs.push([labelOf(object), labelOf(subject.get(first))])
      })
      await tenStates(subject, first)
      await eventually(() => expect(pairs.at(-1)?.[0]).toBe(10))
      for (const [told, read] of pairs) expect(read).toBeGreaterThanOrEqual(told)
    },
  },
  {
    title: 'nobody is told within their own call, nor after their watch has ended',
    async run(subject) {
      await subject.created()
      const { events, stop } = subject.record()
      expect(events).toEqual([])
      await eventually(() => expect(events).toHaveLength(1))
      stop()
      await subject.created()
      for (let n = 0; n < 10; n++) await turn()
      expect(events).toHaveLength(1)
    },
  },
  {
    title: 'a write that changes nothing makes no event',
    async run(subject) {
      const first = await subject.created()
      const { events } = subject.record()
      await subject.store.update(structuredClone(first))
      const later = await subject.created()
      await eventually(() => expect(events.map(({ key }) => key)).toContain(keyOf(later.metadata)))
      expect(events).toHaveLength(2)
    },
  },
  {
    title: 'a watch is told of its own kind only, and may write',
    async run(subject) {
      const { events } = subject.record()
      let second: Promise<Network> | undefined
      const stop = subject.store.watch(NETWORK_ID, ({ key }) => {
        if (key === id.metadata.name) second ??= subject.created()
      })
      const id = subject.networkId()
      await subject.store.create<NetworkID>(id)
      await eventually(() => expect(events).toHaveLength(1))
      expect(events[0]?.key).toBe(keyOf((await second)!.metadata))
      stop()
    },
  },
]
