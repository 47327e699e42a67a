import { describe, expect, it } from 'vitest'
import { describeProblem } from '../../../src/store/manifests/problem.ts'
import { readManifest } from '../../../src/store/manifests/read-manifest.ts'

const network = (name: string, spec = '{}') =>
  `apiVersion: networking.ironcore.dev/v1alpha1\nkind: Network\nmetadata:\n  name: ${name}\nspec: ${spec}\n`

const read = (text: string | Buffer) => readManifest('a.yaml', Buffer.from(text)).text

function entriesOf(text: string | Buffer) {
  const said = read(text)
  if ('problem' in said) throw new Error(describeProblem(said.problem))
  if (!('entries' in said)) throw new Error(`is ${said.foreign}`)
  return said.entries
}

const keys = (text: string) => entriesOf(text).map(({ id }) => id?.key)
const problems = (text: string) => entriesOf(text).flatMap((entry) => entry.problems.map(describeProblem))

describe('a manifest', () => {
  it('holds any number of documents, empty ones too', () => {
    expect(keys('')).toEqual([])
    expect(keys('# nothing\n---\n')).toEqual([])
    expect(keys(`---\n${network('a')}---\n---\n${network('b')}---\n`)).toEqual(['default/a', 'default/b'])
  })

  it('may be JSON, or a List as kubectl writes it', () => {
    const item = { apiVersion: 'networking.ironcore.dev/v1alpha1', kind: 'Network', metadata: { name: 'a' } }
    expect(keys(JSON.stringify(item, null, '\t'))).toEqual(['default/a'])
    expect(keys(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [item, item] }))).toEqual([
      'default/a',
      'default/a',
    ])
  })

  it('tells the line of what is wrong, or of what it is missing from', () => {
    const gateway = `---
apiVersion: networking.ironcore.dev/v1alpha1
kind: NATGateway
metadata:
  name: gw
spec:
  type: public
  portsPerNetworkInterface: 1.5
  networkRef:
    nmae: blue
`
    expect(problems(network('a') + gateway)).toEqual([
      'a.yaml:11: NATGateway default/gw: spec.ipFamily: is missing; give the family: IPv4 or IPv6',
      'a.yaml:12: NATGateway default/gw: spec.type: "public" is not a supported value; write Public',
      'a.yaml:13: NATGateway default/gw: spec.portsPerNetworkInterface: 1.5 is not a whole number of 1 … 64512; 2048 is the default',
      'a.yaml:14: NATGateway default/gw: spec.networkRef.name: is missing; give a name (a DNS subdomain)',
      'a.yaml:15: NATGateway default/gw: spec.networkRef.nmae: is not a known field; did you mean name?',
    ])
  })

  it('tells lines within lists', () => {
    const nic = `apiVersion: networking.ironcore.dev/v1alpha1
kind: NetworkInterface
metadata: {name: nic}
spec:
  networkRef: {name: blue}
  ips:
    - value: 10.0.0.1
    - value: 010.0.0.1
`
    expect(problems(nic)[0]).toMatch(/^a\.yaml:8: NetworkInterface default\/nic: spec\.ips\[1\]\.value: "010\.0\.0\.1"/)
    const list = `apiVersion: v1\nkind: List\nitems:\n- ${nic.trimEnd().replaceAll('\n', '\n  ')}\n`
    expect(problems(list)[0]).toMatch(/^a\.yaml:11: NetworkInterface default\/nic: spec\.ips\[1\]\.value/)
  })

  it('may be a list of one kind, whose items need not say it again', () => {
    const items = [{ metadata: { name: 'a' } }, { kind: 'Network', metadata: { name: 'b' } }]
    const list = { apiVersion: 'networking.ironcore.dev/v1alpha1', kind: 'NetworkList', items }
    expect(keys(JSON.stringify(list))).toEqual(['default/a', 'default/b'])
  })

  it('may merge maps, as kubectl does', () => {
    const merging = `apiVersion: networking.ironcore.dev/v1alpha1
kind: NATGateway
metadata: {name: gw, annotations: &common {team: blue}, labels: {<<: *common, tier: "1"}}
spec:
  <<: [{type: Public, ipFamily: IPv4}, {ipFamily: IPv6}]
  portsPerNetworkInterface: 64
  networkRef: {name: net}
`
    expect(problems(merging)).toEqual([])
    expect(entriesOf(merging)[0]?.object).toMatchObject({
      metadata: { labels: { team: 'blue', tier: '1' } },
      spec: { ipFamily: 'IPv4', portsPerNetworkInterface: 64 },
    })
  })

  it('tells the place of a value that kubectl reads in another way, and how to write it', () => {
    const gateway = `apiVersion: networking.ironcore.dev/v1alpha1
kind: NATGateway
metadata: {name: gw, labels: {on: "1", a: yes}}
spec:
  type: Public
  ipFamily: IPv4
  portsPerNetworkInterface: 0100
  networkRef: {name: blue}
`
    const expected = (first: number) => [
      `a.yaml:${first + 2}: NATGateway default/gw: metadata.labels.on: the key on is true to YAML 1.1, as kubectl reads, and text to YAML 1.2; write "on"`,
      `a.yaml:${first + 2}: NATGateway default/gw: metadata.labels.a: yes is true to YAML 1.1, as kubectl reads, and text to YAML 1.2; write "yes"`,
      `a.yaml:${first + 6}: NATGateway default/gw: spec.portsPerNetworkInterface: 0100 is 64 to YAML 1.1, as kubectl reads, and 100 to YAML 1.2; write "0100" or 64`,
    ]
    expect(problems(gateway)).toEqual(expected(1))
    expect(problems(`${network('a')}---\n${gateway}`)).toEqual(expected(7))
    const list = `apiVersion: v1\nkind: List\nitems:\n- ${gateway.trimEnd().replaceAll('\n', '\n  ')}\n`
    expect(problems(list)).toEqual(expected(4))
  })

  it('has documents that stand for themselves, as kubectl reads them', () => {
    const syntax = (text: string) => (read(text) as { problem: { line: number; message: string } }).problem
    const inline = `---\n${network('a')}--- {kind: Network}\n`
    expect(syntax(inline)).toMatchObject({ line: 7, message: expect.stringContaining('content beside ---') as string })
    const directive = `# a\n%YAML 1.1\n---\n${network('a')}`
    expect(syntax(directive)).toMatchObject({ line: 2, message: expect.stringContaining('directives') as string })
    const second = `${network('a')}...\n${network('b')}`
    expect(syntax(second)).toMatchObject({ message: expect.stringContaining('without a line ---') as string })
    expect(keys(`--- # a comment\n${network('a')}...\n---\n${network('b')}`)).toEqual(['default/a', 'default/b'])
  })

  it.each([
    ['a: b: c', 1],
    [`${network('a')}\tx: y`, 6],
    [`${network('a')}spec: {}`, 6],
    ['{"kind": ', 1],
    ['a: *nothing', 1],
  ])('that is not YAML has a syntax problem with its line: %j', (text, line) => {
    expect(read(text)).toMatchObject({ problem: { code: 'ERR_MANIFEST_SYNTAX', file: 'a.yaml', line } })
  })

  it('that would unfold into a great many nodes is refused', () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]']
    for (let i = 0; i < 8; i++) {
      const [name, next] = [String.fromCharCode(97 + i), String.fromCharCode(98 + i)]
      bomb.push(`${next}: &${next} [${new Array(9).fill(`*${name}`).join(', ')}]`)
    }
    expect(read(bomb.join('\n'))).toMatchObject({ problem: { code: 'ERR_MANIFEST_SYNTAX' } })
  })
})
