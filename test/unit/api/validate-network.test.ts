import { describe, expect, it } from 'vitest'
import { document, read, refusals } from './documents.ts'

const peerings = (...list: string[]) => document('Network', `{peerings: [${list.join(', ')}]}`)

describe('a Network', () => {
  it.each(['{}', '', 'null', '{peerings: []}', '{providerID: ""}'])('needs nothing in its spec: %j', (spec) => {
    expect(read(document('Network', spec)).spec).toEqual({})
  })

  it("as in the documents' example, and with all there is to say of a peering, is read", () => {
    const example = '{name: peering1, networkRef: {name: network-sample2}}'
    const prefixes =
      '[{name: a, prefix: 10.0.0.0/24}, {name: b, prefix: "2001:db8::/64"}, {name: c, prefixRef: {name: p}}]'
    const full = `{name: peering2, networkRef: {namespace: prod, name: network-sample2}, prefixes: ${prefixes}}`
    expect(read(peerings(example, full)).spec).toEqual({
      peerings: [
        { name: 'peering1', networkRef: { name: 'network-sample2' } },
        {
          name: 'peering2',
          networkRef: { namespace: 'prod', name: 'network-sample2' },
          prefixes: [
            { name: 'a', prefix: '10.0.0.0/24' },
            { name: 'b', prefix: '2001:db8::/64' },
            { name: 'c', prefixRef: { name: 'p' } },
          ],
        },
      ],
    })
  })

  it('keeps its provider ID and incoming peerings', () => {
    const spec = '{providerID: "ironcore-net://a/b/7/c", incomingPeerings: [{namespace: prod, name: red, uid: u}]}'
    expect(read(document('Network', spec)).spec).toEqual({
      providerID: 'ironcore-net://a/b/7/c',
      incomingPeerings: [{ namespace: 'prod', name: 'red', uid: 'u' }],
    })
  })

  it.each([
    [['{networkRef: {name: red}}'], 'spec.peerings[0].name: is missing'],
    [['{name: a}'], 'spec.peerings[0].networkRef: is missing'],
    [['a'], 'spec.peerings[0]: "a" is not a map of fields; its fields are name, networkRef, prefixes'],
    [['{name: a, networkRef: {name: sample}}'], 'spec.peerings[0].networkRef: is this Network itself'],
    [
      ['{name: a, networkRef: {name: red}}', '{name: a, networkRef: {name: green}}'],
      'spec.peerings[1].name: "a" occurs twice; each peering name occurs once; it is at spec.peerings[0].name already',
    ],
    [
      ['{name: a, networkRef: {name: red}}', '{name: b, networkRef: {namespace: default, name: red}}'],
      'spec.peerings[1].networkRef: "default/red" occurs twice',
    ],
    [
      ['{name: a, networkRef: {name: red}, prefixes: [{name: p, prefix: 10.0.0.0/33}]}'],
      'spec.peerings[0].prefixes[0].prefix: "10.0.0.0/33" is not a prefix; write address/length, like 10.0.0.0/24',
    ],
    [
      [
        '{name: a, networkRef: {name: red}, prefixes: [{name: p, prefix: 10.0.0.0/24}]}',
        '{name: b, networkRef: {name: green}, prefixes: [{name: p, prefix: 10.0.1.0/24}]}',
      ],
      'spec.peerings[1].prefixes[0].name: "p" occurs twice',
    ],
  ])('with the peerings %j is refused', (list, message) => expect(refusals(peerings(...list))[0]).toContain(message))
})
