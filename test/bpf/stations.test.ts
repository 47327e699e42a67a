// Whose frames these are: by the station they are for, by their tag, and by the side that they come from.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deviceEntry } from '../../src/dataplane/entries.ts'
import { InterfaceFlags, NextHopFlags, RouteFlags } from '../../src/dataplane/generated/layouts.ts'
import { parseIpv4 } from '../../src/net/ipv4.ts'
import { formatMac, parseMac } from '../../src/net/mac.ts'
import { arpRequest, ethernet, frame, ipv4, read, TCP, tcp, udp } from '../support/packet.ts'
import { HOST, LO, OWN_MAC, PacketGateway, PUBLIC, SHARED, VNI, XDP } from '../support/packet-gateway.ts'

const A = '10.0.0.1'
const UNRESOLVED = '10.0.0.2'
const AMBIGUOUS = '10.0.0.3'
const BOUND = '10.0.0.4'
const SERVER = '203.0.113.5'
const VIRTUAL_MAC = '00:00:5e:00:01:07'
const STATION_MAC = '52:54:00:a1:b2:c3'
const OTHER_MAC = '02:00:00:00:00:99'
const ALL = 'ff:ff:ff:ff:ff:ff'
const OTHER_DEVICE = 9

let gateway: PacketGateway
beforeAll(() => {
  gateway = new PacketGateway()
  const { maps } = gateway.plane
  gateway.address(PUBLIC, { sliceSize: 64 })
  gateway.slice({ index: 0, inside: A, firstPort: 1024, size: 64 })
  gateway.slice({ index: 1, inside: UNRESOLVED, firstPort: 1088, size: 64, reachable: false })
  const unresolved = maps.slices.get(1)!
  maps.slices.set(1, { ...unresolved, inside: { ...unresolved.inside, sourceMac: new Uint8Array(6) } })
  gateway.slice({ index: 2, inside: AMBIGUOUS, firstPort: 1152, size: 64 })
  const ambiguous = { slice: 2, ifindex: LO, flags: InterfaceFlags.INTERFACE_AMBIGUOUS }
  maps.interfaces.set({ vni: VNI, address: parseIpv4(AMBIGUOUS) }, ambiguous)
  gateway.slice({ index: 3, inside: BOUND, firstPort: 1216, size: 64 })
  const bound = maps.slices.get(3)!
  const flags = bound.inside.flags | NextHopFlags.NEXT_HOP_BOUND
  maps.slices.set(3, { ...bound, inside: { ...bound.inside, destinationMac: parseMac(STATION_MAC), flags } })
  gateway.address(SHARED, { firstSlice: 10, firstPort: 40000, lastPort: 40063, sliceSize: 64, shared: true })
  maps.devices.set(LO, deviceEntry({ ifindex: LO, vni: VNI, macs: [OWN_MAC, VIRTUAL_MAC].map(parseMac) }))
  const inside = (prefix: string, ifindex: number): void => {
    const flags = RouteFlags.ROUTE_REJECT | RouteFlags.ROUTE_INSIDE
    maps.routes.set({ prefixLength: 24, address: parseIpv4(prefix) }, { nextHop: 0, flags, ifindex })
  }
  inside('10.0.0.0', LO)
  inside('10.1.0.0', OTHER_DEVICE)
})
afterAll(() => gateway.close())

const to = (mac: string, bytes: Uint8Array): Uint8Array => {
  const copy = bytes.slice()
  copy.set(parseMac(mac))
  return copy
}
const tagged = (id: number, bytes: Uint8Array, type = 0x8100): Uint8Array =>
  new Uint8Array(
    Buffer.concat([bytes.subarray(0, 12), Uint8Array.of(type >> 8, type & 255, id >> 8, id & 255), bytes.subarray(12)]),
  )
const outward = (from = A): Uint8Array => frame({ from, to: SERVER }, udp(40000, 53))
const answer = (): Uint8Array =>
  frame({ from: SERVER, to: PUBLIC }, udp(53, gateway.fromPrivate(outward()).read.sourcePort))

