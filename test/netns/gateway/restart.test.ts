import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { NATGW } from '../../../scripts/lab/natgw.ts'
import { NAT_TABLE } from '../../../src/api/index.ts'
import { type SliceRow, useGateway } from '../../support/gateway-lab.ts'
import { Client, DNS_ADDRESS, startEchoServer, startWebServer, WEB_ADDRESS } from '../../support/netns.ts'

const FILE = randomBytes(24 << 20)
const SUM = createHash('sha256').update(FILE).digest('hex')
/** Addresses of interfaces without machines come behind this one. */
const FIRST = 10
/** Manifests of a burst. */
const BURST = 50
/** Milliseconds from a burst to the kill: natgw reads files, has stored objects, is dealing slices, writes maps. */
const KILLS = [70, 120, 150, 180]

const gateway = useGateway({}, async (gateway) => {
  const { lab } = gateway
  const web = await startWebServer(lab)
  writeFileSync(join(web.root, 'file'), FILE)
  await startEchoServer(lab.internet, DNS_ADDRESS, 7)
  // Further interfaces need no machines behind them to get a slice.
  await lab.gateway.ip('route add 10.0.0.0/24 dev p1 metric 1000')
  await gateway.serve()
})
const machine = () => gateway().lab.machine(1).host
const rangeOf = (row: SliceRow): string => `${row.publicAddress}:${row.firstPort}-${row.lastPort}`
const slices = async (): Promise<Record<string, string>> =>
  Object.fromEntries((await gateway().natgw.slices()).map((row) => [row.networkInterface, rangeOf(row)]))

test('a download goes on while natgw is killed and started again; the restart writes and repairs nothing', async () => {
  const before = await slices()
  let finished = false
  const download = machine()
    .run('sh', '-c', `curl -sS --fail --limit-rate 3M http://${WEB_ADDRESS}/file | sha256sum`)
    .finally(() => (finished = true))
  await delay(700)
  await gateway().kill()
  await delay(300)
  await gateway().start()
  await Promise.race([download, delay(0)]) // throws what curl says, should it have given up
  expect(finished).toBe(false)
  expect(await download).toContain(SUM)

  expect(await slices()).toEqual(before)
  expect(gateway().complaints()).toEqual([])
  expect(await gateway().stop()).toMatchObject({
    synced: { writes: 0, flushedMappings: 0 },
    repairs: { entries: {}, programs: 0 },
    statusWrites: 0,
  })
  await gateway().start()
})

test('status, slices, sessions and drops work while natgw does not run, with names, as JSON and as tables', async () => {
  await using client = Client.open(machine(), { protocol: 'tcp', address: DNS_ADDRESS, port: 7, sources: [35_000] })
  await client.ask('hello')
  const { natgw } = gateway()
  const [slicesBefore, dropsBefore] = [await natgw.slices(), await natgw.drops()]
  await gateway().kill()
  const status = await natgw.status()
  expect(status).toMatchObject({ agent: { running: false }, gateways: [{ ready: { status: 'True' } }] })
  expect(status.devices.map(({ device }) => device).sort()).toEqual(['p1', 'p2', 'up0'])
  expect(await natgw.slices()).toEqual(slicesBefore)
  expect((await natgw.sessions()).map(({ inside }) => inside)).toContain('10.0.0.1:35000')
  expect(await natgw.drops()).toEqual(dropsBefore)
  expect(await natgw.show('status')).toMatch(/no agent runs(.|\n)*default\/natgateway-sample/)
  expect(await natgw.show('slices')).toMatch(/^default\/m1 .*resolved/m)
  expect(await natgw.show('sessions')).toMatch(/^tcp .*10\.0\.0\.1:35000 .*established/im)
  expect(await natgw.show('drops')).toMatch(/translated: \d+ packets out/)
  await gateway().start()
})

test('natgw that is killed during bursts of manifest changes gives every interface one slice and moves none', async () => {
  let interfaces = 2
  for (const killAfter of KILLS) {
    for (let i = 0; i < BURST; i++, interfaces++) {
      gateway().addMachine({ name: `x${interfaces}`, address: `10.0.0.${FIRST + interfaces}`, network: 0 })
    }
    await delay(killAfter)
    await gateway().kill()
    const before = await slices()
    await gateway().start()
    await expect.poll(async () => Object.keys(await slices()).length, { timeout: 10_000 }).toBe(interfaces)
    const after = await slices()
    expect(after).toMatchObject(before)
    expect(new Set(Object.values(after)).size).toBe(interfaces)
    await expectSlicesApart()
  }
})

