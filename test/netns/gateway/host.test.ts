import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { NETWORK_INTERFACE } from '../../../src/api/index.ts'
import { GatewayLab, isWithin, readProblems, useGateway } from '../../support/gateway-lab.ts'
import {
  ask,
  Capture,
  DNS_ADDRESS,
  GATEWAY_INSIDE,
  GATEWAY_UPLINK,
  INTERNET_ROUTER,
  type Namespace,
  startEchoServer,
  startWebServer,
  waitUntil,
  WEB_ADDRESS,
} from '../../support/netns.ts'

const SSH = 22
const NAT_PORTS = '40000-40255'

async function connects(host: Namespace, address: string, port: number, source = 0): Promise<string> {
  const [answer] = await ask(host, { protocol: 'tcp', address, port, sources: [source], timeout: 2_000 })
  return answer?.reply ?? answer?.error ?? ''
}

/** IPv6 link-local address of a device. */
async function linkLocal(host: Namespace, device: string): Promise<string> {
  return /fe80::[0-9a-f:]+/.exec(await host.run('ip', '-6', 'address', 'show', 'dev', device))?.[0] ?? ''
}

describe('the host of a running gateway', () => {
  const gateway = useGateway({ ipv6: true }, async (gateway) => {
    const { lab } = gateway
    for (const address of [GATEWAY_UPLINK, GATEWAY_INSIDE]) await startEchoServer(lab.gateway, address, SSH)
    await startEchoServer(lab.internet, WEB_ADDRESS, SSH)
    await gateway.serve()
  })
  const machine = () => gateway().lab.machine(1).host
  const internet = () => gateway().lab.internet

  test('takes connections to its uplink address from the internet, untranslated', async () => {
    expect(await connects(internet(), GATEWAY_UPLINK, SSH, 34_000)).toBe(`${INTERNET_ROUTER}:34000 hello`)
  })

  test('takes connections to its private and its uplink address from a private machine, untranslated', async () => {
    expect(await connects(machine(), GATEWAY_INSIDE, SSH, 34_001)).toBe('10.0.0.1:34001 hello')
    expect(await connects(machine(), GATEWAY_UPLINK, SSH, 34_002)).toBe('10.0.0.1:34002 hello')
  })

  test('connects to the internet and to private machines by itself', async () => {
    await startEchoServer(machine(), '10.0.0.1', SSH)
    const { lab } = gateway()
    expect(await connects(lab.gateway, WEB_ADDRESS, SSH, 34_003)).toBe(`${GATEWAY_UPLINK}:34003 hello`)
    expect(await connects(lab.gateway, '10.0.0.1', SSH, 34_004)).toBe(`${GATEWAY_INSIDE}:34004 hello`)
  })

  test.for([
    ['the internet', internet, GATEWAY_UPLINK, 'eth0'],
    ['a private machine', machine, GATEWAY_INSIDE, 'eth0'],
  ] as const)('answers ARP and ping of %s', async ([, from, address, device]) => {
    await from().ip('neigh flush all')
    expect(await from().run('ping', '-c', '2', '-i', '0.1', '-W', '2', address)).toContain(' 0% packet loss')
    expect(await from().run('ip', 'neigh', 'show', address, 'dev', device)).toMatch(/lladdr/)
  })

  test.for([
    ['the internet', internet, 'up0'],
    ['a private machine', machine, 'p1'],
  ] as const)('answers IPv6 neighbour discovery and ping of %s', async ([, from, device]) => {
    const address = await linkLocal(gateway().lab.gateway, device)
    expect(await from().run('ping', '-c', '2', '-i', '0.2', '-W', '2', `${address}%eth0`)).toContain(' 0% packet loss')
  })
})

