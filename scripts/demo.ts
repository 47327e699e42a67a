// Runs the gateway in a lab of network namespaces, step by step, and shows what happens on the wire. Exit status 0 only if
// every step held.
import { rmSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { SliceRow } from '../src/cli/inspect.ts'
import { parseAddress } from '../src/net/address.ts'
import { containsAddress, parseCidr } from '../src/net/cidr.ts'
import {
  gatewayManifest,
  interfaceManifest,
  networkManifest,
  writeGatewayConfig,
  writeManifest,
} from './lab/gateway-files.ts'
import type { Machine } from './lab/lab.ts'
import { Lab } from './lab/lab.ts'
import { Natgw } from './lab/natgw.ts'
import { waitUntil } from './lab/process.ts'
import { startDnsServer, startWebServer } from './lab/servers.ts'
import { DNS_ADDRESS, PUBLIC_PREFIX, WEB_ADDRESS } from './lab/topology.ts'

const USAGE = `usage: npm run demo [-- --keep | --down]
  --keep   leave the lab running and say how to look around in it
  --down   remove labs that were kept`

let steps = 0
function step(title: string): void {
  console.log(`\n${++steps}. ${title}`)
}
function say(text: string): void {
  console.log(text.replace(/^/gm, '   '))
}
function expect(held: boolean, statement: string): void {
  if (!held) throw new Error(`this did not hold: ${statement}`)
  say(`✔ ${statement}`)
}

function inside({ firstPort, lastPort }: SliceRow, port: number): boolean {
  return port >= firstPort && port <= lastPort
}

async function demo(keep: boolean): Promise<void> {
  console.log('A NAT gateway between two private machines and an internet, all in network namespaces of this host.')
  step('Building the lab')
  const lab = await Lab.up()
  let kept = false
  try {
    kept = await show(lab, keep)
  } finally {
    if (!kept) await lab.down()
  }
  console.log(kept ? '' : `\nAll ${steps} steps held.`)
}

/** @returns whether the lab goes on running */
async function show(lab: Lab, keep: boolean): Promise<boolean> {
  const web = await startWebServer(lab)
  const dns = await startDnsServer(lab)
  say(`machines ${lab.machines.map(({ name, address }) => `${name} (${address})`).join(' and ')}, the gateway host gw,`)
  say(`an internet with nginx at ${WEB_ADDRESS} and dnsmasq at ${DNS_ADDRESS}`)

  step('Starting the gateway standalone: natgw run --config gateway.yaml')
  const files = writeGatewayConfig(lab)
  const natgw = new Natgw(lab, files.config)
  const agent = await natgw.start()
  const [m1, m2] = lab.machines as [Machine, Machine]
  const early = await m1.host.attempt('curl', ['-sS', '-m', '1', `http://${WEB_ADDRESS}/`])
  expect(early.status !== 0 && web.seen().length === 0, 'without a NATGateway nothing gets out')

  step('Applying the manifests: the Network, its NetworkInterfaces and the documents’ own NATGateway')
  writeManifest(files, 'network', networkManifest(0), ...lab.machines.map(interfaceManifest))
  const gatewayFile = writeManifest(files, 'natgateway', gatewayManifest(0, 64))
  const slices = await natgw.waitForSlices(2)
  await waitUntil(
    'the gateway to be ready',
    10_000,
    async () => (await natgw.status()).gateways[0]?.ready.status === 'True',
  )
  const status = await natgw.status()
  say(await natgw.show('status'))
  const ips = status.gateways[0]?.ips ?? []
  expect(ips.length === 1, `status.ips is [{name: ${ips[0]?.name}, ip: ${ips[0]?.ip}}]`)

  step('A port slice for each machine: natgw slices')
  say(await natgw.show('slices'))
  const sliceOf = ({ address }: Machine): SliceRow => {
    const row = slices.find(({ insideAddress }) => insideAddress === address)
    if (row === undefined) throw new Error(`${address} has no slice`)
    return row
  }
  for (const machine of lab.machines) {
    const { publicAddress, firstPort, lastPort } = sliceOf(machine)
    expect(lastPort - firstPort + 1 === 64, `${machine.name} owns ${publicAddress}:${firstPort}-${lastPort}, 64 ports`)
  }

  for (const machine of lab.machines) {
    const slice = sliceOf(machine)
    step(`${machine.name} looks a name up, downloads a page and pings`)
    const answer = (
      await machine.host.run('dig', '+short', '+tries=2', '+time=2', `@${DNS_ADDRESS}`, 'web.example')
    ).trim()
    expect(answer === WEB_ADDRESS, `DNS: web.example is ${answer}`)
    const asked = [...dns.log.matchAll(/ (\d+\.\d+\.\d+\.\d+)\/(\d+) query\[A\] web\.example/g)].at(-1) ?? []
    const dnsPort = Number(asked[2])
    expect(
      asked[1] === slice.publicAddress && inside(slice, dnsPort),
      `the DNS server was asked by ${asked[1]}:${dnsPort}`,
    )
    const page = (await machine.host.run('curl', '-sS', '-m', '5', `http://${answer}/`)).trim()
    expect(page.startsWith('web server of the lab'), `HTTP: "${page}"`)
    const seen = web.seen().at(-1)
    expect(
      seen?.address === slice.publicAddress && inside(slice, seen.port),
      `the web server saw ${seen?.address}:${seen?.port}, inside of ${machine.name}’s slice`,
    )
    const ping = await machine.host.run('ping', '-c', '2', '-i', '0.2', '-W', '2', WEB_ADDRESS)
    expect(ping.includes(' 0% packet loss'), /\d+ packets transmitted.*loss/.exec(ping)?.[0] ?? 'ping answered')
  }

  step('The session table: natgw sessions')
  say(await natgw.show('sessions'))
  const sessions = await natgw.sessions()
  expect(
    lab.machines.every(({ address }) => sessions.some(({ inside: endpoint }) => endpoint.startsWith(`${address}:`))),
    `${sessions.length} sessions, of both machines`,
  )

  step('The internet tries to connect to m1’s slice, unasked')
  const before = (await natgw.drops()).no_mapping ?? 0
  const { publicAddress, lastPort } = sliceOf(m1)
  const target = `${publicAddress}:${lastPort}`
  const tried = await lab.internet.attempt('curl', ['-sS', '-m', '1', `http://${target}/`])
  const after = (await natgw.drops()).no_mapping ?? 0
  say(await natgw.show('drops'))
  expect(tried.status === 28, `the connection to ${target} gets no answer`)
  expect(after > before, `dropped and counted: no_mapping ${before} → ${after}`)

  if (keep) {
    keepLab(lab, files.config, m1)
    return true
  }

  step('Deleting the NATGateway')
  rmSync(gatewayFile)
  await natgw.waitForSlices(0)
  const requests = web.seen().length
  const late = await m2.host.attempt('curl', ['-sS', '-m', '1', `http://${WEB_ADDRESS}/`])
  expect(
    late.status !== 0 && web.seen().length === requests,
    'its slices and addresses are gone; nothing gets out any more',
  )
  expect((await natgw.status()).gateways.length === 0, 'natgw status lists no gateway')
  expect(
    web.seen().every(({ address }) => containsAddress(parseCidr(PUBLIC_PREFIX), parseAddress(address))),
    'the web server never saw an address that is not a public one of the gateway',
  )
  expect(((await natgw.drops()).internal ?? 0) === 0, 'the programs met no state that they rule out')

  step('Ending the gateway and unloading its programs')
  await agent.stop()
  say(await natgw.show('unload', '--yes'))
  return false
}

function keepLab(lab: Lab, config: string, m1: Machine): void {
  const shell = `${lab.folder}/natgw`
  const command = `exec nsenter --net=${lab.gateway.path} -- ${process.execPath} ${new URL('../dist/cli/main.js', import.meta.url).pathname} "$@" --config ${config}`
  writeFileSync(shell, `#!/bin/sh\n${command}\n`, { mode: 0o755 })
  lab.keep()
  console.log(`
All ${steps} steps held. The lab goes on running:
  ${shell} status | slices | sessions | drops      what the gateway does
  nsenter --net=${m1.host.path} curl http://${WEB_ADDRESS}/whoami      as m1
  nsenter --net=${lab.gateway.path} bash      on the gateway host
  ${lab.folder}/manifests      manifests: edit them, it follows
  npm run demo -- --down      removes it`)
}

function takeDown(): void {
  const kept = Lab.kept()
  for (const id of kept) Lab.downById(id)
  console.log(kept.length === 0 ? 'no lab was kept' : `removed ${kept.map((id) => `lab ${id}`).join(', ')}`)
}

const { values } = parseArgs({
  options: { keep: { type: 'boolean' }, down: { type: 'boolean' }, help: { type: 'boolean' } },
})
if (values.help === true) console.log(USAGE)
else if (values.down === true) takeDown()
else {
  try {
    await demo(values.keep === true)
  } catch (error) {
    console.error(`\nThe demo failed at step ${steps}: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  }
}
