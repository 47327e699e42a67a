import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { NAT_GATEWAY } from '../../../src/api/index.ts'
import { GatewayLab, readProblems, useGateway } from '../../support/gateway-lab.ts'
import { GATEWAY_UPLINK, INTERNET_ROUTER, PUBLIC_PREFIX, WEB_ADDRESS } from '../../support/netns.ts'

const check = ({ natgw, files }: GatewayLab) => natgw.attempt('status', '--check', '--config', files.config)

describe('natgw status of a gateway that works', () => {
  const gateway = useGateway()

  test('warns of forwarding by the kernel until it is off for private devices; then --check exits with 0', async () => {
    const { natgw, lab } = gateway()
    const warnings = async () => (await natgw.status()).problems.map(({ object, detail }) => `${object}: ${detail}`)
    expect(await warnings()).toEqual([expect.stringMatching(/^IPv4 forwarding of the kernel: p1, p2/)])
    for (const { device } of lab.machines.slice(1)) await lab.gateway.sysctl(`net.ipv4.conf.${device}.forwarding=0`)
    await expect.poll(warnings, { timeout: 10_000 }).toEqual(['IPv4 forwarding of the kernel: p1'])
    await lab.gateway.sysctl('net.ipv4.conf.p1.forwarding=0')
    await expect.poll(warnings, { timeout: 10_000 }).toEqual([])
    const { status, stdout } = await check(gateway())
    expect(stdout).toMatch(/^no problems$/m)
    expect(status).toBe(0)
  })

  test('lists what is wrong with a manifest by file and line until it is mended; --check exits with 1', async () => {
    const bad = join(gateway().files.manifests, 'bad.yaml')
    writeFileSync(bad, 'kind: [')
    await expect
      .poll(() => readProblems(gateway()), { timeout: 5_000 })
      .toEqual([expect.objectContaining({ object: 'file bad.yaml:1', reason: 'ERR_MANIFEST_SYNTAX' })])
    const { status, stdout } = await check(gateway())
    expect(stdout).toMatch(/^1 problem:\nfile bad\.yaml:1: ERR_MANIFEST_SYNTAX: /m)
    expect(status).toBe(1)
    gateway().removeManifest('bad')
    await expect.poll(() => readProblems(gateway()), { timeout: 5_000 }).toEqual([])
  })

  test('after SIGTERM it says that no agent runs and how old its names are, which are all there without gateway.yaml', async () => {
    await gateway().stop()
    const { natgw, files } = gateway()
    const { instance } = await natgw.status()
    const shown = await natgw.attempt('status', '--instance', instance)
    expect(shown.stdout).toMatch(new RegExp(`^instance ${instance}: no agent runs; .* those of \\d+s ago$`, 'm'))
    expect(shown.stdout).toMatch(/^default\/natgateway-sample /m)
    expect(shown.stdout).toContain(`NoAgent: `)
    expect(shown.stdout).toContain(`natgw run --config ${files.config}`)
    expect(shown.status).toBe(0)
    const slices = await natgw.attempt('slices', '--instance', instance)
    expect(slices.stdout).toMatch(/^default\/m1 .* default\/natgateway-sample$/m)
    expect(slices.stderr).toMatch(/^no agent runs; names are those of \d+s ago$/m)
    expect((await check(gateway())).status).toBe(1)
    await gateway().start()
    expect((await check(gateway())).status).toBe(0)
  })
})

/** `Ready` of the only gateway. */
async function ready(gateway: GatewayLab): Promise<string> {
  const [row] = (await gateway.natgw.status()).gateways
  return row === undefined ? '' : `${row.ready.status} ${row.ready.reason}`
}

async function hostConflict(gateway: GatewayLab): Promise<string> {
  const [object] = await gateway.objects(NAT_GATEWAY)
  const condition = object?.status?.conditions?.find(({ type }) => type === 'HostConflict')
  return condition === undefined ? 'none' : `${condition.status} ${condition.reason}`
}