describe('the host of two Networks that use one address', () => {
  const gateway = useGateway({ networks: [1, 1] }, async (gateway) => {
    await startEchoServer(gateway.lab.gateway, GATEWAY_INSIDE, SSH)
    await gateway.serve()
  })
  const machines = () => gateway().lab.machines.map(({ host }) => host)
  const pingsWeb = async (host: Namespace): Promise<boolean> =>
    (await host.attempt('ping', ['-c', '1', '-W', '2', WEB_ADDRESS])).status === 0

  test('answers neither machine, so that none gets the other’s answer; both are translated', async () => {
    const { lab, natgw } = gateway()
    const captures = await Promise.all(
      machines().map((host) => Capture.start(lab, host, 'eth0', `src host ${GATEWAY_INSIDE} and not arp`)),
    )
    for (const host of machines()) {
      expect(await pingsWeb(host)).toBe(true)
      expect((await host.attempt('ping', ['-c', '2', '-i', '0.1', '-W', '1', GATEWAY_INSIDE])).status).not.toBe(0)
      expect(await connects(host, GATEWAY_INSIDE, SSH)).not.toContain('hello')
    }
    await Promise.all(captures.map((capture) => capture.stop()))
    for (const capture of captures) expect(await capture.packets()).toEqual([])
    expect((await natgw.drops()).ambiguous_source).toBeGreaterThanOrEqual(6)
    const [one] = await gateway().objects(NETWORK_INTERFACE)
    const programmed = one?.status?.conditions?.find(({ type }) => type === 'Programmed')
    expect(programmed?.message).toContain('another Network here has the address too')
  })

  test('answers the machine to which its route leads, once the other is gone', async () => {
    gateway().removeManifest(gateway().lab.machine(1, 1).name)
    await gateway().waitForSlices(1)
    const [first, second] = machines()
    await waitUntil('an answer', 5_000, async () => (await connects(first!, GATEWAY_INSIDE, SSH)).includes('hello'))
    expect(await connects(second!, GATEWAY_INSIDE, SSH)).not.toContain('hello')
  })
})

test('a private device and the uplink go on after a change of their Ethernet addresses', async () => {
  const gateway = await GatewayLab.up()
  try {
    await gateway.serve()
    const { lab } = gateway
    const machine = lab.machine(1).host
    await lab.gateway.ip('link set p1 address 02:00:00:00:aa:01', 'link set up0 address 02:00:00:00:aa:02')
    await machine.ip('neigh flush all')
    await lab.internet.ip('neigh flush all')
    const pings = async () => (await machine.attempt('ping', ['-c', '1', '-W', '1', WEB_ADDRESS])).status === 0
    await waitUntil('a way out', 10_000, pings)
    expect((await gateway.natgw.drops()).internal).toBe(0)
  } finally {
    await gateway.down()
  }
})