test('natgw that is killed while manifests are removed removes their entries and leaves the others alone', async () => {
  const before = await slices()
  const all = Object.keys(before).length
  for (let n = 2; n < all; n += 2) gateway().removeManifest(`x${n}`)
  await delay(120)
  await gateway().kill()
  await gateway().start()
  // What the folder lacks at a start is doubted for 30 s.
  await expect.poll(async () => Object.keys(await slices()).length, { timeout: 45_000 }).toBe(2 + (all - 2) / 2)
  expect(before).toMatchObject(await slices())
  await expectSlicesApart()
})

/** In the state file, where the truth is, and in the maps, which must say the same. */
async function expectSlicesApart(): Promise<void> {
  const sections = (await gateway().objects(NAT_TABLE)).flatMap(({ spec }) =>
    spec.sections.map((section) => ({ ...section, publicIp: spec.ip })),
  )
  const ports = sections.flatMap(({ publicIp, port, endPort }) =>
    Array.from({ length: endPort - port + 1 }, (_, i) => `${publicIp}:${port + i}`),
  )
  expect(new Set(ports).size).toBe(ports.length)
  const written = sections.map((each) => [
    `default/${each.targetRef.name}`,
    `${each.publicIp}:${each.port}-${each.endPort}`,
  ])
  expect(Object.fromEntries(written)).toEqual(await slices())
  expect(new Set(sections.map(({ targetRef }) => targetRef.uid)).size).toBe(sections.length)
}

test('natgw that is killed at any moment of its start starts again with all slices and flows', async () => {
  const before = await slices()
  await using client = Client.open(machine(), { protocol: 'tcp', address: DNS_ADDRESS, port: 7, sources: [35_050] })
  const answer = await client.ask('still there')
  await gateway().stop()
  for (let milliseconds = 150; milliseconds <= 600; milliseconds += 50) {
    const [program, args] = [process.execPath, [NATGW, 'run', '--config', gateway().files.config]]
    const service = await gateway().lab.gateway.start(`start-${milliseconds}`, program, ...args)
    await delay(milliseconds)
    await service.stop('SIGKILL')
    expect(await client.ask('still there')).toEqual(answer)
  }
  await gateway().start()
  expect(await slices()).toEqual(before)
  expect(gateway().complaints()).toEqual([])
  expect(await client.ask('still there')).toEqual(answer)
})

test('natgw that is killed at any moment of its first start starts again and serves', async () => {
  const { lab, natgw, files } = gateway()
  await gateway().stop()
  await natgw.show('unload', '--yes')
  for (let milliseconds = 200; milliseconds <= 600; milliseconds += 100) {
    const [program, args] = [process.execPath, [NATGW, 'run', '--config', files.config]]
    const service = await lab.gateway.start(`first-${milliseconds}`, program, ...args)
    await delay(milliseconds)
    await service.stop('SIGKILL')
    await gateway().start()
    expect(await machine().run('curl', '-sS', '-m', '5', `http://${WEB_ADDRESS}/`)).toContain('web server of the lab')
    expect(gateway().complaints()).toEqual([])
    await gateway().stop()
    await natgw.show('unload', '--yes')
  }
  await gateway().start()
})

test('SIGTERM ends natgw with status 0, traffic goes on, and unload removes everything', async () => {
  await using client = Client.open(machine(), {
    protocol: 'tcp',
    address: DNS_ADDRESS,
    port: 7,
    sources: [35_100],
    timeout: 1_000,
  })
  await client.ask('hello')
  await gateway().stop()
  expect(gateway().service.status).toBe(0)
  expect(await client.ask('after the end')).toEqual([
    { source: 35_100, reply: expect.stringContaining('after the end') as string },
  ])
  expect(await machine().run('curl', '-sS', '-m', '2', `http://${WEB_ADDRESS}/`)).toContain('web server of the lab')

  expect(await gateway().natgw.show('unload', '--yes')).toContain('3 programs detached')
  expect(await client.ask('after unload')).toEqual([{ source: 35_100, error: 'timeout' }])
  expect((await gateway().natgw.attempt('status', '--config', gateway().files.config)).stderr).toContain(
    'ERR_NOT_LOADED',
  )
})
