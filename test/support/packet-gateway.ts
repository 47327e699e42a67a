// A loaded data plane for packet tests: maps filled by hand, packets through BPF_PROG_TEST_RUN. Test runs come in on
// ifindex 1 (lo), so both the private device and the uplink of these tests have that number.
import { randomBytes } from 'node:crypto'
import { decodeOne, encodeOne, viewOf } from '../../src/dataplane/codec.ts'
import { deviceEntry, hostFilter } from '../../src/dataplane/entries.ts'
import type { SessionEntry, Settings, Slot } from '../../src/dataplane/generated/layouts.ts'
import {
  BindingKind,
  chainNodeCodec,
  Counter,
  DropReason,
  expireArgsCodec,
  flushArgsCodec,
  maps,
  NextHopFlags,
  NextHopKind,
  sessionEntryCodec,
  slotCodec,
  SlotConstants,
  slotGroupLayout,
} from '../../src/dataplane/generated/layouts.ts'
import { isFree, ownerOf } from '../../src/dataplane/session-words.ts'
import { blockOf, groupOffset, indexInBlock, memberOffset } from '../../src/dataplane/slot-numbers.ts'
import type { Dataplane } from '../../src/kernel/loader.ts'
import { openDataplane, unloadDataplane } from '../../src/kernel/loader.ts'
import { BpfMap } from '../../src/native/load-native.ts'
import { parseAddress } from '../../src/net/address.ts'
import { parseIpv4 } from '../../src/net/ipv4.ts'
import type { Read } from './packet.ts'
import { read } from './packet.ts'

export const XDP = { ABORTED: 0, DROP: 1, PASS: 2, TX: 3, REDIRECT: 4 } as const
export const LO = 1
export const VNI = 200
export const PUBLIC = '198.51.100.1'
export const SHARED = '198.51.100.9'
export const HOST = '10.0.0.254'
/** Of the private device and of the uplink, and where frames of `ethernet` go. */
export const OWN_MAC = '02:00:00:00:00:01'
export const INSIDE_MAC = '0a:00:00:00:00:01'
export const ROUTER_MAC = '0e:00:00:00:00:01'
export const OBJECT = process.env.NATGW_BPF_OBJECT ?? new URL('../../build/bpf/natgw.bpf.o', import.meta.url).pathname

const mac = (text: string): Uint8Array => Uint8Array.from(text.split(':'), (pair) => parseInt(pair, 16))

const RESOLVED = NextHopKind.NEXT_HOP_ETHERNET | NextHopFlags.NEXT_HOP_RESOLVED

export interface SliceSpec {
  index: number
  inside: string
  firstPort: number
  size: number
  publicAddress?: string
  vni?: number
  ifindex?: number
  reachable?: boolean
}

export type DropName = keyof typeof DropReason
export type CounterName = keyof typeof Counter

export class PacketGateway {
  readonly plane: Dataplane
  readonly instance: string
  #blocks: BpfMap[] = []
  #nextSlot = 0

  constructor(options: { maxSessions?: number } = {}) {
    this.instance = `test-${randomBytes(4).toString('hex')}`
    this.plane = openDataplane({
      instance: this.instance,
      limits: { maxSlices: 4096, maxInterfaces: 4096, maxSessions: options.maxSessions ?? 4096, maxDevices: 64 },
      objectPath: OBJECT,
    })
    this.settings({})
    this.addSlotBlock()
    this.plane.maps.devices.set(LO, deviceEntry({ ifindex: LO, vni: VNI, macs: [mac(OWN_MAC)] }))
    this.plane.maps.nextHops.set(0, {
      hop: {
        ifindex: LO,
        destinationMac: mac(ROUTER_MAC),
        sourceMac: mac('0e:00:00:00:00:02'),
        mtu: 1500,
        flags: RESOLVED,
      },
      address: parseIpv4('192.0.2.1'),
    })
    this.plane.maps.routes.set({ prefixLength: 0, address: 0 }, { nextHop: 0, flags: 0, ifindex: 0 })
    const key = new Uint8Array(16)
    key.set([0xff, 0xff], 10)
    key.set(HOST.split('.').map(Number), 12)
    this.plane.maps.hostAddresses.set({ address: key }, { ifindex: LO })
  }

