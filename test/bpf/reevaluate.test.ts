import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hostAddressKey, hostFilter } from '../../src/dataplane/entries.ts'
import { parseAddress } from '../../src/net/address.ts'
import { parseIpv4 } from '../../src/net/ipv4.ts'
import { frame, icmp, ipv4, TCP, tcp, udp } from '../support/packet.ts'
import { HOST, LO, PacketGateway, PUBLIC, VNI, XDP } from '../support/packet-gateway.ts'

const A = '10.0.0.1'
const REMOTE = '203.0.113.5'
const OTHER = '203.0.113.6'

let gateway: PacketGateway
beforeEach(() => {
  gateway = new PacketGateway()
  gateway.address(PUBLIC, { sliceSize: 64 })
  gateway.slice({ index: 0, inside: A, firstPort: 1024, size: 64 })
})
afterEach(() => gateway.close())

const out = (to = REMOTE) => gateway.fromPrivate(frame({ from: A, to }, udp(40000, 53)))
const answer = (external: number) => gateway.fromUplink(frame({ from: REMOTE, to: PUBLIC }, udp(53, external)))
const judgeAgain = () => gateway.settings({ routeGeneration: gateway.plane.maps.settings.get(0)!.routeGeneration + 2 })

describe('a living session whose remote', () => {
  it.each<[string, () => void]>([
    [
      'becomes an inside address of the Network',
      () =>
        gateway.plane.maps.interfaces.set(
          { vni: VNI, address: parseIpv4(REMOTE) },
          { slice: 9, ifindex: LO, flags: 0 },
        ),
    ],
    ['becomes a NAT address', () => gateway.address(REMOTE, { sliceSize: 64, firstSlice: 20 })],
  ])('%s ends, and sends nothing there any more', (_, change) => {
    out(OTHER)
    const external = out().read.sourcePort
    expect(answer(external).verdict).toBe(XDP.REDIRECT)
    change()
    judgeAgain()
    expect(out().verdict).toBe(XDP.DROP)
    expect(gateway.drops('DROP_DESTINATION')).toBe(1)
    expect(answer(external).verdict).toBe(XDP.DROP)
    expect(gateway.drops('DROP_FILTERED')).toBe(1)
    // Its neighbour in the mapping goes on.
    expect(out(OTHER).read.sourcePort).toBe(external)
  })

  it('becomes an address of the host: packets pass to the host untranslated', () => {
    out()
    gateway.plane.maps.hostAddresses.set(hostAddressKey(parseAddress(REMOTE)), { ifindex: LO })
    gateway.settings({ hostFilter: hostFilter([HOST, REMOTE].map(parseAddress)) })
    judgeAgain()
    for (let n = 0; n < 2; n++) {
      const { verdict, read } = out()
      expect(verdict).toBe(XDP.PASS)
      expect(read).toMatchObject({ from: A, to: REMOTE, sourcePort: 40000 })
    }
    expect(gateway.counter('COUNTER_TO_HOST_PRIVATE')).toBe(2)
  })

  it('becomes an inside address is not reached by an ICMP error either', () => {
    const { read } = gateway.fromPrivate(frame({ from: A, to: REMOTE }, tcp(40000, 80, TCP.SYN)))
    expect(read.from).toBe(PUBLIC)
    gateway.plane.maps.interfaces.set({ vni: VNI, address: parseIpv4(REMOTE) }, { slice: 9, ifindex: LO, flags: 0 })
    judgeAgain()
    const quoted = ipv4({ from: REMOTE, to: A }, tcp(80, 40000, TCP.SYN | TCP.ACK))
    expect(gateway.fromPrivate(frame({ from: A, to: REMOTE }, icmp(3, 3, 0, quoted))).verdict).toBe(XDP.DROP)
  })

  it('is an inside address of another Network goes on', () => {
    const external = out().read.sourcePort
    gateway.plane.maps.interfaces.set({ vni: VNI + 1, address: parseIpv4(REMOTE) }, { slice: 9, ifindex: 7, flags: 0 })
    judgeAgain()
    expect(out().read.sourcePort).toBe(external)
  })
})