describe(`a public address that the host shares with NAT, which has ports ${NAT_PORTS} of it`, () => {
  const shared = { prefix: `${GATEWAY_UPLINK}/32`, ports: NAT_PORTS, shared: true }
  const gateway = useGateway({ config: { publicPrefixes: [shared] } }, async (gateway) => {
    await startEchoServer(gateway.lab.internet, DNS_ADDRESS, 7)
    await startEchoServer(gateway.lab.gateway, GATEWAY_UPLINK, 8080)
    await gateway.serve()
  })

  test('natgw warns that connections of the host may use the same ports, and says how to keep them out', async () => {
    const remedy = `sysctl -w net.ipv4.ip_local_reserved_ports=${NAT_PORTS}`
    expect(gateway().complaints()).toContainEqual(expect.stringContaining(remedy))
    await gateway().lab.gateway.run(...(remedy.split(' ') as [string, ...string[]]))
    await gateway().stop()
    await gateway().start()
    expect(gateway().complaints()).toEqual([])
  })

  test('a server of the host on that address is reached from the internet', async () => {
    const { lab } = gateway()
    expect(await connects(lab.internet, GATEWAY_UPLINK, 8080, 34_100)).toBe(`${INTERNET_ROUTER}:34100 hello`)
    expect(await lab.internet.run('ping', '-c', '1', '-W', '2', GATEWAY_UPLINK)).toContain(' 0% packet loss')
  })

  test('the host downloads from the internet with that address while machines do through NAT', async () => {
    const { lab } = gateway()
    const web = await startWebServer(lab)
    const body = randomBytes(4 << 20)
    writeFileSync(join(web.root, 'file'), body)
    const download = ['sh', '-c', `curl -sS --fail http://${WEB_ADDRESS}/file | sha256sum`] as const
    const sum = createHash('sha256').update(body).digest('hex')
    const hosts = [lab.gateway, lab.machine(1).host, lab.machine(2).host]
    const sums = await Promise.all(hosts.map((host) => host.run(...download)))
    expect(sums.map((text) => text.split(' ')[0])).toEqual([sum, sum, sum])
    const ports = web.seen().map(({ address, port }) => [address, port >= 40_000 && port <= 40_255])
    expect(ports.sort()).toEqual([
      [GATEWAY_UPLINK, false],
      [GATEWAY_UPLINK, true],
      [GATEWAY_UPLINK, true],
    ])
  })

  test('NAT flows come from the slices of that range only', async () => {
    for (const machine of gateway().lab.machines) {
      const slice = await gateway().sliceOf(machine)
      expect(slice).toMatchObject({ publicAddress: GATEWAY_UPLINK })
      expect(slice.firstPort).toBeGreaterThanOrEqual(40_000)
      expect(slice.lastPort).toBeLessThanOrEqual(40_255)
      const sources = Array.from({ length: 20 }, (_, i) => 34_200 + i)
      for (const protocol of ['tcp', 'udp'] as const) {
        const answers = await ask(machine.host, { protocol, address: DNS_ADDRESS, port: 7, sources })
        expect(answers.filter(({ reply }) => !isWithin(slice, reply?.split(' ')[0] ?? ''))).toEqual([])
      }
    }
  })
})

describe('containers of the host behind masquerade, beside a shared address', () => {
  const [first, last] = [40_000, 49_999]
  const wide = { prefix: `${GATEWAY_UPLINK}/32`, ports: `${first}-${last}`, shared: true }
  /** What docs/configuration.md gives. */
  const RIGHT = 'meta l4proto { tcp, udp, icmp } masquerade to :50000-60999'
  let container: Namespace
  const gateway = useGateway({ config: { publicPrefixes: [wide], driftIntervalSeconds: 1 } }, async (gateway) => {
    const { lab } = gateway
    await startEchoServer(lab.internet, DNS_ADDRESS, 7)
    await lab.gateway.sysctl(`net.ipv4.ip_local_reserved_ports=${first}-${last}`)
    container = await lab.addContainer()
    await gateway.serve()
  })
  const masquerade = (rule: string) =>
    gateway().lab.gateway.run(
      'nft',
      `add table ip nat; add chain ip nat post { type nat hook postrouting priority 100; }; flush chain ip nat post; ` +
        `add rule ip nat post ip saddr 172.17.0.0/16 oifname up0 ${rule}`,
    )
  const reasons = async () => (await readProblems(gateway())).map(({ reason }) => reason)

  test('a rule without ports is named once it is there, and breaks connections from ports of NAT', async () => {
    await masquerade('masquerade')
    await expect.poll(reasons, { timeout: 5_000 }).toEqual(['SourceNatTakesPorts'])
    expect(await connects(container, DNS_ADDRESS, 7, first + 5)).not.toContain('hello')
    expect(await connects(container, DNS_ADDRESS, 7, last + 5)).toContain(`${GATEWAY_UPLINK}:${last + 5} hello`)
  })

  test('the rule of docs/configuration.md gives connections other ports and ends the problem', async () => {
    await masquerade(RIGHT)
    await expect.poll(reasons, { timeout: 5_000 }).toEqual([])
    for (const source of [first + 6, last + 6]) {
      expect(await connects(container, DNS_ADDRESS, 7, source)).toMatch(/^192\.0\.2\.\d+:(5\d|60)\d{3} hello/)
    }
    expect(await container.run('ping', '-c', '1', '-W', '2', DNS_ADDRESS)).toContain(' 0% packet loss')
    expect(readFileSync('docs/configuration.md', 'utf8')).toContain(RIGHT)
  })
})