  settings(change: Partial<Settings>): void {
    const { hz } = this.plane
    const present = this.plane.maps.settings.get(0)
    const fresh = {
      uplinkIfindex: LO,
      hz,
      udpTimeout: 300 * hz,
      tcpEstablished: 7440 * hz,
      tcpTransitory: 240 * hz,
      icmpTimeout: 60 * hz,
      portReuseDelay: hz,
      routeGeneration: 1,
      sliceCount: 64,
      sessionMask: this.plane.maps.sessions.limit - 1,
      sessionCapacity: this.plane.maps.sessions.limit / 2,
      sliceSessions: this.plane.maps.sessions.limit / 2,
      newFlowRate: 0,
      flags: 0,
      enabled: 1,
      uplinkMac: mac(OWN_MAC),
      sessionSecret: 0x1234567890abcdefn,
      hostFilter: hostFilter([parseAddress(HOST)]),
    }
    this.plane.maps.settings.set(0, {
      ...(present !== undefined && present.hz !== 0 ? present : fresh),
      ...change,
    })
  }

  addSlotBlock(): void {
    const { inner } = maps.slotBlocks
    const block = BpfMap.create({ ...inner, name: 'slot_block' })
    this.plane.maps.slotBlocks.updateInner(new Uint8Array(Uint32Array.of(this.#blocks.length).buffer), [block])
    this.#blocks.push(block)
  }

  address(
    ip: string,
    options: { firstSlice?: number; firstPort?: number; lastPort?: number; sliceSize: number; shared?: boolean },
  ): void {
    this.plane.maps.addresses.set(
      { address: parseIpv4(ip) },
      {
        firstSlice: options.firstSlice ?? 0,
        firstPort: options.firstPort ?? 1024,
        lastPort: options.lastPort ?? 65535,
        sliceSize: options.sliceSize,
        flags: options.shared === true ? 1 : 0,
      },
    )
  }

  slice(spec: SliceSpec): void {
    const vni = spec.vni ?? VNI
    const ifindex = spec.ifindex ?? LO
    const range = (): number => {
      const at = this.#nextSlot
      this.#nextSlot += spec.size
      return at
    }
    this.plane.maps.slices.set(spec.index, {
      secret: 0x9e3779b97f4a7c15n + BigInt(spec.index),
      firstSlots: [range(), range(), range()],
      publicAddress: parseIpv4(spec.publicAddress ?? PUBLIC),
      insideAddress: parseIpv4(spec.inside),
      vni,
      firstPort: spec.firstPort,
      size: spec.size,
      epoch: 1,
      kind: BindingKind.BINDING_NAT_SLICE,
      inside: {
        ifindex,
        destinationMac: mac(INSIDE_MAC),
        sourceMac: mac(OWN_MAC),
        mtu: 1500,
        flags: spec.reachable === false ? NextHopKind.NEXT_HOP_ETHERNET : RESOLVED,
      },
    })
    this.plane.maps.interfaces.set({ vni, address: parseIpv4(spec.inside) }, { slice: spec.index, ifindex, flags: 0 })
  }

  fromPrivate(data: Uint8Array): { verdict: number; frame: Uint8Array; read: Read } {
    return this.#run('nat_from_private', data)
  }

  fromUplink(data: Uint8Array): { verdict: number; frame: Uint8Array; read: Read } {
    return this.#run('nat_from_uplink', data)
  }

  #run(
    name: 'nat_from_private' | 'nat_from_uplink',
    data: Uint8Array,
  ): { verdict: number; frame: Uint8Array; read: Read } {
    const { retval, data: frame } = this.plane.programs[name].testRun({ data })
    return {
      verdict: retval,
      frame,
      get read() {
        return read(frame)
      },
    }
  }

  /** Sum over CPUs. */
  drops(reason: DropName): number {
    return this.plane.maps.drops.sums()[DropReason[reason]]!
  }

  counter(name: CounterName): number {
    return this.plane.maps.counters.sums()[Counter[name]]!
  }

  expire(steps = 1_000_000): { visited: number; freed: number; passes: number } {
    const { ctx } = this.plane.programs.nat_expire.testRun({
      ctx: encodeOne(expireArgsCodec, { steps, visited: 0, freed: 0, passes: 0 }),
    })
    return decodeOne(expireArgsCodec, ctx)
  }

  flush(index: number, protocol: number): number {
    const slice = this.plane.maps.slices.get(index)!
    const args = { slice: index, protocol, firstSlot: slice.firstSlots[protocol]!, size: slice.size, freed: 0 }
    return decodeOne(
      flushArgsCodec,
      this.plane.programs.nat_flush.testRun({ ctx: encodeOne(flushArgsCodec, args) }).ctx,
    ).freed
  }

  used(index: number, protocol: number): number {
    return this.plane.maps.sliceStates.get(index)!.used[protocol]!
  }

  /** The slots of a slice's range that are in use, by offset. */
  slots(index: number, protocol: number): Map<number, Slot> {
    const slice = this.plane.maps.slices.get(index)!
    const first = slice.firstSlots[protocol]!
    const found = new Map<number, Slot>()
    const view = this.#blocks[blockOf(first)]!.readOnlyView()
    for (let offset = 0; offset < slice.size; offset++) {
      const slot = slotCodec.decode(view, memberOffset(first + offset))
      if (!isFree(slot.owner)) found.set(offset, slot)
    }
    return found
  }

  /** Jiffies as the programs see them now, 32 bits. */
  now(): number {
    return Number(BigInt.asUintN(32, BigInt(this.plane.readClock().jiffies)))
  }

  /** Seconds until the session ends, if no packet comes; negative where it has ended. Times wrap at 32 bits. */
  secondsLeft({ expires }: { expires: number }): number {
    return ((expires - this.now()) | 0) / this.plane.hz
  }

  /** Overwrites a slot, as if the programs had. */
  setSlot(index: number, protocol: number, offset: number, slot: Slot): void {
    const number = this.plane.maps.slices.get(index)!.firstSlots[protocol]! + offset
    const block = this.#blocks[blockOf(number)]!
    const key = new Uint8Array(Uint32Array.of(groupOffset(indexInBlock(number)) / slotGroupLayout.size).buffer)
    const group = block.lookup(key)!
    group.set(encodeOne(slotCodec, slot), memberOffset(number) - groupOffset(number))
    block.update(key, group)
  }

  /** Reads the owner word of a slot as it is now, by offset. */
  owners(index: number, protocol: number): (offset: number) => bigint {
    const first = this.plane.maps.slices.get(index)!.firstSlots[protocol]!
    const view = this.#blocks[blockOf(first)]!.readOnlyView()
    return (offset) => view.getBigUint64(memberOffset(first + offset), true)
  }

  /** Slots of the range that are marked as taken. */
  occupied(index: number, protocol: number): number[] {
    const slice = this.plane.maps.slices.get(index)!
    const first = slice.firstSlots[protocol]!
    const view = this.#blocks[blockOf(first)]!.readOnlyView()
    const found: number[] = []
    for (let offset = 0; offset < slice.size; offset++) {
      const number = first + offset
      const word = view.getBigUint64(groupOffset(number) + slotGroupLayout.taken.offset, true)
      if ((word >> BigInt(number % SlotConstants.GROUP_SLOTS)) & 1n) found.push(offset)
    }
    return found
  }

  /** Inside ports of the mappings outside their probe window, in the order in which their chains lead to them. */
  chained(index: number, protocol: number): number[] {
    const slice = this.plane.maps.slices.get(index)!
    const first = slice.firstSlots[protocol]!
    const view = this.#blocks[blockOf(first)]!.readOnlyView()
    const nodeAt = (offset: number) => chainNodeCodec.decode(view, memberOffset(first + offset, 'chain'))
    const owners = this.owners(index, protocol)
    const found: number[] = []
    for (let bucket = 0; bucket < slice.size; bucket++) {
      for (let at = nodeAt(bucket).first; at !== 0; at = nodeAt(at - 1).next) {
        found.push(ownerOf(owners(at - 1)).insidePort)
        if (found.length > slice.size) throw new Error(`the chain of slot ${bucket} has no end`)
      }
    }
    return found
  }

  /** Entries of `sessions` that are in use. */
  furtherSessions(): SessionEntry[] {
    const { values, count } = this.plane.maps.sessions.native.entries()
    const view = viewOf(values)
    return Array.from({ length: count }, (_, i) => sessionEntryCodec.decode(view, i * sessionEntryCodec.size)).filter(
      ({ mapping }) => !isFree(mapping),
    )
  }

  close(): void {
    for (const block of this.#blocks) block.close()
    this.plane.close()
    unloadDataplane(this.instance)
  }
}
