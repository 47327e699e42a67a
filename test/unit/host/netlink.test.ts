import { describe, expect, test } from 'vitest'
import { readAddress } from '../../../src/host/addresses.ts'
import { readLink } from '../../../src/host/links.ts'
import { attribute, attributesOf, messagesOf } from '../../../src/host/message.ts'
import { dumpNeighbours, readNeighbour, resolveNeighbour } from '../../../src/host/neighbours.ts'
import { readRoute } from '../../../src/host/routes.ts'
import { parseAddress } from '../../../src/net/address.ts'

// Bytes as a little-endian kernel sends them, written out from <linux/netlink.h>, rtnetlink.h, neighbour.h, if_link.h and
// if_addr.h. Spaces separate fields.
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replace(/\s+/g, ''), 'hex'))

describe('netlink framing', () => {
  test('a datagram falls into its messages, each begins at a multiple of four', () => {
    const datagram = bytes(`
      11000000 1c00 0000 01000000 00000000 aa 000000
      14000000 1d00 0200 02000000 00000000 bbbbbbbb`)
    expect([...messagesOf(datagram)]).toEqual([
      { type: 28, body: bytes('aa') },
      { type: 29, body: bytes('bbbbbbbb') },
    ])
  })

  test('reading ends at a message that is longer than its datagram', () => {
    expect([...messagesOf(bytes('ff000000 1c00 0000 01000000 00000000'))]).toEqual([])
    expect([...messagesOf(bytes('01000000 1c00 0000 01000000 00000000'))]).toEqual([])
    expect([...messagesOf(bytes('1400'))]).toEqual([])
  })

  test('attributes are found by type, their flags masked, up to the first that does not fit', () => {
    const found = attributesOf(bytes('0500 0100 07 000000  0800 0280 01020304  ff00 0300 00000000'), 0)
    expect([...found]).toEqual([
      [1, bytes('07')],
      [2, bytes('01020304')],
    ])
  })

  test('an attribute is padded, its length says the unpadded size', () => {
    expect(attribute(12, bytes('e7'))).toEqual(bytes('0500 0c00 e7 000000'))
  })
})

describe('links', () => {
  // family 0, pad, type ARPHRD_ETHER, index 7, flags UP|BROADCAST|RUNNING|MULTICAST|LOWER_UP, change
  const header = '00 00 0100 07000000 43100100 00000000'

  test('name, MTU, MAC, state and kind are read', () => {
    const link = readLink(
      bytes(`${header}
        0900 0300 65746830 00 000000
        0800 0400 dc050000
        0a00 0100 020000000001 0000
        1000 1280 0900 0100 76657468 00 000000`),
    )
    expect(link).toEqual({
      ifindex: 7,
      name: 'eth0',
      mtu: 1500,
      mac: bytes('020000000001'),
      up: true,
      carrier: true,
      kind: 'veth',
    })
  })

  test('a device without a MAC has none, one that is down is not up', () => {
    const link = readLink(bytes('00 00 feff 03000000 90000000 00000000 0900 0300 74756e30 00 000000'))
    expect(link).toMatchObject({ name: 'tun0', mac: new Uint8Array(0), up: false, carrier: false })
  })

  test('what a bridge says about its ports is no link', () => {
    expect(readLink(bytes(`07${header.slice(2)} 0900 0300 65746830 00 000000`))).toBeUndefined()
  })
})

describe('addresses', () => {
  test('an IPv4 address with the broadcast address it was given', () => {
    const body = '02 18 80 00 07000000  0800 0100 c0000201  0800 0200 c0000201  0800 0400 c00002ff'
    expect(readAddress(bytes(body))).toEqual({
      ifindex: 7,
      address: parseAddress('192.0.2.1'),
      prefixLength: 24,
      broadcast: parseAddress('192.0.2.255'),
    })
  })

  test('a subnet has a broadcast address also where none was configured, a /31 and a single address have none', () => {
    const broadcast = (length: string) =>
      readAddress(bytes(`02 ${length} 80 00 07000000  0800 0100 c0000201`))?.broadcast
    expect([broadcast('1c'), broadcast('1f'), broadcast('20')]).toEqual([
      parseAddress('192.0.2.15'),
      undefined,
      undefined,
    ])
  })

  test('of a point-to-point device the local end is ours', () => {
    const body = '02 18 80 00 07000000  0800 0100 c0000202  0800 0200 c0000201'
    expect(readAddress(bytes(body))).toMatchObject({ address: parseAddress('192.0.2.1') })
    expect(readAddress(bytes(body))).not.toHaveProperty('broadcast')
  })

  test('an IPv6 address', () => {
    const body = '0a 40 80 fd 07000000  1400 0100 fe800000000000000000000000000001'
    expect(readAddress(bytes(body))).toEqual({ ifindex: 7, address: parseAddress('fe80::1'), prefixLength: 64 })
  })
})

