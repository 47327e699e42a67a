import { describe, expect, it } from 'vitest'
import { formatAddress, parseAddress } from '../../../src/net/address.ts'
import * as cidr from '../../../src/net/cidr.ts'

const prefix = cidr.parseCidr

describe('a prefix', () => {
  it.each(['0.0.0.0/0', '10.0.0.0/8', '192.0.2.4/30', '255.255.255.255/32', '::/0', '2001:db8::/32', '::1/128'])(
    '%s is read and written',
    (text) => {
      expect(cidr.formatCidr(prefix(text))).toBe(text)
    },
  )

  it.each([
    '',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/+8',
    '10.0.0.0/8/8',
    '10.0.0.0/ 8',
    '10.0.0.0/8 ',
    '2001:db8::/129',
    '2001:db8::1/64',
    '::ffff:10.0.0.0/104',
  ])('is not "%s"', (text) => expect(cidr.tryParseCidr(text)).toBeUndefined())

  it('with host bits is refused, and the network is named', () => {
    expect(() => prefix('192.0.2.129/25')).toThrow('the network is 192.0.2.128/25')
    expect(() => prefix('1.2.3.4/0')).toThrow('the network is 0.0.0.0/0')
  })

  it('without a length is refused, and /32 is offered', () => {
    expect(cidr.cidrProblem('203.0.113.7')).toBe('a prefix length is missing; 203.0.113.7/32 is one address')
    expect(cidr.cidrProblem('2001:db8::1')).toBe('a prefix length is missing; 2001:db8::1/128 is one address')
  })

  it('has a first and a last address and a size', () => {
    const net = prefix('203.0.113.16/29')
    expect([formatAddress(cidr.firstAddress(net)), formatAddress(cidr.lastAddress(net)), cidr.sizeOf(net)]).toEqual([
      '203.0.113.16',
      '203.0.113.23',
      8,
    ])
    expect(cidr.lastAddress(prefix('0.0.0.0/0'))).toBe(parseAddress('255.255.255.255'))
    expect(cidr.lastAddress(prefix('255.255.255.255/32'))).toBe(parseAddress('255.255.255.255'))
  })

  it('contains its addresses and no other', () => {
    const net = prefix('203.0.113.16/29')
    const inside = (text: string) => cidr.containsAddress(net, parseAddress(text))
    expect(['203.0.113.15', '203.0.113.16', '203.0.113.23', '203.0.113.24'].map(inside)).toEqual([
      false,
      true,
      true,
      false,
    ])
  })

  it('contains no address of the other family', () => {
    expect(cidr.containsAddress(prefix('::/0'), parseAddress('10.0.0.1'))).toBe(false)
    expect(cidr.containsAddress(prefix('0.0.0.0/0'), parseAddress('::1'))).toBe(false)
    expect(cidr.overlaps(prefix('::/0'), prefix('0.0.0.0/0'))).toBe(false)
  })

  it('overlaps what it contains and what contains it, and nothing beside it', () => {
    const net = prefix('10.1.0.0/16')
    expect(cidr.overlaps(net, prefix('10.0.0.0/8'))).toBe(true)
    expect(cidr.overlaps(net, prefix('10.1.255.0/24'))).toBe(true)
    expect(cidr.overlaps(net, prefix('10.2.0.0/16'))).toBe(false)
    expect(cidr.containsPrefix(net, prefix('10.0.0.0/8'))).toBe(false)
  })
})
