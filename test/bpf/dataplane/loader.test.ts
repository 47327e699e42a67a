import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { maps as layouts } from '../../../src/dataplane/generated/layouts.ts'
import { PROGRAMS, unloadDataplane } from '../../../src/dataplane/loader.ts'
import { openPinnedDataplane } from '../../../src/dataplane/pinned-maps.ts'
import { instanceFolder, layoutFolder, removePin } from '../../../src/dataplane/pins.ts'
import { BpfMap } from '../../../src/native/load-native.ts'
import { TestInstance } from './plane.ts'

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
    expect(readdirSync(join(layoutFolder(instance.name), 'maps')).sort()).toEqual(names.sort())
    expect(readdirSync(join(layoutFolder(instance.name), 'programs')).sort()).toEqual([...PROGRAMS].sort())
    expect(plane.report.createdMaps.sort()).toEqual(names)
    expect([100, 250, 300, 1000]).toContain(plane.hz)
    expect(plane.maps.sessions.limit).toBe(4096)
  })

  it('again goes on with the maps that are there', () => {
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

  it('refuses a pinned map of another layout and names both sizes', () => {
    instance.open()
    const path = join(layoutFolder(instance.name), 'maps', 'devices')
    removePin(path)
    const other = BpfMap.create({ name: 'devices', type: 1, keySize: 4, valueSize: 16, maxEntries: 64, flags: 1 })
    other.pin(path)
    other.close()
    expect(() => instance.open()).toThrow(
      expect.objectContaining({
        code: 'ERR_MAP_LAYOUT',
        message: expect.stringContaining('valueSize 16, this build expects 28') as string,
      }),
    )
  })

  it('makes a counting map of another size anew', () => {
    instance.open()
    const path = join(layoutFolder(instance.name), 'maps', 'drops')
    removePin(path)
    const { type, keySize, valueSize } = layouts.drops
    const shorter = BpfMap.create({ name: 'drops', type, keySize, valueSize, maxEntries: 3 })
    shorter.pin(path)
    shorter.close()
    expect(instance.open().report.createdMaps).toEqual(['drops'])
  })

  it('reports what another build left, and unload takes that away too', () => {
    const older = join(instanceFolder(instance.name), '0123456789ab')
    mkdirSync(join(older, 'maps'), { recursive: true })
    expect(instance.open().report.olderLayouts).toEqual(['0123456789ab'])
    unloadDataplane(instance.name)
    expect(existsSync(instanceFolder(instance.name))).toBe(false)
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
