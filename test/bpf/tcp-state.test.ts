import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TcpState } from '../../src/dataplane/generated/layouts.ts'
import { SessionTcp, tcpStateNames } from '../../src/dataplane/generated/layouts.ts'
import type { TcpFields } from '../support/packet.ts'
import { frame, TCP, tcp } from '../support/packet.ts'
import { PacketGateway, PUBLIC, XDP } from '../support/packet-gateway.ts'

const A = '10.0.0.1'
const SERVER = '203.0.113.5'
const { SYN, ACK, FIN, RST } = TCP
/** What the client sends is numbered from 1000 on, what the server sends from 2000 on. */
const CLIENT = { sequence: 1000, acknowledgement: 2001 }
const SERVER_NUMBERS = { sequence: 2001, acknowledgement: 1001 }

let gateway: PacketGateway
beforeEach(() => {
  gateway = new PacketGateway()
  gateway.address(PUBLIC, { sliceSize: 64 })
  gateway.slice({ index: 0, inside: A, firstPort: 1024, size: 64 })
})
afterEach(() => gateway.close())

const outTcp = (flags: number, fields: TcpFields = {}, payload = '') =>
  gateway.fromPrivate(frame({ from: A, to: SERVER }, tcp(40000, 80, flags, payload, { ...CLIENT, ...fields })))
const inTcp = (flags: number, fields: TcpFields = {}, payload = '') => {
  const external = 1024 + [...gateway.slots(0, 0).keys()][0]!
  const segment = tcp(80, external, flags, payload, { ...SERVER_NUMBERS, ...fields })
  return gateway.fromUplink(frame({ from: SERVER, to: PUBLIC }, segment))
}
const session = () => [...gateway.slots(0, 0).values()][0]!.session
const state = (): string => {
  const name = tcpStateNames[session().tcp & SessionTcp.SESSION_TCP_STATE]
  return `TCP_${name?.toUpperCase()}`
}
const left = (): number => Math.round(gateway.secondsLeft(session()))

type Step = ['out' | 'in', number, keyof typeof TcpState, TcpFields?]
function follow(steps: Step[]): void {
  for (const [direction, flags, expected, fields] of steps) {
    expect((direction === 'out' ? outTcp : inTcp)(flags, fields).verdict).toBe(XDP.REDIRECT)
    expect(state()).toBe(expected)
  }
  expect(gateway.slots(0, 0).size).toBe(1)
}
const OPENED: Step[] = [
  ['out', SYN, 'TCP_OPENING'],
  ['in', SYN | ACK, 'TCP_HALF_OPEN', { sequence: 2000 }],
  ['out', ACK, 'TCP_ESTABLISHED'],
]
const SYN_AGAIN: Step = ['out', SYN, 'TCP_HALF_OPEN']

