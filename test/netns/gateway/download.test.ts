import { createHash, randomBytes } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { isWithin, useGateway } from '../../support/gateway-lab.ts'
import {
  type Answer,
  ask,
  Client,
  DNS_ADDRESS,
  startEchoServer,
  startWebServer,
  WEB_ADDRESS,
} from '../../support/netns.ts'

const ECHO = { address: DNS_ADDRESS, port: 7 }
const MEGABYTES = 100
const CONNECTIONS = 200

/** Writes a file that differs in every megabyte. @returns its SHA-256 */
function writeLargeFile(path: string): string {
  const hash = createHash('sha256')
  const file = openSync(path, 'w')
  for (let i = 0; i < MEGABYTES; i++) {
    const chunk = randomBytes(1 << 20)
    writeSync(file, chunk)
    hash.update(chunk)
  }
  closeSync(file)
  return hash.digest('hex')
}

const endpointOf = ({ reply }: Answer): string => reply?.split(' ')[0] ?? ''
const errorsOf = (answers: Answer[]): string[] => answers.flatMap(({ error }) => error ?? [])

describe('a gateway with slices of 256 ports', () => {
  const gateway = useGateway({ portsPerNetworkInterface: 256 })
  const machines = () => [gateway().lab.machine(1), gateway().lab.machine(2)] as const

  beforeAll(() => startEchoServer(gateway().lab.internet, ECHO.address, ECHO.port))

  test('100 MB arrive over HTTP as they were sent', async () => {
    const { lab } = gateway()
    const web = await startWebServer(lab)
    const sum = writeLargeFile(join(web.root, 'large'))
    const download = `curl -sS --fail http://${WEB_ADDRESS}/large | sha256sum`
    expect(await lab.machine(1).host.run('sh', '-c', download)).toContain(sum)
  })

  test.for(['tcp', 'udp'] as const)(
    `${CONNECTIONS} flows over %s from each of two machines with the same source ports are all answered, each from the slice of its machine, none sharing a port`,
    async (protocol) => {
      const sources = Array.from({ length: CONNECTIONS }, (_, i) => 30_000 + i)
      const clients = machines().map(({ host }) => Client.open(host, { protocol, ...ECHO, sources, timeout: 10_000 }))
      try {
        const answers = await Promise.all(clients.map((client) => client.ask('one')))
        expect(answers.flatMap(errorsOf)).toEqual([])
        for (const [i, machine] of machines().entries()) {
          const slice = await gateway().sliceOf(machine)
          const outside = answers[i]!.map(endpointOf).filter((endpoint) => !isWithin(slice, endpoint))
          expect(outside, `${machine.name} has ${slice.publicAddress}:${slice.firstPort}-${slice.lastPort}`).toEqual([])
          expect(slice.used[protocol]).toBeGreaterThanOrEqual(CONNECTIONS)
        }
        expect(new Set(answers.flat().map(endpointOf)).size).toBe(2 * CONNECTIONS)
        const again = await Promise.all(clients.map((client) => client.ask('two')))
        expect(again.flat().map(endpointOf)).toEqual(answers.flat().map(endpointOf))
      } finally {
        await Promise.all(clients.map((client) => client.close()))
      }
    },
  )
})

describe('a gateway with timers of 2 s for established TCP and UDP, 1 s for the rest', () => {
  const timers = { tcpEstablished: 2, tcpTransitory: 1, udp: 2, icmp: 1 }
  const gateway = useGateway({ config: { timers } }, async (gateway) => {
    await gateway.serve()
    await startEchoServer(gateway.lab.internet, ECHO.address, ECHO.port)
    await startEchoServer(gateway.lab.internet, WEB_ADDRESS, ECHO.port)
  })
  const host = () => gateway().lab.machine(1).host

  test.concurrent(
    'a TCP connection idle for less than its timer resumes, one idle for longer is dropped, and a new one works',
    async () => {
      await using client = Client.open(host(), { protocol: 'tcp', ...ECHO, sources: [31_000, 31_001], timeout: 1_500 })
      const first = await client.ask('one')
      expect(errorsOf(first)).toEqual([])
      await delay(1_200)
      expect((await client.ask('two')).map(endpointOf)).toEqual(first.map(endpointOf))

      const before = (await gateway().natgw.drops()).tcp_not_syn ?? 0
      await delay(3_200)
      expect(errorsOf(await client.ask('three'))).toEqual(['timeout', 'timeout'])
      expect((await gateway().natgw.drops()).tcp_not_syn ?? 0).toBeGreaterThan(before)
      expect(errorsOf(await ask(host(), { protocol: 'tcp', ...ECHO, sources: [31_002] }))).toEqual([])
    },
  )

  test.concurrent(
    'a UDP mapping keeps its port as long as it is used, whoever it talks to, and is gone when it is not',
    async () => {
      const source = { protocol: 'udp' as const, port: ECHO.port, sources: [31_100] }
      const first = await ask(host(), { ...source, address: DNS_ADDRESS })
      expect(errorsOf(first)).toEqual([])
      for (const address of [WEB_ADDRESS, DNS_ADDRESS]) {
        await delay(1_200)
        expect((await ask(host(), { ...source, address })).map(endpointOf)).toEqual(first.map(endpointOf))
      }
      const inside = `${gateway().lab.machine(1).address}:31100`
      const present = async () => (await gateway().natgw.sessions()).some((session) => session.inside === inside)
      expect(await present()).toBe(true)
      await delay(2_500)
      expect(await present()).toBe(false)
    },
  )
})

describe('two Networks with the same addresses', () => {
  const gateway = useGateway({ networks: [1, 1] })

  test('are kept apart: the same source ports of 10.0.0.1 in each get ports of different slices', async () => {
    const { lab } = gateway()
    await startEchoServer(lab.internet, ECHO.address, ECHO.port)
    const sources = Array.from({ length: 20 }, (_, i) => 30_000 + i)
    const seen = new Set<string>()
    for (const machine of [lab.machine(1, 0), lab.machine(1, 1)]) {
      const slice = await gateway().sliceOf(machine)
      expect(slice.insideAddress).toBe('10.0.0.1')
      for (const protocol of ['tcp', 'udp'] as const) {
        const endpoints = (await ask(machine.host, { protocol, ...ECHO, sources })).map(endpointOf)
        expect(endpoints.filter((endpoint) => !isWithin(slice, endpoint))).toEqual([])
        for (const endpoint of endpoints) seen.add(`${protocol} ${endpoint}`)
      }
    }
    expect(seen.size).toBe(4 * sources.length)
  })
})
