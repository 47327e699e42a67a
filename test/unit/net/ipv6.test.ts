import { describe, expect, it } from 'vitest'
import { parseIpv4 } from '../../../src/net/ipv4.ts'
import { formatIpv6, ipv6Use, mapIpv4, parseIpv6, tryParseIpv6, unmapIpv4 } from '../../../src/net/ipv6.ts'

describe('an IPv6 address', () => {
  it.each([
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.1'],
    ['::ffff:a00:1', '::ffff:10.0.0.1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ])('%s is written %s', (text, canonical) => expect(formatIpv6(parseIpv6(text))).toBe(canonical))

  it('is sixteen bytes in network order', () => {
    expect([...parseIpv6('2001:db8::a:1')]).toEqual([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 1])
  })

  it.each(
    [
      ['', ':', ':::', '1', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1::2::3', '1:2:3:4:5:6:7:8::', '12345::'],
      ['g::', '::1 ', ' ::1', 'fe80::1%eth0', '::1/128', '10.0.0.1', '1.2.3.4::', '::1.2.3.4:5', '::010.0.0.1', ':1::'],
    ].flat(),
  )('is not "%s"', (text) => expect(tryParseIpv6(text)).toBeUndefined())

  it('holds an IPv4 address, and gives it back', () => {
    const mapped = mapIpv4(parseIpv4('203.0.113.7'))
    expect(formatIpv6(mapped)).toBe('::ffff:203.0.113.7')
    expect(unmapIpv4(mapped)).toBe(parseIpv4('203.0.113.7'))
    expect(unmapIpv4(parseIpv6('::203.0.113.7'))).toBeUndefined()
  })

  it.each([
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::2', 'unicast'],
    ['ff02::1', 'multicast'],
    ['::ffff:10.0.0.1', 'IPv4-mapped'],
    ['2001:db8::1', 'unicast'],
  ])('%s is for %s', (text, use) => expect(ipv6Use(parseIpv6(text))).toBe(use))
})