describe('natgw status of a host that changes while natgw runs', () => {
  const shared = { prefix: `${GATEWAY_UPLINK}/32`, ports: '61000-61255', shared: true }
  const gateway = useGateway({ config: { publicPrefixes: [PUBLIC_PREFIX, shared] } })
  const host = () => gateway().lab.gateway
  const pings = async () =>
    (await gateway().lab.machine(1).host.attempt('ping', ['-c', '1', '-W', '1', WEB_ADDRESS])).status
  const expectProblem = (object: string, reason: string) =>
    expect
      .poll(() => readProblems(gateway()), { timeout: 5_000 })
      .toContainEqual(expect.objectContaining({ object, reason, remedy: expect.stringMatching(/./) as string }))
  const expectNone = () => expect.poll(() => readProblems(gateway()), { timeout: 10_000 }).toEqual([])

  test('lists public addresses with who answers ARP for them', async () => {
    const { natgw, lab } = gateway()
    const { publicAddress } = await gateway().sliceOf(lab.machine(1))
    const [address, ...others] = (await natgw.status()).addresses
    expect(others).toEqual([])
    expect(address).toMatchObject({ address: publicAddress, shared: false, answeredBy: 'natgw' })
    const line = new RegExp(`^${publicAddress} +${address?.firstPort}-${address?.lastPort} +no +natgw$`, 'm')
    expect(await natgw.show('status')).toMatch(line)
  })

  test('says that the host has an address of NAT until the host gives it up; NAT goes on', async () => {
    const { publicAddress } = await gateway().sliceOf(gateway().lab.machine(1))
    await host().ip(`address add ${publicAddress}/32 dev up0`)
    await expectProblem(`address ${publicAddress}`, 'AddressTakenByHost')
    expect(gateway().complaints().join()).toContain(`ip address del ${publicAddress} dev up0`)
    expect(await pings()).toBe(0)
    await expect.poll(() => hostConflict(gateway()), { timeout: 5_000 }).toBe('True AddressTakenByHost')
    expect(await ready(gateway())).toBe('True Ready')
    await host().ip(`address del ${publicAddress}/32 dev up0`)
    await expectNone()
    await expect.poll(() => hostConflict(gateway()), { timeout: 5_000 }).toBe('False NoConflict')
  })

  test('says that the host lacks an address that it shares, until the host has it again', async () => {
    await host().ip(`address del ${GATEWAY_UPLINK}/24 dev up0`)
    await expectProblem(`address ${GATEWAY_UPLINK}`, 'SharedAddressMissing')
    await host().ip(`address add ${GATEWAY_UPLINK}/24 dev up0`)
    await host().ip(`route replace default via ${INTERNET_ROUTER}`)
    await expectNone()
    expect(await pings()).toBe(0)
  })

  test('says in one line that addresses of the host find no room in a map, until they do', async () => {
    const batch = join(gateway().lab.folder, 'addresses')
    const lines = Array.from({ length: 4_200 }, (_, n) => `address add 172.20.${n >> 8}.${n & 255}/32 dev many`)
    writeFileSync(batch, ['link add many type bridge', ...lines, ''].join('\n'))
    await host().run('ip', '-batch', batch)
    await expectProblem('map host_addresses', 'ERR_MAP_FULL')
    const [problem, ...others] = await readProblems(gateway())
    expect(others).toEqual([])
    expect(problem?.detail).toMatch(/does not fit into map host_addresses, .* and \d+ more$/)
    expect(await pings()).toBe(0)
    await host().ip('link del many')
    await expectNone()
  })

  test.for([
    ['an uplink', () => gateway().lab.internet, 'up0', 'error'],
    ['a private device', () => gateway().lab.machine(2).host, 'p2', 'warning'],
  ] as const)('says that %s has no carrier until it has one again', async ([, far, device, severity]) => {
    await far().ip('link set eth0 down')
    await expectProblem(`device ${device}`, 'NoCarrier')
    const problem = (await readProblems(gateway())).find(({ reason }) => reason === 'NoCarrier')
    expect(problem).toMatchObject({ severity })
    const stops = device === 'up0'
    await expect.poll(() => ready(gateway()), { timeout: 5_000 }).toBe(stops ? 'False NoCarrier' : 'True Ready')
    await far().ip('link set eth0 up')
    await expect
      .poll(async () => (await readProblems(gateway())).map(({ reason }) => reason), { timeout: 5_000 })
      .not.toContain('NoCarrier')
  })

  test('says that there is no default route; so do Ready of the gateway and the log', async () => {
    await host().ip('route del default')
    await expectProblem('device up0', 'NoDefaultRoute')
    await expect.poll(() => ready(gateway()), { timeout: 5_000 }).toBe('False NoDefaultRoute')
    expect(gateway().complaints().at(-1)).toContain('serves nobody')
    await host().ip(`route replace default via ${INTERNET_ROUTER}`)
    await expect.poll(() => ready(gateway()), { timeout: 5_000 }).toBe('True Ready')
    expect(gateway().log().at(-1)?.msg).toBe('gateway is serving')
  })

  test('says that the host may take ports of NAT for connections of its own', async () => {
    await gateway().stop()
    await host().run('sysctl', '-w', 'net.ipv4.ip_local_port_range=32768 61100')
    await gateway().start()
    await expectProblem(`prefix ${GATEWAY_UPLINK}/32`, 'LocalPortsOverlap')
  })
})

