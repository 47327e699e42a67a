import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decodeOne } from '../../../src/dataplane/codec.ts'
import type { LaidOut } from '../../../src/dataplane/compatibility.ts'
import { maps as layouts, sliceStateCodec } from '../../../src/dataplane/generated/layouts.ts'
import { readLayoutRecord, writeLayoutRecord } from '../../../src/kernel/layout-record.ts'
import { PROGRAMS, unloadDataplane } from '../../../src/kernel/loader.ts'
import { openPinnedDataplane } from '../../../src/kernel/pinned-maps.ts'
import { instanceFolder, removePin } from '../../../src/kernel/pins.ts'
import { BpfMap } from '../../../src/native/load-native.ts'
import { OBJECT, TestInstance } from './plane.ts'

const EMPTY_STATE = decodeOne(sliceStateCodec, new Uint8Array(sliceStateCodec.size))
const pinned = (): string[] => readdirSync(join(instanceFolder(instance.name), 'maps'))

/** What another version would have written down. */
function record(change: (laidOut: Record<string, LaidOut & Writable>) => void): void {
  const laidOut = structuredClone(readLayoutRecord(instance.name)) as Record<string, LaidOut & Writable>
  change(laidOut)
  writeLayoutRecord(instance.name, laidOut)
}
interface Writable {
  version: number
  contents: readonly string[]
}

let instance: TestInstance
beforeEach(() => {
  instance = new TestInstance()
})
afterEach(() => {
  instance.clear()
})

