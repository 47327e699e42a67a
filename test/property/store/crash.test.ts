import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Resource } from '../../../src/api/index.ts'
import { NETWORK } from '../../../src/api/index.ts'
import { MemoryStore } from '../../../src/store/memory.ts'
import { StateFile } from '../../../src/store/state/state-file.ts'
import { CrashingDisk } from '../../unit/store/crashing-disk.ts'
import { network } from '../../unit/store/fixtures.ts'

const PATH = '/state/natgw.state'

/** Writes of one moment; `big` ones use the room of a file up. */
const write = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd'),
  action: fc.constantFrom('create', 'label', 'big', 'status', 'finalize', 'delete'),
})
const groups = fc.array(fc.array(write, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 8 })

function perform(store: MemoryStore, { name, action }: { name: string; action: string }): Promise<unknown> {
  const present = store.get(NETWORK, `default/${name}`)
  if (action === 'delete') return store.delete(NETWORK, `default/${name}`)
  if (present === undefined) return store.create(network(name, { finalizers: name === 'a' ? ['f'] : [] }))
  const { metadata } = present
  if (action === 'status') return store.updateStatus({ ...present, status: { state: 'Available' } })
  if (action === 'finalize') return store.update({ ...present, metadata: { ...metadata, finalizers: [] } })
  const label = action === 'big' ? 'x'.repeat(400_000) : metadata.resourceVersion
  return store.update({ ...present, metadata: { ...metadata, labels: { label } } })
}

async function openStore(disk: CrashingDisk): Promise<MemoryStore> {
  const { file, ...content } = await StateFile.open(PATH, disk)
  return new MemoryStore({ ...content, commit: (changes, version) => file.commit(changes, version) })
}

/** What a store holds, as text that is equal for equal objects in any order. */
function contentOf(store: MemoryStore): string {
  const objects = store.list(NETWORK).map((object: Resource) => JSON.stringify(object))
  return objects.sort().join('\n')
}

it('holds after a crash at any byte what was last acknowledged, or what was just being written', async () => {
  await fc.assert(
    fc.asyncProperty(groups, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), async (moments, chance) => {
      const disk = new CrashingDisk()
      const store = await openStore(disk)
      const acknowledged = [{ effects: disk.effects.length, content: contentOf(store) }]
      for (const moment of moments) {
        await Promise.allSettled(moment.map((each) => perform(store, each)))
        acknowledged.push({ effects: disk.effects.length, content: contentOf(store) })
      }
      for (const [i, before] of acknowledged.slice(0, -1).entries()) {
        const after = acknowledged[i + 1]!
        for (let at = before.effects; at < after.effects; at++) {
          const effect = disk.effects[at]!
          const length = effect.type === 'write' ? effect.bytes.length : 0
          const crashed = CrashingDisk.after(disk.effects, at, Math.floor(chance.next().value * (length + 1)))
          const reopened = await openStore(crashed)
          expect([before.content, after.content]).toContain(contentOf(reopened))
          // It goes on from there: what is written next is there after the next start.
          await reopened.create(network('after-the-crash'))
          expect(contentOf(await openStore(crashed))).toBe(contentOf(reopened))
        }
      }
    }),
    { numRuns: 30 },
  )
})

it('refuses a file of which acknowledged bytes are changed or missing, and leaves it alone', async () => {
  const disk = new CrashingDisk()
  const store = await openStore(disk)
  for (const name of ['a', 'b', 'c', 'd']) await store.create(network(name))
  const intact = disk.bytesOf(PATH)
  const used = intact.findLastIndex((byte) => byte !== 0) + 1
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 4096, max: used - 1 }), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const bytes = Buffer.from(intact)
      bytes[at]! ^= flip
      const damaged = new CrashingDisk([[PATH, bytes]])
      await expect(StateFile.open(PATH, damaged)).rejects.toMatchObject({ code: 'ERR_STATE_CORRUPT' })
      expect(damaged.effects).toEqual([])
    }),
  )
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: intact.length - 1 }), async (length) => {
      const cut = new CrashingDisk([[PATH, intact.subarray(0, length)]])
      await expect(StateFile.open(PATH, cut)).rejects.toMatchObject({ code: 'ERR_STATE_CORRUPT' })
      expect(cut.effects).toEqual([])
    }),
  )
})
