import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { NETWORK } from '../../../src/api/index.ts'
import { MemoryStore } from '../../../src/store/memory.ts'
import { encodeHeader, encodeMark, encodeRecord, FIRST_RECORD, markOffset } from '../../../src/store/state/format.ts'
import { StateFile } from '../../../src/store/state/state-file.ts'
import { CrashingDisk } from './crashing-disk.ts'
import { network } from './fixtures.ts'

const PATH = '/state/natgw.state'

async function openStore(disk: CrashingDisk) {
  const { file, ...content } = await StateFile.open(PATH, disk)
  const store = new MemoryStore({ ...content, commit: (changes, version) => file.commit(changes, version) })
  return { store, tornBytes: content.tornBytes }
}

const noSpace = () => Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
const names = (store: MemoryStore) => store.list(NETWORK).map((object) => object.metadata.name)

/** What the version before wrote: Networks blue and red were created, and red was removed. */
async function fileOfVersion1(): Promise<Buffer> {
  const made = new MemoryStore()
  const objects = [await made.create(network('blue')), await made.create(network('red'))]
  const put = { resourceVersion: 2, put: objects, removed: [] }
  const removal = { resourceVersion: 3, put: [], removed: ['Network default/red'] }
  const bytes = Buffer.alloc(64 * 1024)
  let end = FIRST_RECORD
  for (const content of [put, removal]) {
    const record = encodeRecord(JSON.stringify(content), end)
    record.copy(bytes, end)
    end += record.length
  }
  const header = encodeHeader(bytes.length)
  header.writeUInt32LE(1, 12)
  header.writeUInt32LE(crc32(header.subarray(0, 24)), 24)
  header.copy(bytes)
  for (const turn of [0, 1]) encodeMark(end).copy(bytes, markOffset(turn))
  return bytes
}

describe('a state file', () => {
  it('gives back every object as it was, and goes on counting versions', async () => {
    const disk = new CrashingDisk()
    const first = await openStore(disk)
    const blue = await first.store.create(network('blue', { finalizers: ['f'], labels: { a: 'ä€😀' } }))
    const red = await first.store.create(network('red'))
    await first.store.delete(NETWORK, 'default/red')
    const again = await openStore(disk)
    expect(again.store.list(NETWORK)).toEqual([blue])
    const green = await again.store.create(network('green'))
    expect(Number(green.metadata.resourceVersion)).toBeGreaterThan(Number(red.metadata.resourceVersion) + 1)
  })

  it('keeps its size until its room is used up, and is then written again, small', async () => {
    const disk = new CrashingDisk()
    const { store } = await openStore(disk)
    const size = disk.bytesOf(PATH).length
    let object = await store.create(network('blue'))
    const sizes = new Set<number>()
    for (let i = 0; i < 40; i++) {
      const labels = { text: `${i} ${'x'.repeat(100_000)}` }
      object = await store.update({ ...object, metadata: { ...object.metadata, labels } })
      sizes.add(disk.bytesOf(PATH).length)
    }
    expect(Math.max(...sizes)).toBeLessThan(size + 200_000)
    expect(disk.paths).toEqual([PATH])
    expect((await openStore(disk)).store.list(NETWORK)).toEqual([object])
  })

  it('drops a write that was never acknowledged, and says so', async () => {
    const disk = new CrashingDisk()
    const { store } = await openStore(disk)
    await store.create(network('blue'))
    const before = disk.effects.length
    await store.create(network('red'))
    const crashed = CrashingDisk.after(disk.effects, before, 100)
    const again = await openStore(crashed)
    expect(names(again.store)).toEqual(['blue'])
    expect(again.tornBytes).toBe(100)
    await again.store.create(network('green'))
    expect(names((await openStore(crashed)).store)).toEqual(['blue', 'green'])
  })

  it('that was cut says where, what of it is readable and what to do', async () => {
    const disk = new CrashingDisk()
    await (await openStore(disk)).store.create(network('blue'))
    const cut = new CrashingDisk([[PATH, disk.bytesOf(PATH).subarray(0, 5000)]])
    await expect(StateFile.open(PATH, cut)).rejects.toMatchObject({
      code: 'ERR_STATE_CORRUPT',
      details: { path: PATH, offset: 5000 },
      message: expect.stringMatching(
        /damaged at byte 5000: it was cut: 5000 of [0-9]+ bytes are there; 1 object before it can be read.*left as it is\. Put a backup/,
      ) as string,
    })
  })

  it('that is something else, or empty, is refused', async () => {
    for (const text of ['', '{"objects": []}', 'natgw state\n']) {
      const disk = new CrashingDisk([[PATH, Buffer.from(text)]])
      await expect(StateFile.open(PATH, disk)).rejects.toMatchObject({ code: 'ERR_STATE_CORRUPT' })
      expect(disk.bytesOf(PATH).toString()).toBe(text)
    }
  })

  it('of version 1, which names removed objects by kind alone, is read and written again in this version', async () => {
    const old = await fileOfVersion1()
    const disk = new CrashingDisk([[PATH, old]])
    expect(names((await openStore(disk)).store)).toEqual(['blue'])
    expect([old.readUInt32LE(12), disk.bytesOf(PATH).readUInt32LE(12)]).toEqual([1, 2])
    const { store } = await openStore(disk)
    await store.delete(NETWORK, 'default/blue')
    expect(names((await openStore(disk)).store)).toEqual([])
  })

  it('of version 1 is whole after a crash at any effect of writing it again', async () => {
    const old = await fileOfVersion1()
    const disk = new CrashingDisk([[PATH, old]])
    await openStore(disk)
    for (let count = 0; count <= disk.effects.length; count++) {
      const crashed = CrashingDisk.after(disk.effects, count, 0, [[PATH, old]])
      expect(names((await openStore(crashed)).store)).toEqual(['blue'])
    }
  })

  it('of a newer version is refused and left alone', async () => {
    const bytes = encodeHeader(4096)
    bytes.writeUInt32LE(3, 12)
    const disk = new CrashingDisk([[PATH, bytes]])
    await expect(StateFile.open(PATH, disk)).rejects.toMatchObject({
      code: 'ERR_STATE_VERSION',
      message: expect.stringContaining('is of format 3, this natgw knows formats up to 2') as string,
    })
    expect(disk.effects).toEqual([])
  })

  it('on a full disk refuses writes, keeps what there was, and takes them again when there is space', async () => {
    const disk = new CrashingDisk()
    const { store } = await openStore(disk)
    const blue = await store.create(network('blue'))
    disk.failure = noSpace()
    for (let i = 0; i < 3; i++) {
      await expect(store.create(network('red'))).rejects.toMatchObject({
        code: 'ERR_STATE_WRITE',
        message: expect.stringMatching(/natgw\.state cannot be written: ENOSPC.*; free space on its disk/) as string,
      })
    }
    expect(store.list(NETWORK)).toEqual([blue])
    disk.failure = undefined
    await store.create(network('green'))
    expect(names((await openStore(disk)).store)).toEqual(['blue', 'green'])
    expect(disk.paths).toEqual([PATH])
  })
})
