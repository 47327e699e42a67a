import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { useGateway } from '../../support/gateway-lab.ts'
import {
  ask,
  Capture,
  DNS_ADDRESS,
  GATEWAY_INSIDE,
  GATEWAY_UPLINK,
  gatewayManifest,
  interfaceManifest,
  startEchoServer,
  startWebServer,
  waitUntil,
  WEB_ADDRESS,
  writeManifest,
} from '../../support/netns.ts'
import { ipv4, udp } from '../../support/packet.ts'
import { keepSending, sendPackets, troublesomePackets } from './raw-packets.ts'

// The kernel of the gateway host forwards on purpose (lab.ts): what slips past the programs arrives in the internet, with
// the private address it was sent with. Anything private counts: a source, a destination, an ARP sender, and what an ICMP
// error quotes.
const QUOTED = '(icmp[20:4] & 0xff000000 = 0x0a000000 or icmp[24:4] & 0xff000000 = 0x0a000000)'
const PRIVATE = `net 10.0.0.0/8 or ((icmp[0] = 3 or icmp[0] = 11) and ${QUOTED})`
const STRANGER = '10.99.0.1'
const packets = troublesomePackets('10.0.0.1', WEB_ADDRESS, STRANGER)

const gateway = useGateway({ portsPerNetworkInterface: 2048 }, async ({ lab }) => {
  await startWebServer(lab)
  await startEchoServer(lab.internet, DNS_ADDRESS, 7)
  // Nobody listens for its answers to single packets: a port unreachable, with a quote, goes back out for each.
  await startEchoServer(lab.internet, WEB_ADDRESS, 7)
  await lab.machine(1).host.sysctl('net.ipv4.icmp_ratelimit=0')
})

/** Of what crosses the internet's end of the uplink while `body` runs. @returns what is private in it */
async function leaksDuring(body: () => Promise<unknown>): Promise<string[]> {
  const { lab } = gateway()
  const capture = await Capture.start(lab, lab.internet, 'eth0', PRIVATE)
  try {
    await body()
  } finally {
    await capture.stop()
  }
  return capture.packets()
}

/** Everything a machine can send, well-behaved or not. */
async function traffic(): Promise<void> {
  const { lab } = gateway()
  const [m1, m2] = [lab.machine(1).host, lab.machine(2).host]
  const sources = Array.from({ length: 40 }, (_, i) => 33_000 + i)
  const echo = { address: DNS_ADDRESS, port: 7, sources, timeout: 1_000 }
  await Promise.all([
    sendPackets(m1, Object.values(packets)),
    ...[m1, m2].flatMap((host) => [
      ask(host, { ...echo, protocol: 'tcp' }),
      ask(host, { ...echo, protocol: 'udp' }),
      host.attempt('sh', ['-c', `for i in 1 2 3; do curl -sS -m 1 -o /dev/null http://${WEB_ADDRESS}/; done`]),
      host.attempt('ping', ['-c', '5', '-i', '0.05', '-W', '1', WEB_ADDRESS]),
      host.attempt('ping', ['-c', '2', '-i', '0.05', '-W', '1', '-s', '4000', WEB_ADDRESS]),
      host.attempt('ping', ['-c', '2', '-i', '0.05', '-W', '1', '-t', '1', WEB_ADDRESS]),
    ]),
  ])
}

test('each kind of packet leaks without the gateway, and the capture shows it', async () => {
  const leaks = await leaksDuring(traffic)
  const count = (pattern: RegExp) => leaks.filter((line) => pattern.test(line)).length
  expect(count(/ 10\.0\.0\.1\.33\d\d\d > .*Flags \[S\]/)).toBeGreaterThan(0)
  expect(count(/ 10\.0\.0\.2\.33\d\d\d > .*UDP/)).toBeGreaterThan(0)
  expect(count(/ICMP echo request/)).toBeGreaterThan(0)
  expect(count(/proto GRE/)).toBeGreaterThan(0)
  expect(count(/proto SCTP/)).toBeGreaterThan(0)
  expect(count(/flags \[\+\]/)).toBeGreaterThan(0)
  expect(count(new RegExp(` ${STRANGER} > | ${STRANGER}\\.`))).toBeGreaterThan(0)
})

