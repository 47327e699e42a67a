import { describe, expect, it } from 'vitest'
import { document, read, refusals } from './documents.ts'

const nic = (addresses: string) => document('NetworkInterface', `{networkRef: {name: blue}, ${addresses}}`)

describe('a NetworkInterface', () => {
  it("as in the documents' example is read", () => {
    const more = 'ipFamilies: [IPv4], ips: [{value: 10.0.0.1}], virtualIP: {virtualIPRef: {name: vip}}'
    expect(read(nic(more)).spec).toEqual({
      networkRef: { name: 'blue' },
      ipFamilies: ['IPv4'],
      ips: [{ value: '10.0.0.1' }],
      virtualIP: { virtualIPRef: { name: 'vip' } },
    })
  })

  it('takes its families from its addresses, and keeps addresses in canonical form', () => {
    expect(read(nic('ips: [{value: "2001:DB8:0::1"}, {value: 10.0.0.1}]')).spec).toMatchObject({
      ipFamilies: ['IPv6', 'IPv4'],
      ips: [{ value: '2001:db8::1' }, { value: '10.0.0.1' }],
    })
  })

  it.each([
    ['010.0.0.1', '"010.0.0.1" is not an IP address; numbers have no leading zeros; 10.0.0.1 if decimal is meant'],
    ['10.0.0.256', '"10.0.0.256" is not an IP address; 256 is more than 255'],
    ['10.0.0.1/24', '"10.0.0.1/24" is not an IP address; four decimal numbers'],
    ['"2001:db8::g"', 'is not an IP address; an IPv6 address is eight groups'],
    ['10', '10 is not text; put it in quotes: "10"'],
    ['0.0.0.0', '"0.0.0.0" is a this network address; give an address a machine can have'],
    ['127.0.0.1', 'is a loopback address'],
    ['224.0.0.5', 'is a multicast address'],
    ['240.0.0.5', 'is a reserved address'],
    ['255.255.255.255', 'is a broadcast address'],
    ['"::"', 'is a unspecified address'],
    ['"::1"', 'is a loopback address'],
    ['"ff02::1"', 'is a multicast address'],
    ['"::ffff:10.0.0.1"', 'is not an IP address; it is an IPv4 address; write 10.0.0.1'],
  ])('with the address %s is refused', (address, message) => {
    const [refusal] = refusals(nic(`ips: [{value: ${address}}]`))
    expect(refusal).toContain('NetworkInterface default/sample: spec.ips[0].value: ')
    expect(refusal).toContain(message)
  })

  it.each([
    ['ipFamilies: [IPv4], ips: []', 'spec.ips: is missing; give an address, like - value: 10.0.0.1'],
    ['ipFamilies: [IPv4]', 'spec.ips: is missing; give an address'],
    ['ips: {value: 10.0.0.1}', 'spec.ips: {"value":"10.0.0.1"} is not a list; put each element on a line of its own'],
    ['ips: [10.0.0.1]', 'spec.ips[0]: "10.0.0.1" is text; write value: 10.0.0.1'],
    ['ips: [{}]', 'spec.ips[0].value: is missing'],
    ['ips: [{ephemeral: {}}]', 'spec.ips[0].ephemeral: is not supported here; give value'],
    [
      'ipFamilies: [IPv6], ips: [{value: 10.0.0.1}]',
      '"10.0.0.1" is an IPv4 address; its entry of ipFamilies says IPv6',
    ],
    ['ipFamilies: [IPv4, IPv6], ips: [{value: 10.0.0.1}]', 'spec.ips: has 1 addresses for 2 entries of ipFamilies'],
    ['ips: [{value: 10.0.0.1}, {value: 10.0.0.2}]', 'spec.ips[1].value: is the second of family IPv4'],
    ['ipFamilies: [IPv4, IPv4], ips: [{value: 10.0.0.1}, {value: 10.0.0.2}]', 'spec.ipFamilies[1]: is the second'],
    ['ipFamilies: [ipv4], ips: [{value: 10.0.0.1}]', 'spec.ipFamilies[0]: "ipv4" is not a supported value; write IPv4'],
    ['ips: [{value: 10.0.0.1}], virtualIP: {}', 'spec.virtualIP.virtualIPRef: is missing'],
    ['ips: [{value: 10.0.0.1}], virtualIP: {ephemeral: {}}', 'spec.virtualIP.ephemeral: is not supported here'],
    ['ips: [{value: 10.0.0.1}], prefixes: []', 'spec.prefixes: is not supported here; remove it'],
    ['ips: [{value: 10.0.0.1}], attributes: {a: 1}', 'spec.attributes.a: 1 is not text'],
  ])('with %s is refused', (addresses, message) => {
    expect(refusals(nic(addresses)).join('\n')).toContain(`NetworkInterface default/sample: `)
    expect(refusals(nic(addresses)).join('\n')).toContain(message)
  })

  it('lists every mistake at once', () => {
    const spec = '{networkRef: blue, ips: [{value: 010.0.0.1}], machineRef: {name: M}, colour: red}'
    expect(refusals(document('NetworkInterface', spec)).map((line) => line.split(': ')[1])).toEqual([
      'spec.colour',
      'spec.networkRef',
      'spec.machineRef.name',
      'spec.ips[0].value',
    ])
  })
})
