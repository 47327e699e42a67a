import { describe, expect, it } from 'vitest'
import { NAT_GATEWAY, parseResource } from '../../../src/api/index.ts'
import { document, issuesOf, read, refusals } from './documents.ts'

describe('a document', () => {
  it('as kubectl exports it is read without what belongs to the server', () => {
    const exported = document(
      'Network',
      '{}',
      `{name: blue, namespace: prod, uid: u, resourceVersion: "7", generation: 3, creationTimestamp: 2026-01-01,
        managedFields: [], finalizers: [f], labels: {team: a}, annotations: {note: b}}`,
    ).replace('spec: {}', 'spec: {}, status: {state: Available}')
    expect(read(exported)).toEqual({
      apiVersion: 'networking.ironcore.dev/v1alpha1',
      kind: 'Network',
      metadata: { name: 'blue', namespace: 'prod', labels: { team: 'a' }, annotations: { note: 'b' } },
      spec: {},
    })
  })

  it('is in namespace default where it names none', () => {
    expect(read(document('Network', '{}')).metadata.namespace).toBe('default')
  })

  it.each([
    ['hello', 'document 1 of gateway.yaml: "hello" is not a resource; begin with apiVersion and kind'],
    ['[]', 'document 1 of gateway.yaml: [] is not a resource; begin with apiVersion and kind'],
  ])('that is no map is refused: %s', (yaml, message) => expect(refusals(yaml)).toEqual([message]))

  it('of an unknown apiVersion or kind is refused, and the nearest kind is offered', () => {
    expect(refusals('{apiVersion: v1, kind: NatGatway}')).toEqual([
      'document 1 of gateway.yaml: apiVersion: "v1" is not known; write networking.ironcore.dev/v1alpha1',
      'document 1 of gateway.yaml: kind: "NatGatway" is not known; did you mean NATGateway?',
    ])
    expect(refusals(document('LoadBalancer', '{}'))).toEqual([
      'document 1 of gateway.yaml: kind: "LoadBalancer" is not known; known are Network, NetworkInterface, NATGateway',
    ])
    expect(issuesOf('{metadata: {name: a}}').map(({ code, field }) => [code, field])).toEqual([
      ['ERR_MANIFEST_KIND', 'apiVersion'],
      ['ERR_MANIFEST_KIND', 'kind'],
    ])
  })

  it('says which object it is about even where the object is wrong', () => {
    const yaml = { apiVersion: 'networking.ironcore.dev/v1alpha1', kind: 'NATGateway', metadata: { name: 'gw' } }
    expect(parseResource(yaml, { file: 'a.yaml', index: 3 }).id).toEqual({ kind: NAT_GATEWAY, key: 'default/gw' })
    expect(parseResource({ ...yaml, metadata: {} }, { file: 'a.yaml', index: 3 })).toMatchObject({
      issues: expect.arrayContaining([
        expect.objectContaining({ object: 'NATGateway in document 4 of a.yaml', field: 'metadata.name' }),
      ]) as unknown,
    })
  })

  it('with an unknown field is refused, and the nearest known field is offered', () => {
    const yaml = document('Network', '{peering: [], colour: blue}').replace('spec:', 'sepc: {}, spec:')
    expect(refusals(yaml)).toEqual([
      'Network default/sample: sepc: is not a known field; did you mean spec?',
      'Network default/sample: spec.peering: is not a known field; did you mean peerings?',
      'Network default/sample: spec.colour: is not a known field; known are providerID, peerings, incomingPeerings',
    ])
  })
})