test('no packet of any kind leaves untranslated under load', async () => {
  await gateway().serve()
  expect(await leaksDuring(traffic)).toEqual([])
  const drops = await gateway().natgw.drops()
  expect(drops).toMatchObject({ internal: 0, disabled: 0 })
  for (const reason of ['fragment', 'protocol', 'spoofed_source', 'unknown_source', 'tcp_not_syn', 'ttl_expired']) {
    expect(drops[reason], reason).toBeGreaterThan(0)
  }
  expect((await gateway().natgw.sessions()).length).toBeGreaterThan(80)
  const icmp = (await gateway().lab.internet.run('nstat', '-asz', 'IcmpInDestUnreachs')).split(/\s+/)
  expect(Number(icmp[icmp.indexOf('IcmpInDestUnreachs') + 1])).toBeGreaterThan(0)
})

test('no packet leaves untranslated while gateways and interfaces come and go and natgw is killed, restarted and ended', async () => {
  const { lab, files, natgw } = gateway()
  const ticks = { sent: 0 }
  const leaks = await leaksDuring(async () => {
    const senders = await Promise.all(lab.machines.map(({ host }) => keepSending(host, Object.values(packets), 0.002)))
    const pages = await lab
      .machine(1)
      .host.start(
        'pages',
        'sh',
        '-c',
        `while :; do curl -sS -m 1 -o /dev/null http://${WEB_ADDRESS}/ && echo got; sleep 0.05; done`,
      )
    const gotMore = async () => {
      const before = pages.log.split('got').length
      await waitUntil('another page', 10_000, () => pages.log.split('got').length > before)
      ticks.sent++
    }
    await gotMore()
    gateway().removeManifest('gateway-0')
    await gateway().waitForSlices(0)
    await delay(100)
    writeManifest(files, 'gateway-0', gatewayManifest(0, 2048))
    await gotMore()
    gateway().removeManifest('m1')
    await gateway().waitForSlices(1)
    writeManifest(files, 'm1', interfaceManifest(lab.machine(1)))
    await gotMore()
    await gateway().kill()
    await gotMore()
    await gateway().start()
    await gotMore()
    await gateway().stop()
    await gotMore()
    await gateway().start()
    await gotMore()
    await Promise.all([...senders, pages].map((service) => service.stop()))
  })
  expect(leaks).toEqual([])
  expect(ticks.sent).toBe(7)
  expect((await natgw.drops()).internal).toBe(0)
})

test('the internet reaches no private machine by its own address, though the host forwards and has a route', async () => {
  const { lab, natgw } = gateway()
  await lab.gateway.sysctl('net.ipv4.ip_forward=1')
  await lab.internet.ip(`route replace 10.0.0.0/24 via ${GATEWAY_UPLINK}`)
  const arrived = await Capture.start(lab, lab.machine(1).host, 'eth0', `src host ${WEB_ADDRESS} and dst host 10.0.0.1`)
  const before = (await natgw.drops()).inside_address ?? 0
  try {
    await sendPackets(lab.internet, [ipv4({ from: WEB_ADDRESS, to: '10.0.0.1' }, udp(41_200, 9))])
    await waitUntil('it to be counted', 5_000, async () => (await natgw.drops()).inside_address === before + 1)
  } finally {
    await arrived.stop()
    await lab.internet.ip('route del 10.0.0.0/24')
  }
  expect(await arrived.packets()).toEqual([])
})

test.for([0, 1])('a source route through the host leads nowhere, with accept_source_route=%i', async (accepted) => {
  const { lab, natgw } = gateway()
  const all = `net.ipv4.conf.all.accept_source_route=${accepted}`
  await lab.gateway.sysctl('net.ipv4.ip_forward=1', all, `net.ipv4.conf.p1.accept_source_route=${accepted}`)
  await lab.gateway.sysctl(`net.ipv4.conf.up0.accept_source_route=${accepted}`)
  const by = (address: string) => Uint8Array.of(131, 7, 4, ...address.split('.').map(Number), 0)
  const before = (await natgw.drops()).source_route ?? 0
  const arrived = await Capture.start(lab, lab.machine(1).host, 'eth0', 'udp and dst host 10.0.0.1')
  try {
    const out = ipv4({ from: '10.0.0.1', to: GATEWAY_INSIDE, options: by(WEB_ADDRESS) }, udp(41_100, 9))
    const into = ipv4({ from: WEB_ADDRESS, to: GATEWAY_UPLINK, options: by('10.0.0.1') }, udp(41_100, 9))
    expect(await leaksDuring(() => sendPackets(lab.machine(1).host, [out]))).toEqual([])
    await sendPackets(lab.internet, [into])
    await waitUntil('both to be counted', 5_000, async () => (await natgw.drops()).source_route === before + 2)
  } finally {
    await arrived.stop()
  }
  expect(await arrived.packets()).toEqual([])
})