describe('a TCP session follows RFC 6146 §3.5.2.2', () => {
  it.each<[string, Step[]]>([
    ['opens with SYN, SYN-ACK and ACK', OPENED],
    [
      'opens simultaneously',
      [
        ['out', SYN, 'TCP_OPENING'],
        ['in', SYN, 'TCP_OPENING'],
        ['out', SYN | ACK, 'TCP_OPENING'],
        ['in', SYN | ACK, 'TCP_HALF_OPEN'],
        ['out', ACK, 'TCP_ESTABLISHED'],
      ],
    ],
    [
      'opens where the SYN is repeated, also across its answer',
      [
        ['out', SYN, 'TCP_OPENING'],
        ['out', SYN, 'TCP_OPENING'],
        ['in', SYN | ACK, 'TCP_HALF_OPEN'],
        SYN_AGAIN,
        ['in', SYN | ACK, 'TCP_HALF_OPEN'],
        ['out', ACK, 'TCP_ESTABLISHED'],
      ],
    ],
    [
      'opens with data in the SYN (RFC 7413)',
      [
        ['out', SYN, 'TCP_OPENING'],
        ['in', SYN | ACK, 'TCP_HALF_OPEN', { acknowledgement: 1001 + 500 }],
        ['out', ACK, 'TCP_ESTABLISHED'],
      ],
    ],
    [
      'begins again while half open, where the client does',
      [
        ['out', SYN, 'TCP_OPENING'],
        ['in', SYN | ACK, 'TCP_HALF_OPEN'],
        ['out', SYN, 'TCP_OPENING', { sequence: 900_000 }],
        ['in', SYN | ACK, 'TCP_OPENING'],
        ['in', SYN | ACK, 'TCP_HALF_OPEN', { acknowledgement: 900_001 }],
      ],
    ],
    [
      'is refused while opening',
      [
        ['out', SYN, 'TCP_OPENING'],
        ['in', RST | ACK, 'TCP_RESET', { sequence: 0 }],
        ['out', SYN, 'TCP_OPENING'],
      ],
    ],
    [
      'closes from the inside',
      [
        ...OPENED,
        ['out', FIN | ACK, 'TCP_FIN_OUT'],
        ['in', ACK, 'TCP_FIN_OUT'],
        ['in', FIN | ACK, 'TCP_CLOSING'],
        ['out', ACK, 'TCP_CLOSING'],
      ],
    ],
    [
      'closes from the outside',
      [...OPENED, ['in', FIN | ACK, 'TCP_FIN_IN'], ['out', ACK, 'TCP_FIN_IN'], ['out', FIN | ACK, 'TCP_CLOSING']],
    ],
    [
      'is reset, and comes back when the inside goes on and is answered (RFC 7857 §2.2)',
      [
        ...OPENED,
        ['in', RST, 'TCP_RESET'],
        ['in', ACK, 'TCP_RESET'],
        ['out', ACK, 'TCP_RESUMING'],
        ['in', ACK, 'TCP_ESTABLISHED'],
      ],
    ],
    [
      'is reset by the server, and stays so for the client’s FIN in flight and the RST that answers it',
      [...OPENED, ['in', RST, 'TCP_RESET'], ['out', FIN | ACK, 'TCP_RESET'], ['in', RST, 'TCP_RESET']],
    ],
    [
      'is reset by the server, and stays so for the client’s data in flight and the RST that answers it',
      [...OPENED, ['in', RST, 'TCP_RESET'], ['out', ACK, 'TCP_RESUMING'], ['in', RST, 'TCP_RESET']],
    ],
    [
      'is reset by the inside, and does not come back for what was still on its way',
      [...OPENED, ['out', RST, 'TCP_RESET'], ['in', ACK, 'TCP_RESET']],
    ],
    [
      'opens again on the same ports after closing',
      [
        ...OPENED,
        ['out', FIN | ACK, 'TCP_FIN_OUT'],
        ['in', FIN | ACK, 'TCP_CLOSING'],
        ['out', SYN, 'TCP_OPENING', { sequence: 5000 }],
        ['in', SYN | ACK, 'TCP_HALF_OPEN', { sequence: 7000, acknowledgement: 5001 }],
        ['out', ACK, 'TCP_ESTABLISHED', { sequence: 5001, acknowledgement: 7001 }],
      ],
    ],
  ])('%s', (_, steps) => follow(steps))
})