describe('the station a frame is for', () => {
  it.each([
    ['the device itself', OWN_MAC],
    ['an address that it shares', VIRTUAL_MAC],
  ])('is %s: translated, in both directions', (_, mac) => {
    expect(gateway.fromPrivate(to(mac, outward())).verdict).toBe(XDP.REDIRECT)
    expect(gateway.fromUplink(to(mac, answer())).verdict).toBe(XDP.REDIRECT)
  })

  it('is found also while the inside neighbour of the slice is not resolved', () => {
    expect(gateway.fromPrivate(outward(UNRESOLVED)).verdict).toBe(XDP.REDIRECT)
    expect(gateway.fromPrivate(to(OTHER_MAC, outward(UNRESOLVED))).verdict).toBe(XDP.DROP)
  })

  it.each([
    ['another one', OTHER_MAC],
    ['everyone', ALL],
    ['a group', '01:00:5e:00:00:01'],
    ['nobody', '00:00:00:00:00:00'],
  ])('is %s: a packet from a private device is dropped and takes no port', (_, mac) => {
    const used = gateway.used(0, 1)
    const before = gateway.drops('DROP_OTHER_MAC')
    const { verdict } = gateway.fromPrivate(to(mac, frame({ from: A, to: SERVER }, udp(45678, 53))))
    expect(verdict).toBe(XDP.DROP)
    expect(gateway.drops('DROP_OTHER_MAC')).toBe(before + 1)
    expect(gateway.used(0, 1)).toBe(used)
  })

  it('is another one: a packet on the uplink is left to the kernel, which drops or switches it', () => {
    const bytes = to(OTHER_MAC, answer())
    const { verdict, frame: left } = gateway.fromUplink(bytes)
    expect(verdict).toBe(XDP.PASS)
    expect(left).toEqual(bytes)
  })

  it('is everyone: a packet on the uplink for NAT is dropped, for a shared address it is the host’s', () => {
    expect(gateway.fromUplink(to(ALL, answer())).verdict).toBe(XDP.DROP)
    expect(gateway.fromUplink(to(ALL, frame({ from: SERVER, to: SHARED }, udp(53, 40001)))).verdict).toBe(XDP.PASS)
  })

  it('is everyone: broadcasts of the link itself go to the host', () => {
    expect(gateway.fromPrivate(to(ALL, frame({ from: A, to: '255.255.255.255' }, udp(68, 67)))).verdict).toBe(XDP.PASS)
  })

  it.each([
    [ALL, XDP.REDIRECT],
    [OWN_MAC, XDP.REDIRECT],
    [VIRTUAL_MAC, XDP.REDIRECT],
    [OTHER_MAC, XDP.PASS],
  ])('decides whether ARP is answered: %s', (mac, verdict) => {
    expect(gateway.fromUplink(to(mac, arpRequest('192.0.2.1', PUBLIC))).verdict).toBe(verdict)
  })
})

describe('the station that an address is bound to', () => {
  const from = (mac: string, bytes: Uint8Array): Uint8Array => {
    const copy = bytes.slice()
    copy.set(parseMac(mac), 6)
    return copy
  }

  it('sends, and receives replies at its own MAC', () => {
    const { verdict, read: sent } = gateway.fromPrivate(from(STATION_MAC, outward(BOUND)))
    expect(verdict).toBe(XDP.REDIRECT)
    const back = gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, udp(53, sent.sourcePort)))
    expect(back).toMatchObject({ verdict: XDP.REDIRECT, read: { macs: { destination: STATION_MAC }, to: BOUND } })
  })

  it.each(Array.from({ length: 6 }, (_, at) => at))(
    'is the only one: a MAC that differs in byte %i takes no port, and touches no session',
    (at) => {
      expect(gateway.fromPrivate(from(STATION_MAC, outward(BOUND))).verdict).toBe(XDP.REDIRECT)
      const [used, before] = [gateway.used(3, 1), gateway.drops('DROP_SPOOFED_MAC')]
      const other = parseMac(STATION_MAC)
      other[at]! ^= 0x80
      for (const port of [40000, 45678]) {
        const stolen = from(formatMac(other), frame({ from: BOUND, to: SERVER }, udp(port, 53)))
        expect(gateway.fromPrivate(stolen).verdict).toBe(XDP.DROP)
      }
      expect(gateway.drops('DROP_SPOOFED_MAC')).toBe(before + 2)
      expect(gateway.used(3, 1)).toBe(used)
    },
  )

  it('may be any where an address is bound to no MAC', () => {
    expect(gateway.fromPrivate(from(OTHER_MAC, outward(A))).verdict).toBe(XDP.REDIRECT)
  })
})

