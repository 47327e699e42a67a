import { describe, expect, it } from 'vitest'
import type { ManifestKind, ResourceOf } from '../../../src/api/index.ts'
import { immutableIssues } from '../../../src/api/index.ts'
import { document, read } from './documents.ts'

const change = (kind: string, before: string, after: string) =>
  immutableIssues(read(document(kind, before)) as unknown as ResourceOf<ManifestKind>, read(document(kind, after)))

describe('a change', () => {
  it('of what a gateway is for is refused, with the way out', () => {
    const before = '{type: Public, ipFamily: IPv4, networkRef: {name: blue}}'
    const after = '{type: Public, ipFamily: IPv6, networkRef: {name: red}, portsPerNetworkInterface: 64}'
    expect(change('NATGateway', before, after)).toEqual([
      {
        code: 'ERR_IMMUTABLE_FIELD',
        object: 'NATGateway default/sample',
        field: 'spec.networkRef',
        segments: ['spec', 'networkRef'],
        value: { name: 'red' },
        message: 'cannot change from {"name":"blue"} to {"name":"red"}',
        remedy: 'delete the object and create it again, or write the former value',
      },
      expect.objectContaining({ field: 'spec.ipFamily', value: 'IPv6' }),
    ])
  })

  it('of where an interface is, or of its families, is refused; of its addresses it is not', () => {
    const before = '{networkRef: {name: blue}, ips: [{value: 10.0.0.1}]}'
    const fields = (after: string) => change('NetworkInterface', before, after).map(({ field }) => field)
    expect(fields('{networkRef: {name: blue}, ips: [{value: 10.0.0.2}]}')).toEqual([])
    expect(fields('{networkRef: {name: red}, ips: [{value: 10.0.0.1}]}')).toEqual(['spec.networkRef'])
    expect(fields('{networkRef: {name: blue}, ips: [{value: "2001:db8::1"}]}')).toEqual(['spec.ipFamilies'])
  })

  it('of a provider ID is refused once there is one', () => {
    expect(change('Network', '{}', '{providerID: a}')).toEqual([])
    expect(change('Network', '{providerID: a}', '{}')).toEqual([])
    expect(change('Network', '{providerID: a}', '{providerID: a}')).toEqual([])
    expect(change('Network', '{providerID: a}', '{providerID: b}')).toHaveLength(1)
  })
})
