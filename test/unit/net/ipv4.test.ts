import { describe, expect, it } from 'vitest'
import { NatGwError } from '../../../src/errors/errors.ts'
import { formatIpv4, ipv4Problem, parseIpv4, tryParseIpv4 } from '../../../src/net/ipv4.ts'

describe('an IPv4 address', () => {
  it.each([
    ['0.0.0.0', 0],
    ['10.0.0.1', 0x0a000001],
    ['192.0.2.255', 0xc00002ff],
    ['255.255.255.255', 0xffffffff],
  ])('%s is the number %i and back', (text, number) => {
    expect(parseIpv4(text)).toBe(number)
    expect(formatIpv4(number)).toBe(text)
  })

  it.each(['', '1', '10.0.0', '10.0.0.1.2', '10.0.0.256', '1e1.0.0.1', '10.0.0.-1', '10.0.0.', '::1', '10,0,0,1'])(
    'is not "%s"',
    (text) => expect(tryParseIpv4(text)).toBeUndefined(),
  )

  it.each([' 10.0.0.1', '10.0.0.1 ', '10.0.0.1\n', '10. 0.0.1', '10.0.0.1/32', '0x0a.0.0.1', '١٠.0.0.1'])(
    'has nothing around or between its numbers: %j',
    (text) => expect(tryParseIpv4(text)).toBeUndefined(),
  )

  it('is refused with leading zeros, which some read as octal, and the decimal reading is offered', () => {
    expect(tryParseIpv4('010.0.0.1')).toBeUndefined()
    expect(ipv4Problem('010.0.0.01')).toBe('numbers have no leading zeros; 10.0.0.1 if decimal is meant')
  })

  it('that cannot be read is refused with the text and the reason', () => {
    const failure = expect(() => parseIpv4('10.0.0.999'))
    failure.toThrow(NatGwError)
    failure.toThrow('"10.0.0.999" is not an IPv4 address: 999 is more than 255')
  })
})
