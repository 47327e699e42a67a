import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { slotNumber } from '../../src/dataplane/slot-numbers.ts'
import { parseIpv4 } from '../../src/net/ipv4.ts'
import { frame, icmpEcho, TCP, tcp, udp } from '../support/packet.ts'
import { LO, PacketGateway, PUBLIC, VNI, XDP } from '../support/packet-gateway.ts'

const A = '10.0.0.1'
const SERVER = '203.0.113.5'
const UDP = 1

let gateway: PacketGateway
beforeEach(() => {
  gateway = new PacketGateway()
})
afterEach(() => gateway.close())

/** A slice of `size` ports from `firstPort` on, and its neighbours on both sides in the slot block. */
function slices(size: number, firstPort = 1024): void {
  gateway.slice({ index: 0, inside: '10.0.1.1', firstPort: 1024, size: 3, publicAddress: '198.51.100.200' })
  gateway.address(PUBLIC, { sliceSize: size, firstPort, firstSlice: 1, lastPort: firstPort + size - 1 })
  gateway.slice({ index: 1, inside: A, firstPort, size })
  gateway.slice({ index: 2, inside: '10.0.1.2', firstPort: 1024, size: 3, publicAddress: '198.51.100.201' })
}

const send = (port: number, remote = 53): { verdict: number; port: number } => {
  const { verdict, read } = gateway.fromPrivate(frame({ from: A, to: SERVER }, udp(port, remote)))
  return { verdict, port: read.sourcePort }
}

describe('a slice of N ports holds N mappings, first and last port included', () => {
  it.each([
    [1, 1024],
    [2, 1024],
    [3, 65533],
    [63, 2000],
    [64, 65472],
    [65, 1500],
    [100, 1024],
    [2048, 62464],
  ])('N = %i from port %i on', (size, firstPort) => {
    slices(size, firstPort)
    const given = new Map<number, number>()
    for (let port = 1; port <= size; port++) {
      const out = send(port)
      expect(out.verdict).toBe(XDP.REDIRECT)
      given.set(out.port, port)
    }
    expect(given.size).toBe(size)
    expect(Math.min(...given.keys())).toBe(firstPort)
    expect(Math.max(...given.keys())).toBe(firstPort + size - 1)
    expect(gateway.used(1, UDP)).toBe(size)
    expect(gateway.occupied(1, UDP)).toHaveLength(size)
    expect(send(60000).verdict).toBe(XDP.DROP)

    // All of them are found again from both sides, also those outside of their probe window.
    for (const [external, inside] of given) {
      expect(send(inside).port).toBe(external)
      const back = gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, udp(53, external)))
      expect(back.read.destinationPort).toBe(inside)
    }
    // The ranges beside it are untouched.
    expect(gateway.slots(0, 2).size + gateway.slots(2, 0).size).toBe(0)
    expect(gateway.occupied(0, 2).concat(gateway.occupied(2, 0))).toEqual([])
  })

  it('N = 64512, all ports of an address', { timeout: 120_000 }, () => {
    for (let block = 1; block < 4; block++) gateway.addSlotBlock()
    gateway.address(PUBLIC, { sliceSize: 64512, firstSlice: 1 })
    gateway.slice({ index: 1, inside: A, firstPort: 1024, size: 64512 })
    // Each range begins a block of its own, as the agent places them.
    const slice = gateway.plane.maps.slices.get(1)!
    gateway.plane.maps.slices.set(1, { ...slice, firstSlots: [0, slotNumber(1, 0), slotNumber(2, 0)] })
    const given = new Set<number>()
    for (let port = 1; port <= 64512; port++) given.add(send(port).port)
    expect(given.size).toBe(64512)
    expect(Math.min(...given)).toBe(1024)
    expect(Math.max(...given)).toBe(65535)
    expect(send(65000).verdict).toBe(XDP.DROP)
  })
})

it('the order of ports does not reveal the next one (RFC 6056)', () => {
  slices(2048)
  const ports = Array.from({ length: 1000 }, (_, i) => send(30000 + i).port)
  const near = ports.filter((port, i) => i > 0 && Math.abs(port - ports[i - 1]!) <= 8).length
  expect(near).toBeLessThan(2 * ((16 / 2048) * 1000) + 10)
})

it('slices with different secrets give the same inside port different ports', () => {
  gateway.address(PUBLIC, { sliceSize: 2048 })
  gateway.slice({ index: 0, inside: '10.0.0.1', firstPort: 1024, size: 2048 })
  gateway.slice({ index: 1, inside: '10.0.0.2', firstPort: 3072, size: 2048 })
  let same = 0
  for (let port = 1; port <= 500; port++) {
    const a = gateway.fromPrivate(frame({ from: '10.0.0.1', to: SERVER }, udp(port, 53))).read.sourcePort - 1024
    const b = gateway.fromPrivate(frame({ from: '10.0.0.2', to: SERVER }, udp(port, 53))).read.sourcePort - 3072
    if (a === b) same++
  }
  expect(same).toBeLessThan(10)
})

