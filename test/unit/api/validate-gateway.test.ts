import { describe, expect, it } from 'vitest'
import { document, issuesOf, read, refusals } from './documents.ts'

const gateway = (more = '', rest = 'type: Public, ipFamily: IPv4, networkRef: {name: blue}') =>
  document('NATGateway', `{${rest}${more === '' ? '' : `, ${more}`}}`)

describe('a NATGateway', () => {
  it("as in the documents' example is read", () => {
    expect(read(gateway('portsPerNetworkInterface: 64')).spec).toEqual({
      type: 'Public',
      ipFamily: 'IPv4',
      portsPerNetworkInterface: 64,
      networkRef: { name: 'blue' },
    })
  })

  it.each(['', 'portsPerNetworkInterface:', 'portsPerNetworkInterface: null'])(
    'has 2048 ports by default: %j',
    (more) => {
      expect(read(gateway(more)).spec).toMatchObject({ portsPerNetworkInterface: 2048 })
    },
  )

  it.each([1, 63, 1000, 64512])('may have %i ports', (ports) => {
    expect(read(gateway(`portsPerNetworkInterface: ${ports}`)).spec).toMatchObject({ portsPerNetworkInterface: ports })
  })

  it.each([
    ['0', '0 is not a whole number of 1 … 64512; 2048 is the default'],
    ['-1', '-1 is not a whole number of 1 … 64512; 2048 is the default'],
    ['64513', '64513 is not a whole number'],
    ['65536', '65536 is not a whole number'],
    ['1.5', '1.5 is not a whole number'],
    ['.inf', 'Infinity is not a whole number'],
    ['.nan', 'NaN is not a whole number'],
    ['true', 'true is not a whole number'],
    ['[64]', '[64] is not a whole number'],
    ['"64"', '"64" is text, not a whole number of 1 … 64512; write 64 without quotes'],
    ['"many"', '"many" is text, not a whole number of 1 … 64512; 2048 is the default'],
  ])('with %s ports is refused', (ports, message) => {
    const [refusal] = refusals(gateway(`portsPerNetworkInterface: ${ports}`))
    expect(refusal).toContain(`NATGateway default/sample: spec.portsPerNetworkInterface: ${message}`)
  })

  it('of type public is refused with the remedy Public', () => {
    expect(issuesOf(gateway('', 'type: public, ipFamily: IPv4, networkRef: {name: blue}'))).toEqual([
      {
        code: 'ERR_INVALID_FIELD',
        object: 'NATGateway default/sample',
        field: 'spec.type',
        segments: ['spec', 'type'],
        value: 'public',
        message: '"public" is not a supported value',
        remedy: 'write Public',
      },
    ])
  })

  it.each([
    ['ipv4', 'write IPv4'],
    ['IPv5', 'write IPv4 or IPv6'],
    ['4', 'write IPv4 or IPv6'],
  ])('of family %s is refused', (family, remedy) => {
    const [refusal] = refusals(gateway('', `type: Public, ipFamily: ${family}, networkRef: {name: blue}`))
    expect(refusal).toContain(`is not a supported value; ${remedy}`)
  })

  it('may be of family IPv6', () => {
    const yaml = gateway('', 'type: Public, ipFamily: IPv6, networkRef: {name: blue}')
    expect(read(yaml).spec).toMatchObject({ ipFamily: 'IPv6' })
  })

  it('lists everything that is missing at once', () => {
    expect(refusals(document('NATGateway', '{}'))).toEqual([
      'NATGateway default/sample: spec.type: is missing; give the type: Public',
      'NATGateway default/sample: spec.ipFamily: is missing; give the family: IPv4 or IPv6',
      'NATGateway default/sample: spec.networkRef: is missing; give the Network, like {name: network-sample}',
    ])
    expect(refusals(document('NATGateway', ''))).toEqual([
      'NATGateway default/sample: spec: is missing; give type, ipFamily and networkRef',
    ])
  })

  it.each([
    ['blue', 'spec.networkRef: "blue" is text, not a reference; write {name: blue}'],
    ['[blue]', 'spec.networkRef: ["blue"] is not a map of fields; its fields are name'],
    ['{}', 'spec.networkRef.name: is missing; give a name (a DNS subdomain)'],
    ['{name: Blue}', 'spec.networkRef.name: "Blue" is not a DNS subdomain'],
    ['{name: blue, namespace: prod}', 'spec.networkRef.namespace: is not a known field; known are name'],
  ])('with networkRef %s is refused', (ref, message) => {
    expect(refusals(gateway('', `type: Public, ipFamily: IPv4, networkRef: ${ref}`))[0]).toContain(message)
  })
})