describe('metadata', () => {
  it.each([
    ['{}', 'metadata.name: is missing; give a name (a DNS label)'],
    ['{name: 7}', 'metadata.name: 7 is not text; put it in quotes: "7"'],
    ['{name: Gateway}', 'metadata.name: "Gateway" is not a DNS label; use lower-case letters, digits and "-",'],
    ['{name: a.b}', 'metadata.name: "a.b" is not a DNS label;'],
    ['{name: -a}', 'metadata.name: "-a" is not a DNS label;'],
    [`{name: ${'a'.repeat(64)}}`, 'use at most 63 characters, not 64'],
    ['{name: a, namespace: A}', 'metadata.namespace: "A" is not a DNS label;'],
    ['{name: a, labels: [b]}', 'metadata.labels: ["b"] is not a map; write name: "value" pairs'],
    ['{name: a, labels: {port: 80}}', 'metadata.labels.port: 80 is not text; put it in quotes: "80"'],
    ['{name: a, labels: {"bad key!": x}}', 'metadata.labels.bad key!: "bad key!" is no key of a label; use letters'],
    ['{name: a, labels: {"a/b/c": x}}', '"a/b/c" is no key of a label'],
    ['{name: a, labels: {"/b": x}}', '"/b" is no key of a label; write a DNS subdomain before "/"'],
    ['{name: a, labels: {"A.example/b": x}}', '"A.example/b" is no key of a label; write a DNS subdomain before "/"'],
    [`{name: a, labels: {"b.example/${'k'.repeat(64)}": x}}`, 'use at most 63 characters after "/", not 64'],
    ['{name: a, labels: {b: "x y"}}', 'metadata.labels.b: "x y" is no value of a label; use letters'],
    ['{name: a, labels: {b: -x}}', '"-x" is no value of a label'],
    [`{name: a, labels: {b: ${'v'.repeat(64)}}}`, 'use at most 63 characters, not 64; annotations take longer texts'],
    ['{name: a, labels: {b: }}', 'metadata.labels.b: is empty; write "" for an empty text'],
    ['{name: a, annotations: {"bad key!": x}}', '"bad key!" is no key of an annotation'],
    [`{name: a, annotations: {b: ${'v'.repeat(262_144)}}}`, 'metadata.annotations: are 262145 bytes long'],
    ['{name: a, annotations: {b: {}}}', 'metadata.annotations.b: {} is not text; text is expected'],
    ['{name: a, lables: {}}', 'metadata.lables: is not a known field; did you mean labels?'],
    ['{generateName: a-}', 'metadata.generateName: is not supported here; give name'],
  ])('%s is refused', (metadata, message) => {
    const spec = '{type: Public, ipFamily: IPv4, networkRef: {name: blue}}'
    expect(refusals(document('NATGateway', spec, metadata)).join('\n')).toContain(message)
  })

  const nic = (annotations: string) =>
    document(
      'NetworkInterface',
      '{networkRef: {name: blue}, ips: [{value: 10.0.0.1}]}',
      `{name: a, annotations: ${annotations}}`,
    )

  it.each([
    [
      '{natgw.dev/mac-address: "02:00:00:00:01"}',
      'natgw.dev/mac-address: "02:00:00:00:01" is not a MAC address; six pairs',
    ],
    ['{natgw.dev/mac-address: 02-00-00-00-00-01}', '"02-00-00-00-00-01" is not a MAC address'],
    ['{natgw.dev/mac-address: ""}', '"" is not a MAC address'],
    ['{natgw.dev/mac-address: "01:00:5e:00:00:01"}', "is the address of a group; give the machine's own address"],
    ['{natgw.dev/mac-address: "ff:ff:ff:ff:ff:ff"}', 'is the address of a group'],
    ['{natgw.dev/mac-address: "00:00:00:00:00:00"}', 'is the address of nobody'],
    ['{natgw.dev/mac-address: 7}', 'metadata.annotations.natgw.dev/mac-address: 7 is not text'],
    ['{natgw.dev/mac-address: }', 'is empty'],
    [
      '{natgw.dev/mac-adress: "02:00:00:00:00:01"}',
      'is not a known annotation of a NetworkInterface; did you mean natgw.dev/mac-address?',
    ],
    ['{NATGW.dev/mac-address: "02:00:00:00:00:01"}', 'did you mean natgw.dev/mac-address?'],
    ['{natgw.dev/speed: fast}', 'known are natgw.dev/mac-address'],
  ])('of an interface with the annotations %s is refused, once', (annotations, message) => {
    const found = refusals(nic(annotations))
    expect(found).toHaveLength(1)
    expect(found[0]).toContain('NetworkInterface default/a: metadata.annotations.')
    expect(found[0]).toContain(message)
  })

  it('of an interface may bind it to a MAC; of other kinds not', () => {
    expect(read(nic('{natgw.dev/mac-address: "52:54:00:A1:b2:c3"}')).metadata.annotations).toEqual({
      'natgw.dev/mac-address': '52:54:00:A1:b2:c3',
    })
    const network = document('Network', '{}', '{name: a, annotations: {natgw.dev/mac-address: "52:54:00:a1:b2:c3"}}')
    expect(refusals(network)).toEqual([expect.stringContaining('a Network has none with natgw.dev/')])
  })

  it('has labels and annotations as Kubernetes has them', () => {
    const labels = { 'app.kubernetes.io/name': 'a-b_c.D9', plain: '', [`b.example/${'k'.repeat(63)}`]: 'v'.repeat(63) }
    const annotations = {
      'Upper.Example/Key': 'any text\n, of "any" shape',
      constructor: 'x',
      note: 'x'.repeat(200_000),
    }
    const metadata = JSON.stringify({ name: 'a', labels, annotations })
    expect(read(document('Network', '{}', metadata)).metadata).toMatchObject({ labels, annotations })
  })

  it('of Networks and NetworkInterfaces may have dots in the name', () => {
    expect(read(document('Network', '{}', '{name: a.b-c.d}')).metadata.name).toBe('a.b-c.d')
    expect(refusals(document('Network', '{}', '{name: a..b}'))).toHaveLength(1)
  })
})