describe('a slice that gets another owner', () => {
  it('has none of the former one’s mappings, even where they were not flushed', () => {
    slices(64, 1024)
    const before = send(4711).port
    const answer = (port: number) => gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, udp(53, port)))
    expect(answer(before).verdict).toBe(XDP.REDIRECT)
    const { slices: table, interfaces } = gateway.plane.maps
    const slice = table.get(1)!
    table.set(1, { ...slice, insideAddress: parseIpv4('10.0.0.77'), epoch: slice.epoch + 1 })
    interfaces.set({ vni: VNI, address: parseIpv4('10.0.0.77') }, { slice: 1, ifindex: LO, flags: 0 })
    expect(answer(before).verdict).toBe(XDP.DROP)
    expect(gateway.drops('DROP_NO_MAPPING')).toBe(1)
    const after = gateway.fromPrivate(frame({ from: '10.0.0.77', to: SERVER }, udp(4711, 53))).read.sourcePort
    expect(after).not.toBe(before)
    expect(gateway.used(1, 1)).toBe(2)
    expect(send(4711).verdict).toBe(XDP.DROP)
  })
})

describe('inside ports that hash to one bucket of a slice of 128', () => {
  /** bucket_of() of bpf/slots.h: windows of 16 end with the range. */
  const bucketOf = (port: number): number => {
    const { secret } = gateway.plane.maps.slices.get(1)!
    const u64 = (value: bigint): bigint => BigInt.asUintN(64, value)
    const littleEndian = (value: number, bytes: number): bigint =>
      BigInt(Buffer.from(value.toString(16).padStart(bytes * 2, '0'), 'hex').readUIntLE(0, bytes))
    let hash = ((littleEndian(port, 2) << 8n) | BigInt(UDP)) ^ secret
    hash = u64(hash * 0x9fb21c651e98df25n)
    hash ^= hash >> 32n
    hash = u64(hash * (secret | 1n))
    return Number(((hash >> 32n) * 113n) >> 32n)
  }
  const alike = (count: number): number[] => {
    const bucket = bucketOf(1)
    return Array.from({ length: 65535 }, (_, n) => n + 1)
      .filter((port) => bucketOf(port) === bucket)
      .slice(0, count)
  }

  it('have room for 48: 16 in the window, 32 in the chain; one more is refused', () => {
    slices(128)
    const ports = alike(49)
    const given = ports.slice(0, 48).map((port) => send(port).port)
    expect(new Set(given).size).toBe(48)
    expect(gateway.chained(1, UDP)).toHaveLength(32)
    expect(ports.slice(0, 48).map((port) => send(port).port)).toEqual(given)
    expect(send(ports[48]!).verdict).toBe(XDP.DROP)
    expect(gateway.drops('DROP_SLICE_FULL')).toBe(1)
    expect(gateway.used(1, UDP)).toBe(48)
  })

  it('are found again when others of their chain are gone, and those can come back', async () => {
    slices(128)
    const ports = alike(40)
    gateway.settings({ udpTimeout: 1, portReuseDelay: 1 })
    for (const port of ports) send(port)
    gateway.settings({ udpTimeout: 300 * gateway.plane.hz })
    const kept = ports.filter((_, n) => n % 3 === 0)
    const given = kept.map((port) => send(port).port)
    await sleep(50)
    gateway.expire()
    expect(gateway.used(1, UDP)).toBe(kept.length)
    expect(kept.map((port) => send(port).port)).toEqual(given)
    expect(new Set(ports.map((port) => send(port).port)).size).toBe(40)
    expect(gateway.used(1, UDP)).toBe(40)
  })
})

it('two Networks with the same inside addresses do not meet', () => {
  const { slices } = gateway.plane.maps
  const moveTo = (index: number, ifindex: number): void => {
    const slice = slices.get(index)!
    slices.set(index, { ...slice, inside: { ...slice.inside, ifindex } })
  }
  gateway.address(PUBLIC, { sliceSize: 64 })
  gateway.slice({ index: 0, inside: A, firstPort: 1024, size: 64 })
  gateway.slice({ index: 1, inside: A, firstPort: 1088, size: 64, vni: 300, ifindex: 5 })
  const first = send(40000).port
  expect(first).toBeLessThan(1088)
  // The same device now belongs to the other Network: the agent moves the slices behind it first.
  moveTo(0, 5)
  gateway.plane.maps.devices.set(1, { vni: 300, macs: new Uint8Array(24) })
  expect(send(40000).verdict).toBe(XDP.DROP)
  expect(gateway.drops('DROP_SPOOFED_SOURCE')).toBe(1)
  gateway.plane.maps.interfaces.set({ vni: 300, address: 0x0a000001 }, { slice: 1, ifindex: 1, flags: 0 })
  moveTo(1, 1)
  const second = send(40000).port
  expect(second).toBeGreaterThanOrEqual(1088)
  expect(gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, udp(53, first))).verdict).toBe(XDP.REDIRECT)
})

it('a slice keeps nothing of its former owner once flushed', () => {
  slices(100)
  for (let port = 1; port <= 101; port++) send(port)
  gateway.fromPrivate(frame({ from: A, to: SERVER }, tcp(7, 80, TCP.SYN)))
  gateway.fromPrivate(frame({ from: A, to: SERVER }, icmpEcho('request', 7)))
  expect([0, 1, 2].map((protocol) => gateway.flush(1, protocol))).toEqual([1, 100, 1])
  expect([0, 1, 2].map((protocol) => gateway.used(1, protocol))).toEqual([0, 0, 0])
  expect(gateway.slots(1, UDP).size).toBe(0)
  expect(gateway.occupied(1, UDP)).toEqual([])
  expect(gateway.chained(1, UDP)).toEqual([])
  expect(gateway.plane.maps.sliceStates.get(1)).toMatchObject({ overflow: [0, 0, 0], peak: [0, 0, 0], refused: 0 })
})