test('NAT does not use an address of the host, until the host gives it up', async () => {
  const [first, second] = ['198.51.100.8', '198.51.100.9']
  const gateway = await GatewayLab.up({
    networks: [2],
    config: { publicPrefixes: [{ prefix: `${first}/31`, ports: '1024-1087' }] },
  })
  const { lab } = gateway
  const addresses = async () => (await gateway.natgw.slices()).map(({ publicAddress }) => publicAddress).sort()
  try {
    await gateway.serve([lab.machine(1)])
    expect(await addresses()).toEqual([first])
    await lab.gateway.ip(`address add ${second}/32 dev up0`)
    await gateway.service.waitForLog(new RegExp(`NAT is given none of these newly: ${second}`))
    gateway.addMachine(lab.machine(2))
    await expect.poll(() => gateway.reasonOf(lab.machine(2), 'NATReady'), { timeout: 5_000 }).toBe('PoolExhausted')
    expect(await addresses()).toEqual([first])
    await lab.gateway.ip(`address del ${second}/32 dev up0`)
    await expect.poll(addresses, { timeout: 5_000 }).toEqual([first, second])
  } finally {
    await gateway.down()
  }
})

test('a gateway is not Ready while the host lacks the shared address', async () => {
  const shared = { prefix: `${GATEWAY_UPLINK}/32`, ports: '61000-61255', shared: true }
  const gateway = await GatewayLab.up({ config: { publicPrefixes: [shared] } })
  try {
    await gateway.serve()
    expect(await ready(gateway)).toBe('True Ready')
    const addresses = async () => (await gateway.natgw.status()).addresses
    const address = { address: GATEWAY_UPLINK, shared: true, firstPort: 61000, lastPort: 61255 }
    expect(await addresses()).toEqual([{ ...address, answeredBy: 'host' }])
    await gateway.lab.gateway.ip(`address del ${GATEWAY_UPLINK}/24 dev up0`, 'address add 192.0.2.50/24 dev up0')
    await gateway.lab.gateway.ip(`route replace default via ${INTERNET_ROUTER}`)
    await expect.poll(() => ready(gateway), { timeout: 5_000 }).toBe('False SharedAddressMissing')
    expect(await addresses()).toEqual([{ ...address, answeredBy: 'nobody' }])
    await gateway.lab.gateway.ip(`address add ${GATEWAY_UPLINK}/24 dev up0`)
    await expect.poll(() => ready(gateway), { timeout: 5_000 }).toBe('True Ready')
  } finally {
    await gateway.down()
  }
})

test('a gateway without any attached program does not say that it serves', async () => {
  const gateway = await GatewayLab.up()
  try {
    await gateway.lab.gateway.ip('link set up0 name gone0')
    await gateway.start()
    expect(gateway.complaints().at(-1)).toContain('serves nobody')
    expect(gateway.service.log).not.toContain('gateway is serving')
    await gateway.lab.gateway.ip('link set gone0 name up0')
    await gateway.service.waitForLog(/gateway is serving/)
  } finally {
    await gateway.down()
  }
})
