import { describe, expect, it } from 'vitest'
import * as net from '../../../src/net/address.ts'

const { formatAddress, parseAddress } = net

describe('an address of either family', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ])('%s is written %s', (text, canonical) => expect(formatAddress(parseAddress(text))).toBe(canonical))

  it.each(
    [
      ['', ':', ':::', '1', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1::2::3', '1:2:3:4:5:6:7:8::', '12345::'],
      ['g::', '::1 ', ' ::1', 'fe80::1%eth0', '::1/128', '1.2.3.4::', '::1.2.3.4:5', '::010.0.0.1', ':1::', '10.0.0'],
    ].flat(),
  )('is not "%s"', (text) => expect(net.tryParseAddress(text)).toBeUndefined())

  it('is equal by === and one key of a map, however it was written', () => {
    expect(parseAddress('2001:db8::1') === parseAddress('2001:DB8:0::1')).toBe(true)
    expect(new Map([[parseAddress('2001:db8::1'), 7]]).get(parseAddress('2001:db8:0:0::1'))).toBe(7)
    expect(parseAddress('10.0.0.1') === net.ipv4Address(0x0a000001)).toBe(true)
    expect(parseAddress('::10.0.0.1') === parseAddress('10.0.0.1')).toBe(false)
  })

  it('is sorted by number, IPv4 addresses together', () => {
    const texts = ['2001:db8::1', '10.0.0.10', '::1', '10.0.0.9', 'fe80::1']
    const sorted = texts.map(parseAddress).sort(net.compareAddresses)
    expect(sorted.map(formatAddress)).toEqual(['::1', '10.0.0.9', '10.0.0.10', '2001:db8::1', 'fe80::1'])
  })

  it('is refused as IPv4 in the form of IPv6, with the IPv4 address as remedy', () => {
    expect(net.addressProblem('::ffff:10.0.0.1')).toBe('it is an IPv4 address; write 10.0.0.1')
    expect(net.addressProblem('::ffff:a00:1')).toBe('it is an IPv4 address; write 10.0.0.1')
  })

  it('is refused with the text and the reason when it cannot be read', () => {
    expect(() => parseAddress('10.0.0.999')).toThrow('"10.0.0.999" is not an IP address: 999 is more than 255')
    expect(() => parseAddress('2001:db8::g')).toThrow('an IPv6 address is eight groups')
  })

  it('is four or sixteen bytes in network order and back', () => {
    expect([...net.bytesOfAddress(parseAddress('192.0.2.1'))]).toEqual([192, 0, 2, 1])
    const bytes = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 1]
    expect([...net.bytesOfAddress(parseAddress('2001:db8::a:1'))]).toEqual(bytes)
    for (const text of ['192.0.2.1', '2001:db8::a:1']) {
      const address = parseAddress(text)
      expect(net.addressOfBytes(net.bytesOfAddress(address))).toBe(address)
    }
    expect(net.addressOfBytes(new Uint8Array(6))).toBeUndefined()
  })

  it('of IPv4 is ::ffff:0:0/96 in a map of both families', () => {
    const zeros = new Array<number>(10).fill(0)
    expect([...net.mappedBytes(parseAddress('203.0.113.7'))]).toEqual([...zeros, 0xff, 0xff, 203, 0, 113, 7])
  })

  it('of IPv6 is refused where only IPv4 is served', () => {
    expect(net.ipv4Word(parseAddress('10.0.0.1'))).toBe(0x0a000001)
    expect(net.unsupportedFamily(parseAddress('10.0.0.1'))).toBeUndefined()
    expect(() => net.ipv4Word(parseAddress('2001:db8::1'))).toThrow('2001:db8::1: IPv6 is not supported yet')
  })

  it.each([
    ['0.0.0.0', 'this network'],
    ['0.1.2.3', 'this network'],
    ['10.0.0.1', 'unicast'],
    ['127.0.0.1', 'loopback'],
    ['223.255.255.255', 'unicast'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.255', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'broadcast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::2', 'unicast'],
    ['ff02::1', 'multicast'],
    ['2001:db8::1', 'unicast'],
  ])('%s is for %s', (text, use) => expect(net.addressUse(parseAddress(text))).toBe(use))
})