describe('a forged packet in the name of the remote', () => {
  const WILD = 0x7000_0000

  it.each<[string, number]>([
    ['a RST', RST],
    ['a RST with ACK', RST | ACK],
    ['a FIN', FIN | ACK],
  ])('%s with a wild sequence number passes and changes nothing', (_, flags) => {
    follow(OPENED)
    const before = session().expires
    for (const sequence of [WILD, 0, 2000, 2001 + 65_536 + 1]) {
      expect(inTcp(flags, { sequence }).verdict).toBe(XDP.REDIRECT)
      expect(state()).toBe('TCP_ESTABLISHED')
    }
    expect(session().expires).toBe(before)
  })

  it('a FIN or RST is taken anywhere in the window that the client announced, scaled as its SYN said', () => {
    const scaleBy7 = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7]
    outTcp(SYN, { options: scaleBy7 })
    inTcp(SYN | ACK, { sequence: 2000 })
    outTcp(ACK, { window: 1024 })
    inTcp(RST, { sequence: 2001 + (1024 << 7) + (256 << 7) + 1 })
    expect(state()).toBe('TCP_ESTABLISHED')
    inTcp(RST, { sequence: 2001 + (1024 << 7) })
    expect(state()).toBe('TCP_RESET')
  })

  it('a FIN counts where it stands, behind its payload, and across the wrap of sequence numbers', () => {
    outTcp(SYN)
    inTcp(SYN | ACK, { sequence: 0xffff_fff0 })
    outTcp(ACK, { acknowledgement: 0xffff_fff1 })
    inTcp(FIN | ACK, { sequence: 0xffff_fff1 - 5 }, 'five.')
    expect(state()).toBe('TCP_FIN_IN')
  })

  it('a SYN-ACK or RST that does not acknowledge the SYN opens and ends nothing', () => {
    outTcp(SYN)
    const before = session().expires
    for (const flags of [SYN | ACK, RST | ACK, RST, ACK, SYN]) {
      expect(inTcp(flags, { acknowledgement: WILD }).verdict).toBe(XDP.REDIRECT)
      expect(state()).toBe('TCP_OPENING')
    }
    expect(session().expires).toBe(before)
  })

  it('no packet from outside prolongs a session in any state; a packet from inside does', async () => {
    const prolongs = async (send: () => unknown): Promise<boolean> => {
      const before = session().expires
      await sleep(30)
      send()
      return session().expires !== before
    }
    const nothingProlongs = async (): Promise<void> => {
      for (const flags of [ACK, SYN, SYN | ACK, ACK | TCP.PSH]) expect(await prolongs(() => inTcp(flags))).toBe(false)
    }
    follow(OPENED)
    await nothingProlongs()
    expect(await prolongs(() => outTcp(ACK))).toBe(true)
    outTcp(FIN | ACK)
    await nothingProlongs()
    inTcp(FIN | ACK)
    expect(state()).toBe('TCP_CLOSING')
    await nothingProlongs()
    for (const flags of [FIN | ACK, RST, RST | ACK]) expect(await prolongs(() => inTcp(flags))).toBe(false)
    // Not even answers that a forged segment draws from the client.
    for (const flags of [ACK, RST]) expect(await prolongs(() => outTcp(flags))).toBe(false)
  })

  it('a reset session ends after the transitory time, whatever comes from outside', async () => {
    follow([...OPENED, ['in', RST, 'TCP_RESET']])
    expect(left()).toBe(240)
    const { expires } = session()
    await sleep(30)
    for (const flags of [ACK, RST, FIN | ACK, SYN, SYN | ACK]) inTcp(flags)
    outTcp(RST)
    outTcp(ACK)
    for (const flags of [ACK, RST, FIN | ACK]) inTcp(flags, { sequence: WILD })
    expect(session().expires).toBe(expires)
    expect(state()).toBe('TCP_RESUMING')
  })
})

it('cut, endless and meaningless options of a SYN do no harm', () => {
  const lists = [[3], [1, 1, 1, 3], [2, 0, 0, 0], [3, 3], [0, 0, 0, 0], [254, 255, 1, 2], [3, 3, 255, 0]]
  for (const list of lists) {
    const options = [...list, ...new Array<number>((4 - (list.length % 4)) % 4).fill(1)]
    expect(outTcp(SYN, { options }).verdict).toBe(XDP.REDIRECT)
    expect(state()).toBe('TCP_OPENING')
  }
  expect(session().tcp >> SessionTcp.SESSION_TCP_SCALE).toBe(14)
})