describe('a VLAN tag in the frame', () => {
  it.each([
    ['of VLAN 0', 0x8100],
    ['of VLAN 0, of a provider', 0x88a8],
  ])('with a priority only (%s) is removed and the packet translated, in both directions', (_, type) => {
    const plain = gateway.fromPrivate(outward())
    const { verdict, frame: left } = gateway.fromPrivate(tagged(0xe000, outward(), type))
    expect(verdict).toBe(XDP.REDIRECT)
    expect(left).toEqual(plain.frame)
    const back = gateway.fromUplink(tagged(0, answer(), type))
    expect(back.verdict).toBe(XDP.REDIRECT)
    expect(read(back.frame)).toMatchObject({ to: A, checksums: { ip: true, layer4: true } })
  })

  it('of VLAN 0 before ARP and before a packet for the host changes nothing else', () => {
    expect(gateway.fromPrivate(tagged(0, arpRequest(A, HOST)))).toMatchObject({ verdict: XDP.PASS })
    const ssh = frame({ from: A, to: HOST }, tcp(45000, 22, TCP.SYN))
    const { verdict, frame: left } = gateway.fromPrivate(tagged(0, ssh))
    expect(verdict).toBe(XDP.PASS)
    expect(left).toEqual(ssh)
    expect(gateway.fromUplink(tagged(0, arpRequest('192.0.2.1', PUBLIC))).verdict).toBe(XDP.REDIRECT)
  })

  it('of another VLAN from a private device drops the packet, also one for the host', () => {
    const before = gateway.drops('DROP_VLAN')
    for (const bytes of [outward(), arpRequest(A, HOST), frame({ from: A, to: HOST }, udp(1, 2))]) {
      expect(gateway.fromPrivate(tagged(5, bytes)).verdict).toBe(XDP.DROP)
    }
    expect(gateway.drops('DROP_VLAN')).toBe(before + 3)
  })

  it('of another VLAN on the uplink is of a network of the host: passed as it is', () => {
    const bytes = tagged(5, answer())
    const { verdict, frame: left } = gateway.fromUplink(bytes)
    expect(verdict).toBe(XDP.PASS)
    expect(left).toEqual(bytes)
  })

  it('behind another tag is not looked at', () => {
    expect(gateway.fromPrivate(tagged(0, tagged(5, outward()))).verdict).toBe(XDP.DROP)
    expect(gateway.fromPrivate(tagged(5, tagged(0, outward()))).verdict).toBe(XDP.DROP)
  })

  it('that ends with the frame is dropped', () => {
    expect(gateway.fromPrivate(ethernet(0x8100, new Uint8Array(22))).verdict).toBe(XDP.DROP)
  })
})

describe('a packet on the uplink for an address behind a private device', () => {
  const into = (address: string): number => gateway.fromUplink(frame({ from: SERVER, to: address }, udp(53, 9))).verdict

  it.each([A, '10.0.0.77', '10.1.0.1'])('%s is dropped and counted', (address) => {
    const before = gateway.drops('DROP_INSIDE_ADDRESS')
    expect(into(address)).toBe(XDP.DROP)
    expect(gateway.drops('DROP_INSIDE_ADDRESS')).toBe(before + 1)
  })

  it('goes to the host where the address is the host’s own or behind no private device', () => {
    expect(into(HOST)).toBe(XDP.PASS)
    expect(into('172.16.0.1')).toBe(XDP.PASS)
  })
})

describe('a packet for the host', () => {
  const ask = (from: string, destination = HOST): number =>
    gateway.fromPrivate(frame({ from, to: destination }, udp(40000, 53))).verdict

  it('passes where the host’s answer goes back to its device', () => {
    expect(ask(A)).toBe(XDP.PASS)
    expect(ask('10.0.0.77')).toBe(XDP.PASS)
  })

  it('is dropped where the host’s route to its source leads to another device', () => {
    const before = gateway.drops('DROP_AMBIGUOUS_SOURCE')
    expect(ask('10.1.0.1')).toBe(XDP.DROP)
    expect(gateway.drops('DROP_AMBIGUOUS_SOURCE')).toBe(before + 1)
  })

  it('is dropped where another Network has the address of its sender, which goes on being translated', () => {
    const before = gateway.drops('DROP_AMBIGUOUS_SOURCE')
    expect(ask(AMBIGUOUS)).toBe(XDP.DROP)
    expect(ask(AMBIGUOUS, '224.0.0.251')).toBe(XDP.DROP)
    expect(gateway.drops('DROP_AMBIGUOUS_SOURCE')).toBe(before + 2)
    expect(gateway.fromPrivate(outward(AMBIGUOUS)).verdict).toBe(XDP.REDIRECT)
    expect(gateway.fromPrivate(arpRequest(AMBIGUOUS, HOST)).verdict).toBe(XDP.PASS)
  })

  it('from a machine that asks for an address by DHCP passes', () => {
    expect(
      gateway.fromPrivate(ethernet(0x0800, ipv4({ from: '0.0.0.0', to: '255.255.255.255' }, udp(68, 67)), ALL)).verdict,
    ).toBe(XDP.PASS)
  })
})
