import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DesiredInterface, DesiredState, LocalOwner } from '../../../src/dataplane/desired-state.ts'
import { SliceConstants } from '../../../src/dataplane/generated/layouts.ts'
import type { Dataplane } from '../../../src/kernel/loader.ts'
import { readCounters, readDrops, readSliceUse } from '../../../src/kernel/readers.ts'
import { readSessions } from '../../../src/kernel/session-reader.ts'
import { DataplaneSync } from '../../../src/kernel/sync.ts'
import type { Address } from '../../../src/net/address.ts'
import { ipv4Word, offsetAddress, parseAddress } from '../../../src/net/address.ts'
import { parseIpv4 } from '../../../src/net/ipv4.ts'
import { frame, icmpEcho, TCP, tcp, udp } from '../../support/packet.ts'
import { addressOf, interfaceOf, MAC, PUBLIC, stateOf } from '../../unit/dataplane/states.ts'
import { TestInstance } from './plane.ts'

const XDP_REDIRECT = 4
/** Test runs come in on ifindex 1, so that is the private device and the uplink of these tests. */
const LO = 1
const GATEWAY = parseAddress('192.0.2.1')

let instance: TestInstance
let plane: Dataplane
let sync: DataplaneSync
beforeEach(() => {
  instance = new TestInstance()
  plane = instance.open()
  sync = new DataplaneSync(plane)
})
afterEach(() => {
  instance.clear()
})

const onLo = (...interfaces: DesiredInterface[]): DesiredState =>
  stateOf({
    settings: { ...stateOf().settings, uplinkIfindex: LO },
    devices: [{ ifindex: LO, vni: 100, macs: [] }],
    interfaces: interfaces.map((each) => ({ ...each, owner: { ...each.owner, ifindex: LO } as LocalOwner })),
    addresses: [addressOf(PUBLIC)],
    nextHops: [{ address: GATEWAY, ifindex: LO, mtu: 1500, sourceMac: MAC, destinationMac: MAC }],
    routes: [{ address: parseAddress('0.0.0.0'), prefixLength: 0, type: 'via', nextHop: GATEWAY, mtu: 1500 }],
    hostAddresses: [{ address: parseAddress('10.0.0.254'), ifindex: LO }],
  })
const send = (layer4: Parameters<typeof frame>[1], from = '10.0.0.1'): number =>
  plane.programs.nat_from_private.testRun({ data: frame({ from, to: '203.0.113.5' }, layer4) }).retval

describe('the kernel', () => {
  it('translates the desired state, and nothing is written when nothing differs', () => {
    const first = sync.apply(onLo(interfaceOf(1, 1024)))
    expect(first.failures).toEqual([])
    expect(first.addedSlotBlocks).toBe(1)
    expect(send(udp(5000, 53))).toBe(XDP_REDIRECT)
    expect(sync.apply(onLo(interfaceOf(1, 1024))).written).toEqual({})
    const restarted = new DataplaneSync(plane)
    expect(restarted.apply(onLo(interfaceOf(1, 1024)))).toMatchObject({
      written: {},
      flushedMappings: 0,
      addedSlotBlocks: 0,
    })
    expect(restarted.verify()).toEqual({ repaired: {}, failures: [] })
  })

  it('removes the mappings of a slice that gets another owner', () => {
    sync.apply(onLo(interfaceOf(1, 1024)))
    for (let port = 5000; port < 5010; port++) send(udp(port, 53))
    send(icmpEcho('request', 7))
    expect([...readSessions(plane)].length).toBe(11)
    const result = sync.apply(onLo(interfaceOf(2, 1024)))
    expect(result).toMatchObject({ flushedMappings: 11, failures: [] })
    expect([...readSessions(plane)]).toEqual([])
    expect([...readSliceUse(plane.maps)]).toMatchObject([
      { insideAddress: 0x0a000002, udp: { used: 0 }, icmp: { used: 0 } },
    ])
    expect(send(udp(5000, 53), '10.0.0.2')).toBe(XDP_REDIRECT)
  })

  it('keeps other slices and their sessions when one comes and goes', () => {
    sync.apply(onLo(interfaceOf(1, 1024)))
    send(udp(5000, 53))
    const before = [...readSessions(plane)].map(({ publicPort }) => publicPort)
    sync.apply(onLo(interfaceOf(1, 1024), interfaceOf(2, 1088)))
    sync.apply(onLo(interfaceOf(1, 1024)))
    expect([...readSessions(plane)].map(({ publicPort }) => publicPort)).toEqual(before)
  })
})

describe('drift', () => {
  it('of any entry is repaired and counted by map', () => {
    sync.apply(onLo(interfaceOf(1, 1024), interfaceOf(2, 1088)))
    const { maps } = plane
    const slice = maps.slices.get(0)!
    maps.slices.set(0, { ...slice, inside: { ...slice.inside, mtu: 99 } })
    maps.interfaces.delete({ vni: 100, address: 0x0a000001 })
    maps.interfaces.set({ vni: 7, address: 7 }, { slice: 0, ifindex: LO, flags: 0 })
    maps.routes.delete({ prefixLength: 0, address: 0 })
    maps.devices.set(33, { vni: 33, macs: new Uint8Array(24) })
    expect(sync.verify()).toEqual({ repaired: { slices: 1, interfaces: 2, routes: 1, devices: 1 }, failures: [] })
    expect(sync.verify().repaired).toEqual({})
    expect(maps.slices.get(0)?.inside.mtu).toBe(1500)
    expect(maps.interfaces.get({ vni: 7, address: 7 })).toBeUndefined()
    expect(send(udp(5000, 53))).toBe(XDP_REDIRECT)
  })

  it('includes a lost slot block', () => {
    sync.apply(onLo(interfaceOf(1, 1024)))
    plane.maps.slotBlocks.delete(new Uint8Array(4))
    expect(sync.verify().repaired).toEqual({ slotBlocks: 1 })
    expect(send(udp(5000, 53))).toBe(XDP_REDIRECT)
  })
})

