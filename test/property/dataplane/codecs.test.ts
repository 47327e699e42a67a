import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Codec } from '../../../src/dataplane/codec.ts'
import { decodeOne, encodeMany, encodeOne } from '../../../src/dataplane/codec.ts'
import * as layouts from '../../../src/dataplane/generated/layouts.ts'
import { Table } from '../../../src/dataplane/image.ts'

const codecs = Object.entries(layouts).flatMap(([name, value]): [string, Codec<unknown>][] =>
  name.endsWith('Codec') ? [[name, value as Codec<unknown>]] : [],
)
/** No byte of 255, so that no 64-bit counter rounds up to 2^64. */
const bytesFor = (codec: Codec<unknown>) => fc.uint8Array({ minLength: codec.size, maxLength: codec.size, max: 254 })

describe.each(codecs)('%s', (_, codec) => {
  it('gives back the value it encoded, at any offset, and touches nothing else', () => {
    fc.assert(
      fc.property(bytesFor(codec), fc.nat(9), (bytes, offset) => {
        const value = codec.decode(new DataView(bytes.buffer), 0)
        const buffer = new Uint8Array(codec.size + 20).fill(0xee)
        codec.encode(new DataView(buffer.buffer), offset, value)
        expect(codec.decode(new DataView(buffer.buffer), offset)).toEqual(value)
        expect(buffer.subarray(0, offset).every((byte) => byte === 0xee)).toBe(true)
        expect(buffer.subarray(offset + codec.size).every((byte) => byte === 0xee)).toBe(true)
      }),
    )
  })

  it('writes every byte, padding as zero', () => {
    const zero = decodeOne(codec, new Uint8Array(codec.size))
    const dirty = new Uint8Array(codec.size).fill(0xee)
    codec.encode(new DataView(dirty.buffer), 0, zero)
    expect(dirty).toEqual(new Uint8Array(codec.size))
  })
})

describe('byte order', () => {
  it('is the network’s for addresses and ports, the host’s for everything else', () => {
    expect([...encodeOne(layouts.interfaceKeyCodec, { vni: 0x64, address: 0x0a000001 })]).toEqual([
      0x64, 0, 0, 0, 10, 0, 0, 1,
    ])
    expect([...encodeOne(layouts.routeKeyCodec, { prefixLength: 24, address: 0xc0000200 })]).toEqual([
      24, 0, 0, 0, 192, 0, 2, 0,
    ])
  })

  it('a MAC of another length than six bytes is refused', () => {
    const hop = decodeOne(layouts.nextHopCodec, new Uint8Array(layouts.nextHopCodec.size))
    expect(() => encodeOne(layouts.nextHopCodec, { ...hop, sourceMac: new Uint8Array(5) })).toThrow('5 bytes where')
  })
})

describe('a table', () => {
  const { maps } = layouts
  const entry = fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 1, max: 5 }))

  it.each([
    ['hash', maps.hostAddresses.type],
    ['array', maps.devices.type],
  ])('finds exactly the entries of a %s that differ from what the kernel holds', (kind, type) => {
    fc.assert(
      fc.property(fc.array(entry), fc.array(entry), (expected, found) => {
        const table = new Table({ ...maps.devices, type })
        const macs = new Uint8Array(24)
        const wanted = new Map(expected)
        const present = new Map(found)
        for (const [key, vni] of wanted) table.set(key, { vni, macs })
        const keys = kind === 'array' ? Array.from({ length: 31 }, (_, key) => key) : [...present.keys()]
        const values = keys.map((key) => ({ vni: present.get(key) ?? 0, macs }))
        const { put, remove } = table.repairs(
          encodeMany(maps.devices.key, keys),
          encodeMany(maps.devices.value, values),
          keys.length,
        )
        for (const [key, { vni }] of put) present.set(key, vni)
        for (const key of remove) present.delete(key)
        expect([...present].sort()).toEqual([...wanted].sort())
        const needless = put.filter(([key, { vni }]) => new Map(found).get(key) === vni)
        expect(needless).toEqual([])
      }),
    )
  })
})
