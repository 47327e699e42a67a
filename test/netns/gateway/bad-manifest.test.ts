import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { isOfKind, NETWORK } from '../../../src/api/index.ts'
import { readStateFile } from '../../../src/store/read-state.ts'
import { type GatewayLab, readProblems, useGateway } from '../../support/gateway-lab.ts'
import {
  Client,
  DNS_ADDRESS,
  gatewayManifest,
  interfaceManifest,
  networkManifest,
  startEchoServer,
  waitUntil,
  writeManifest,
} from '../../support/netns.ts'

let client: Client
let answer: unknown

async function openConnection({ lab }: GatewayLab): Promise<void> {
  await startEchoServer(lab.internet, DNS_ADDRESS, 7)
  client = Client.open(lab.machine(1).host, { protocol: 'tcp', address: DNS_ADDRESS, port: 7, sources: [38_000] })
  answer = await client.ask('still there')
}

async function expectConnectionGoesOn(): Promise<void> {
  expect(await client.ask('still there'), 'the running connection goes on').toEqual(answer)
}

const gatewaySpec = { type: 'Public', ipFamily: 'IPv4', networkRef: { name: 'network-sample' } }
const natGateway = (spec: object) => ({ ...gatewayManifest(0), metadata: { name: 'bad' }, spec })
const withPorts = (portsPerNetworkInterface: unknown) => natGateway({ ...gatewaySpec, portsPerNetworkInterface })
const withAddress = (address: string) => interfaceManifest({ name: 'bad', address, network: 0 })

describe('a wrong manifest is named with field, value and remedy, and disturbs no other object', () => {
  const gateway = useGateway({}, async (gateway) => {
    await gateway.serve()
    await openConnection(gateway)
    slices = await gateway.natgw.slices()
  })
  let slices: unknown
  const badFile = () => join(gateway().files.manifests, 'bad.yaml')
  const logged = (text: string) =>
    waitUntil(`natgw to write "${text}"`, 5_000, () =>
      gateway()
        .log()
        .some(({ msg }) => msg.startsWith(text)),
    )

  afterEach(async () => {
    await expectConnectionGoesOn()
    const present = await gateway().natgw.slices()
    expect(present.map(({ used, ...row }) => row)).toEqual((slices as typeof present).map(({ used, ...row }) => row))
  })
  afterAll(() => client.close())

  test.for<[string, object | string, string[]]>([
    ['that is not YAML', 'kind: [', ['bad.yaml:', 'is not YAML']],
    ['that is a list of nothing known', '- 1\n- 2\n', ['bad.yaml', 'passed over', 'no resource']],
    ['of an unknown kind', { ...gatewayManifest(0), kind: 'NatGateway' }, ['bad.yaml', 'NatGateway', 'NATGateway']],
    [
      'of an unknown group',
      { ...gatewayManifest(0), apiVersion: 'v1' },
      ['bad.yaml', '"v1"', 'networking.ironcore.dev/v1alpha1'],
    ],
    ['without a name', { ...gatewayManifest(0), metadata: {} }, ['metadata.name', 'missing']],
    [
      'without a networkRef',
      natGateway({ type: 'Public', ipFamily: 'IPv4' }),
      ['NATGateway default/bad', 'spec.networkRef', 'missing'],
    ],
    ['with a text for a number', withPorts('64'), ['spec.portsPerNetworkInterface', '"64"', '64512']],
    [
      'with an unknown field',
      natGateway({ ...gatewaySpec, ports: 64 }),
      ['spec.ports', 'not a known field', 'portsPerNetworkInterface'],
    ],
    ['with an unknown type', natGateway({ ...gatewaySpec, type: 'public' }), ['spec.type', '"public"', 'Public']],
    ['with an unknown family', natGateway({ ...gatewaySpec, ipFamily: 'IPv5' }), ['spec.ipFamily', '"IPv5"', 'IPv4']],
    ['with 0 ports', withPorts(0), ['spec.portsPerNetworkInterface', ' 0 ', '64512']],
    ['with −1 ports', withPorts(-1), ['spec.portsPerNetworkInterface', '-1', '64512']],
    ['with 65536 ports', withPorts(65_536), ['spec.portsPerNetworkInterface', '65536', '64512']],
    ['with 1.5 ports', withPorts(1.5), ['spec.portsPerNetworkInterface', '1.5', 'whole number']],
    [
      'with an address that has a leading zero',
      withAddress('010.0.0.1'),
      ['NetworkInterface default/bad', 'spec.ips[0].value', '010.0.0.1', 'leading zero'],
    ],
    [
      'with an address of no family',
      withAddress('10.0.0.256'),
      ['spec.ips[0].value', '10.0.0.256', 'not an IP address'],
    ],
    ['with a multicast address', withAddress('224.0.0.1'), ['spec.ips[0].value', '224.0.0.1', 'multicast']],
    [
      'that describes an object again',
      networkManifest(0),
      ['Network default/network-sample', 'second time', 'remove one of the two'],
    ],
  ])('%s', async ([, content, says]) => {
    const before = gateway().complaints().length
    writeFileSync(badFile(), typeof content === 'string' ? content : stringify(content))
    await waitUntil('a complaint', 5_000, () => gateway().complaints().length > before)
    const [complaint = '', ...further] = gateway().complaints().slice(before)
    for (const each of says) expect(complaint).toContain(each)
    expect(further).toEqual([])
    rmSync(badFile())
    await logged(`solved: ${complaint}`)
  })

  test('keeps its last good spec', async () => {
    const { manifests } = gateway().files
    for (const [name, spoil] of [
      ['m1', (text: string) => text.slice(0, -20) + ': ['],
      ['m2', (text: string) => text.replace('10.0.0.2', '010.0.0.2')],
      ['gateway-0', (text: string) => text.replace('portsPerNetworkInterface: 64', 'portsPerNetworkInterface: 0')],
    ] as const) {
      const path = join(manifests, `${name}.yaml`)
      const good = readFileSync(path, 'utf8')
      const before = gateway().complaints().length
      writeFileSync(path, spoil(good))
      await waitUntil(`a complaint about ${name}`, 5_000, () => gateway().complaints().length > before)
      await expectConnectionGoesOn()
      expect(await gateway().natgw.slices()).toHaveLength(2)
      writeFileSync(path, good)
      await logged(`solved: ${gateway().complaints().at(-1)}`)
    }
  })

  test('a gateway of a Network that does not exist says so in its status', async () => {
    writeManifest(gateway().files, 'bad', natGateway({ ...gatewaySpec, networkRef: { name: 'nowhere' } }))
    await expectReady('NetworkNotFound', 'spec.networkRef.name: Network default/nowhere does not exist')
  })

  test('a second gateway of a Network and family waits for the first, and says so', async () => {
    writeManifest(gateway().files, 'bad', natGateway(gatewaySpec))
    await expectReady('Conflicted', 'NATGateway default/natgateway-sample serves IPv4')
  })

  test('a gateway of family IPv6 says that this is not supported yet', async () => {
    writeManifest(gateway().files, 'bad', natGateway({ ...gatewaySpec, ipFamily: 'IPv6' }))
    await expectReady('IPv6NotSupported', 'spec.ipFamily: IPv6')
  })

  test('the first of two interfaces with one address keeps it, and the status of the second says so', async () => {
    writeManifest(gateway().files, 'bad', withAddress('10.0.0.1'))
    const message = expect.stringContaining('10.0.0.1') as string
    await expectProblems([{ object: 'NetworkInterface default/bad', reason: 'AddressConflict', message }])
    expect(await gateway().natgw.show('status')).toMatch(
      /^NetworkInterface default\/bad: AddressConflict: .*default\/m1/m,
    )
    rmSync(badFile())
    await expectProblems([])
  })

  async function expectProblems(problems: object[]): Promise<void> {
    await expect
      .poll(() => readProblems(gateway()), { timeout: 5_000 })
      .toEqual(problems.map((problem) => expect.objectContaining(problem) as object))
  }

  async function expectReady(reason: string, message: string): Promise<void> {
    const bad = async () => (await gateway().natgw.status()).gateways.find(({ name }) => name === 'default/bad')
    await expect
      .poll(bad, { timeout: 5_000 })
      .toMatchObject({ ready: { status: 'False', reason, message: expect.stringContaining(message) as string } })
    rmSync(badFile())
    await expect.poll(bad, { timeout: 5_000 }).toBeUndefined()
  }
})