describe('routes', () => {
  // family, dst_len, src_len, tos, table, protocol, scope, type, flags
  const main = (length: string, type = '01') => `02 ${length} 00 00 fe 03 00 ${type} 00000000`

  test('a default route by a gateway', () => {
    const body = `${main('00')} 0800 0f00 fe000000 0800 0500 c0000202 0800 0400 07000000 0800 0600 64000000`
    expect(readRoute(bytes(body))).toEqual({
      address: parseAddress('0.0.0.0'),
      prefixLength: 0,
      type: 'unicast',
      table: 254,
      metric: 100,
      ifindex: 7,
      gateway: parseAddress('192.0.2.2'),
    })
  })

  test('a route on the link with an MTU of its own', () => {
    const body = `${main('18')} 0800 0100 c6336400 0800 0400 07000000 0c00 0880 0800 0200 78050000`
    expect(readRoute(bytes(body))).toMatchObject({ address: parseAddress('198.51.100.0'), prefixLength: 24, mtu: 1400 })
    expect(readRoute(bytes(body))).not.toHaveProperty('gateway')
  })

  test('of several next hops the first that is alive, without carrier only where there is no better', () => {
    const hop = (flags: string, last: string) => `1000 ${flags} 00 07000000 0800 0500 c00002${last}`
    const gateway = (hops: string[]) => {
      const length = (4 + hops.length * 16).toString(16).padStart(2, '0')
      return readRoute(bytes(`${main('00')} ${length}00 0900 ${hops.join(' ')}`))?.gateway
    }
    expect(gateway([hop('01', '01'), hop('10', '02'), hop('00', '03')])).toBe(parseAddress('192.0.2.3'))
    expect(gateway([hop('01', '01'), hop('10', '02')])).toBe(parseAddress('192.0.2.2'))
    expect(gateway([hop('01', '01')])).toBeUndefined()
  })

  test('RTA_VIA is a gateway of either family', () => {
    const v4 = `${main('00')} 0a00 1200 0200 c0000202 0000 0800 0400 07000000`
    const v6 = `${main('00')} 1600 1200 0a00 fe800000000000000000000000000001 0000 0800 0400 07000000`
    expect(readRoute(bytes(v4))).toMatchObject({ gateway: parseAddress('192.0.2.2') })
    expect(readRoute(bytes(v6))).toMatchObject({ gateway: parseAddress('fe80::1') })
  })

  test.each([
    ['blackhole', '06'],
    ['unreachable', '07'],
    ['prohibit', '08'],
    ['throw', '09'],
  ])('a route of type %s rejects', (_name, type) => {
    expect(readRoute(bytes(main('00', type)))).toMatchObject({ type: 'reject', ifindex: 0 })
  })

  test.each([
    ['of the table local', '02 20 00 00 ff 02 fe 02 00000000 0800 0400 07000000'],
    ['of another table', `${main('00')} 0800 0f00 4d000000 0800 0400 07000000`],
    ['for one TOS', '02 00 00 10 fe 03 00 01 00000000 0800 0400 07000000'],
    ['cached by a look-up', '02 20 00 00 fe 00 00 01 00020000 0800 0400 07000000'],
    ['of IPv6', '0a 00 00 00 fe 03 00 01 00000000 0800 0400 07000000'],
  ])('a route %s is none of ours', (_name, body) => {
    expect(readRoute(bytes(body))).toBeUndefined()
  })
})

describe('neighbours', () => {
  const entry = (state: string, flags = '00', more = '') =>
    readNeighbour(bytes(`02 00 0000 07000000 ${state}00 ${flags} 01  0800 0100 c0000202  ${more}`))
  const mac = '0a00 0200 020000000002 0000'

  test.each([
    ['reachable', '02', true],
    ['stale', '04', true],
    ['delay', '08', true],
    ['probe', '10', true],
    ['permanent', '80', true],
    ['incomplete', '01', false],
    ['failed', '20', false],
    ['noarp', '40', false],
  ])('in state %s (%s) packets may be sent there: %s', (_name, state, usable) => {
    expect(entry(state, '00', mac)?.mac).toEqual(usable ? bytes('020000000002') : undefined)
  })

  test('who made it and whether the kernel keeps it are read', () => {
    expect(entry('02', '00', `${mac} 0800 0f00 01000000 0500 0c00 e7 000000`)).toMatchObject({
      ifindex: 7,
      address: parseAddress('192.0.2.2'),
      managed: true,
      protocol: 0xe7,
    })
    expect(entry('02', '00', mac)).toMatchObject({ managed: false, fixed: false, protocol: 0 })
  })

  test('what was pinned or learned by a control plane is fixed; a proxy entry is no neighbour', () => {
    expect(entry('80', '00', mac)?.fixed).toBe(true)
    expect(entry('02', '10', mac)?.fixed).toBe(true)
    expect(entry('00', '08')).toBeUndefined()
  })

  test('a request to resolve uses the entry, one to keep it marks it as ours and managed', () => {
    const header = (length: string) => `${length}000000 1c00 0505 00000000 00000000`
    const use = '02 000000 07000000 0000 01 00 0800 0100 c0000202'
    expect(resolveNeighbour(7, parseAddress('192.0.2.2'), false)).toEqual(bytes(`${header('24')} ${use}`))
    expect(resolveNeighbour(7, parseAddress('192.0.2.2'), true)).toEqual(
      bytes(`${header('34')} ${use} 0500 0c00 e7 000000 0800 0f00 01000000`),
    )
  })

  test('of IPv6 are read, and requests for them are of their family', () => {
    const ipv6 = 'fe800000000000000000000000000002'
    const body = `0a 00 0000 07000000 0200 00 01 1400 0100 ${ipv6} ${mac}`
    expect(readNeighbour(bytes(body))).toMatchObject({ ifindex: 7, address: parseAddress('fe80::2') })
    expect(resolveNeighbour(7, parseAddress('fe80::2'), false)).toEqual(
      bytes(`30000000 1c00 0505 00000000 00000000 0a 000000 07000000 0000 01 00 1400 0100 ${ipv6}`),
    )
  })

  test('are listed of both families', () => {
    expect(dumpNeighbours()).toEqual(bytes('1c000000 1e00 0103 00000000 00000000 00 000000 00000000 0000 00 00'))
  })
})