describe('a full map', () => {
  it('is named with its limit and the setting that raises it, and everything else is done', () => {
    const many = Array.from({ length: 70 }, (_, last) => interfaceOf(last, 1024 + last * 64))
    const { failures, written } = sync.apply(onLo(...many))
    expect(failures).toHaveLength(6)
    expect(failures[0]).toMatchObject({
      code: 'ERR_MAP_FULL',
      message: expect.stringMatching(
        /map interfaces, which holds at most 64 entries: raise limits\.maxInterfaces/,
      ) as string,
    })
    expect(failures.map(({ affects }) => affects)).toContainEqual({
      scope: 'inside-address',
      vni: 100,
      address: parseAddress('10.0.0.69'),
    })
    expect(written.interfaces?.put).toBe(64)
    expect(send(udp(5000, 53))).toBe(XDP_REDIRECT)
    expect(sync.apply(onLo(...many.slice(0, 64))).failures).toEqual([])
  })

  it('of devices refuses one private device more than it holds', () => {
    const state = onLo(interfaceOf(1, 1024))
    const more = Array.from({ length: 64 }, (_, n) => ({ ifindex: 1000 + n, vni: 1, macs: [] }))
    const { failures } = sync.apply({ ...state, devices: [...state.devices, ...more] })
    expect(failures.map(({ message }) => message)).toEqual([expect.stringContaining('raise limits.maxDevices')])
    expect(failures[0]?.affects).toEqual({ scope: 'device', ifindex: 1063 })
    expect(send(udp(5000, 53))).toBe(XDP_REDIRECT)
  })

  it('of devices takes the highest ifindex there is', () => {
    const state = onLo(interfaceOf(1, 1024))
    const { failures } = sync.apply({
      ...state,
      devices: [...state.devices, { ifindex: 2 ** 31 - 1, vni: 1, macs: [] }],
    })
    expect(failures).toEqual([])
    expect(plane.maps.devices.get(2 ** 31 - 1)).toMatchObject({ vni: 1 })
  })

  it('of slices has room again in the same change that frees it', () => {
    const whole = (address: Address) => ({ ...addressOf(address, 16) })
    const wanted = (address: Address) => ({ ...onLo(interfaceOf(1, 1024, address)), addresses: [whole(address)] })
    expect(sync.apply(wanted(PUBLIC)).failures).toEqual([])
    expect(sync.apply(wanted(offsetAddress(PUBLIC, 1))).failures).toEqual([])
    expect(send(udp(5000, 53))).toBe(XDP_REDIRECT)
  })
})

describe('reading', () => {
  it('shows sessions with both ends, their state, age and what went through', () => {
    sync.apply(onLo(interfaceOf(1, 1024)))
    send(tcp(4000, 443, TCP.SYN))
    send(udp(5000, 53))
    send(udp(5000, 53))
    const rows = [...readSessions(plane)]
    expect(rows.map(({ protocol, state, outPackets }) => [protocol, state, outPackets])).toEqual([
      ['tcp', 'opening', 1],
      ['udp', 'none', 2],
    ])
    expect(rows[1]).toMatchObject({
      vni: 100,
      insideAddress: 0x0a000001,
      insidePort: 5000,
      publicAddress: ipv4Word(PUBLIC),
      remoteAddress: parseIpv4('203.0.113.5'),
      remotePort: 53,
      inPackets: 0,
    })
    expect(rows[1]!.publicPort).toBeGreaterThanOrEqual(1024)
    expect(rows[1]!.publicPort).toBeLessThan(1088)
    expect(rows[1]!.expiresInSeconds).toBeGreaterThan(290)
    expect(rows[1]!.ageSeconds).toBeLessThan(10)
  })

  it('shows the further sessions of a mapping under the same public port', () => {
    sync.apply(onLo(interfaceOf(1, 1024)))
    for (const to of ['203.0.113.5', '203.0.113.6', '203.0.113.7']) {
      plane.programs.nat_from_private.testRun({ data: frame({ from: '10.0.0.1', to }, udp(5000, 53)) })
    }
    const rows = [...readSessions(plane)]
    expect(rows.map(({ remoteAddress }) => remoteAddress & 0xff).sort()).toEqual([5, 6, 7])
    expect(new Set(rows.map(({ publicPort }) => publicPort)).size).toBe(1)
    expect([...readSliceUse(plane.maps)]).toMatchObject([
      { firstPort: 1024, lastPort: 1087, udp: { used: 1, peak: 1 } },
    ])
  })

  it('counts drops by reason', () => {
    sync.apply(onLo(interfaceOf(1, 1024), interfaceOf(2)))
    expect(plane.maps.interfaces.get({ vni: 100, address: 0x0a000002 })?.slice).toBe(SliceConstants.NO_SLICE)
    send(udp(1, 2), '10.0.0.2')
    send(udp(1, 2), '10.0.0.3')
    expect(readDrops(plane.maps)).toMatchObject({ no_slice: 1, unknown_source: 1, internal: 0 })
    expect(readCounters(plane.maps)).toMatchObject({ out_packets: 0, mappings_created: 0 })
  })
})