describe('a disk that fills up under the state file of a running gateway', () => {
  const small = ({ lab }: GatewayLab) => join(lab.folder, 'small')
  const gateway = useGateway({ config: { stateFile: 'small/state' } }, async (gateway) => {
    const folder = small(gateway)
    mkdirSync(folder)
    const mount = `mount -t tmpfs -o size=16m tmpfs ${folder} && exec "$@"`
    await gateway.serve(gateway.lab.machines, 'unshare', '-m', 'sh', '-c', mount, 'sh')
    await openConnection(gateway)
  })
  afterAll(() => client.close())

  test('is reported; connections go on, and pending changes take effect as soon as there is room', async () => {
    const filler = `/proc/${gateway().service.pid}/root${small(gateway())}/filler`
    expect(() => writeFileSync(filler, new Uint8Array(16 << 20))).toThrow(/ENOSPC/)
    // More than the room that the state file has reserved.
    const annotations = { note: 'x'.repeat(200_000) }
    for (let i = 0; i < 8; i++) {
      const { metadata, ...network } = networkManifest(2 + i) as { metadata: object }
      writeManifest(gateway().files, `large-${i}`, { ...network, metadata: { ...metadata, annotations } })
    }
    const isTold = (line: string) => /state file \S*small\/state cannot be written.*free space/.test(line)
    await waitUntil('a complaint about the disk', 10_000, () => gateway().complaints().some(isTold))
    await expectConnectionGoesOn()
    gateway().removeManifest('m2')
    await expectConnectionGoesOn()
    rmSync(filler)
    await gateway().waitForSlices(1)
    await expectConnectionGoesOn()
    const networks = async () =>
      ((await readStateFile(filler.replace('filler', 'state'))) ?? []).filter((each) => isOfKind(each, NETWORK)).length
    await expect.poll(networks, { timeout: 10_000 }).toBe(9)
    expect(gateway().service.running).toBe(true)
  })
})