describe('opening the data plane', () => {
  it('loads the object, pins every map and program and finds out how fast the clock ticks', () => {
    const plane = instance.open()
    const names = Object.values(layouts).map(({ name }) => name)
    expect(readdirSync(join(instanceFolder(instance.name), 'maps')).sort()).toEqual(names.sort())
    expect(readdirSync(join(instanceFolder(instance.name), 'programs')).sort()).toEqual([...PROGRAMS].sort())
    expect(plane.report.createdMaps.sort()).toEqual(names)
    expect([100, 250, 300, 1000]).toContain(plane.hz)
    expect(plane.maps.sessions.limit).toBe(4096)
  })

  it('keeps the existing maps when it is opened again', () => {
    instance.open().maps.devices.set(7, { vni: 42, macs: new Uint8Array(24) })
    const second = instance.open()
    expect(second.report.createdMaps).toEqual([])
    expect(second.maps.devices.get(7)).toEqual({ vni: 42, macs: new Uint8Array(24) })
  })

  it('keeps the size of a pinned map and says so when the configuration wants another', () => {
    instance.open()
    const { report, maps } = instance.open({ maxInterfaces: 128 })
    expect(report.keptLimits).toEqual([{ map: 'interfaces', wanted: 128, kept: 64 }])
    expect(maps.interfaces.limit).toBe(64)
  })

  it('creates a map again that only the agent writes, if another version has another layout', () => {
    instance.open()
    record((laidOut) => (laidOut['routes']!.contents = ['key 0 u32 prefix_length', 'value 0 u32 next_hop']))
    const { report } = instance.open()
    expect(report.createdMaps).toEqual(['routes'])
    expect(report.replacedMaps).toEqual([
      { map: 'routes', reason: '"value 0 u32 next_hop" there, "value 0 u16 next_hop" here' },
    ])
  })

  it('refuses to end the flows of a version that laid them out differently, unless that is accepted', () => {
    instance.open().maps.sliceStates.set(3, { ...EMPTY_STATE, used: [2, 5, 0] })
    record((laidOut) => (laidOut['sessions']!.version = 99))
    const before = pinned()
    expect(() => instance.open()).toThrow(
      expect.objectContaining({
        code: 'ERR_FLOWS_LIVE',
        message: expect.stringMatching(
          /map sessions: version 99 there.* ends 7 flows\. .*--accept-flow-loss/,
        ) as string,
      }),
    )
    expect(pinned()).toEqual(before)
    const { report, maps } = instance.open({}, OBJECT, true)
    expect(report.endedFlows).toBe(7)
    expect(maps.sliceStates.get(3)!.used).toEqual([0, 0, 0])
    expect(instance.open().report.createdMaps).toEqual([])
  })

  it('needs no consent where no flow lives', () => {
    instance.open()
    record((laidOut) => (laidOut['sessions']!.version = 99))
    expect(instance.open().report).toMatchObject({ endedFlows: 0, reusedMaps: [] })
  })

  it('removes further pins of another version, but no map that holds its flows', () => {
    const plane = instance.open()
    plane.maps.sliceStates.set(3, { ...EMPTY_STATE, used: [1, 0, 0] })
    plane.maps.drops.native.pin(join(instanceFolder(instance.name), 'maps', 'later'))
    expect(instance.open().report.replacedMaps).toEqual([])
    expect(pinned()).not.toContain('later')
    plane.maps.drops.native.pin(join(instanceFolder(instance.name), 'maps', 'later'))
    record((laidOut) => (laidOut['later'] = { ...laidOut['sessions']!, holdsFlows: true }))
    expect(() => instance.open()).toThrow('map later: this version has no such map')
  })

  it('creates a counting map of another size again', () => {
    instance.open()
    const path = join(instanceFolder(instance.name), 'maps', 'drops')
    removePin(path)
    const { type, keySize, valueSize } = layouts.drops
    const shorter = BpfMap.create({ name: 'drops', type, keySize, valueSize, maxEntries: 3 })
    shorter.pin(path)
    shorter.close()
    expect(instance.open().report.createdMaps).toEqual(['drops'])
  })

  it('replaces the pins of an early version, once the loss of its flows is accepted', () => {
    const { maps } = instance.open()
    maps.sliceStates.set(0, { ...EMPTY_STATE, used: [0, 4, 0] })
    const older = join(instanceFolder(instance.name), '0123456789ab')
    mkdirSync(older)
    for (const kind of ['maps', 'programs', 'links']) execFileSync('mv', [join(older, '..', kind), older])
    expect(() => instance.open()).toThrow(
      expect.objectContaining({ code: 'ERR_FLOWS_LIVE', message: expect.stringContaining('ends 4 flows') as string }),
    )
    expect(() => openPinnedDataplane(instance.name)).toThrow('was pinned by an earlier version')
    expect(instance.open({}, OBJECT, true).report.endedFlows).toBe(4)
    expect(existsSync(older)).toBe(false)
  })

  it('says which file is no BPF object', () => {
    const folder = mkdtempSync(join(tmpdir(), 'natgw-'))
    const path = join(folder, 'broken.o')
    writeFileSync(path, 'not an object')
    expect(() => instance.open({}, path)).toThrow(
      expect.objectContaining({ code: 'ERR_BPF_LOAD', message: expect.stringContaining(path) as string }),
    )
    rmSync(folder, { recursive: true })
  })

  it('refuses an instance name that bpffs could not hold', () => {
    expect(() => unloadDataplane('a.b')).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_INVALID' }))
  })
})

describe('pinned maps', () => {
  it('can be read after the process that loaded them has let go', () => {
    const plane = instance.open()
    plane.maps.devices.set(9, { vni: 5, macs: new Uint8Array(24) })
    plane.close()
    const pinned = openPinnedDataplane(instance.name)
    expect(pinned.maps.devices.get(9)).toEqual({ vni: 5, macs: new Uint8Array(24) })
    expect(pinned.readClock().jiffies).toBeGreaterThan(0)
    pinned.close()
  })

  it('of an instance that is not loaded are an error that says how to load it', () => {
    expect(() => openPinnedDataplane(instance.name)).toThrow(
      expect.objectContaining({ code: 'ERR_NOT_LOADED', message: expect.stringContaining('natgw run') as string }),
    )
  })

  it('are gone after unload, folders included', () => {
    instance.open()
    expect(unloadDataplane(instance.name).links).toBe(0)
    expect(existsSync(instanceFolder(instance.name))).toBe(false)
    expect(() => unloadDataplane(instance.name)).toThrow(expect.objectContaining({ code: 'ERR_NOT_LOADED' }))
  })
})
