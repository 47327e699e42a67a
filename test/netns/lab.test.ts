import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import * as netns from '../support/netns.ts'
import { Capture, Client, Lab, startDnsServer, startEchoServer, startWebServer, useLab } from '../support/netns.ts'

/** The internet knows the way back to private addresses: only in tests of the lab itself. */
async function routePrivateAddresses(lab: Lab): Promise<void> {
  await lab.internet.ip(`route add 10.0.0.0/24 via ${netns.GATEWAY_UPLINK}`)
}

describe('a lab', () => {
  const current = useLab({ networks: [2, 1], servers: 1 })
  beforeAll(() => routePrivateAddresses(current()))

  it('lets each machine reach the internet through the kernel of the gateway', async () => {
    const lab = current()
    for (const machine of [lab.machine(1), lab.machine(2)]) {
      for (const address of [netns.WEB_ADDRESS, lab.servers[0]!.address]) {
        await machine.host.run('ping', '-c', '1', '-W', '2', address)
      }
    }
  })

  it('gives machines of another Network the same addresses on devices of their own', async () => {
    const lab = current()
    expect(lab.machine(1, 1)).toMatchObject({ name: 'n1', address: lab.machine(1).address, device: 'q1' })
    // One routing table sends answers for both to the first; ARP does not ask it.
    await lab.machine(1, 1).host.attempt('ping', ['-c', '1', '-W', '1', netns.GATEWAY_INSIDE])
    const mac = /link.ether (\S+)/.exec(await lab.gateway.run('ip', 'link', 'show', 'q1'))![1]!
    expect(await lab.machine(1, 1).host.run('ip', 'neighbour', 'show', netns.GATEWAY_INSIDE)).toContain(mac)
  })

  it('asks the gateway for public addresses by ARP', async () => {
    const lab = current()
    const capture = await Capture.start(lab, lab.internet, 'eth0', 'arp')
    await lab.internet.attempt('ping', ['-c', '1', '-W', '1', '198.51.100.7'])
    await capture.stop()
    expect((await capture.packets()).join('\n')).toMatch(/who-has 198\.51\.100\.7 tell 192\.0\.2\.1/)
  })

  it('serves web pages and shows the address of each client', async () => {
    const lab = current()
    const web = await startWebServer(lab)
    const { host, address } = lab.machine(1)
    const url = `http://${netns.WEB_ADDRESS}`
    const who = await host.run('curl', '-s', '--local-port', '41000', `${url}/whoami`)
    expect(who).toBe(`${address}:41000\n`)
    expect(await host.run('curl', '-s', '--local-port', '41001', `${url}/`)).toContain('web server of the lab')
    expect(web.seen()).toEqual([
      { address, port: 41000, path: '/whoami', status: 200 },
      { address, port: 41001, path: '/index.html', status: 200 },
    ])
  })

  it('answers DNS queries', async () => {
    const lab = current()
    const dns = await startDnsServer(lab)
    const { host, address } = lab.machine(2)
    const answer = await host.run('dig', '+short', '+time=2', '+tries=1', `@${netns.DNS_ADDRESS}`, 'web.example')
    expect(answer.trim()).toBe(netns.WEB_ADDRESS)
    expect(dns.log).toMatch(new RegExp(`${address}/\\d+ query\\[A\\] web\\.example`))
  })

  describe.each(['tcp', 'udp'] as const)('echo over %s', (protocol) => {
    const port = protocol === 'tcp' ? 7001 : 7002

    it('shows the source of each of many connections, which stay open', async () => {
      const lab = current()
      const { address } = lab.servers[0]!
      await startEchoServer(lab.servers[0]!.host, address, port)
      const sources = Array.from({ length: 50 }, (_, i) => 42_000 + i)
      const client = Client.open(lab.machine(1).host, { protocol, address, port, sources })
      for (const text of ['first', 'second']) {
        const expected = sources.map((source) => ({ source, reply: `10.0.0.1:${source} ${text}` }))
        expect(await client.ask(text)).toEqual(expected)
      }
      await client.close()
    })

    it('reports the failure of a connection to no server', async () => {
      const lab = current()
      const plan = { protocol, address: netns.WEB_ADDRESS, port: 9, sources: [43_000] }
      expect(await netns.ask(lab.machine(1).host, plan)).toEqual([{ source: 43_000, error: 'ECONNREFUSED' }])
    })
  })

  it('carries complete checksums and frames no larger than the MTU, as a cable would', async () => {
    const lab = current()
    const web = await startWebServer(lab, lab.servers[0]!.host, lab.servers[0]!.address)
    await netns.run('truncate', ['-s', '1M', `${web.root}/zeros`])
    const capture = await Capture.start(lab, lab.machine(1).host, 'eth0', 'tcp')
    await lab.machine(1).host.run('curl', '-s', '-o', '/dev/null', `http://${lab.servers[0]!.address}/zeros`)
    await capture.stop()
    const lengths = (await capture.packets('src net 203.0.113.0/24')).map((line) =>
      Number(/length (\d+)/.exec(line)![1]),
    )
    expect(Math.max(...lengths)).toBe(1500)
    expect((await capture.packets()).filter((line) => line.includes('incorrect'))).toEqual([])
  })
})

describe('when a lab goes down', () => {
  const labs: Lab[] = []
  afterEach(() => Promise.all(labs.splice(0).map((lab) => lab.down())))

  function leftovers(id: string): string[] {
    const named = (folder: string): string[] =>
      existsSync(folder) ? readdirSync(folder).filter((name) => name.includes(id)) : []
    return [...named('/run/netns'), ...named(tmpdir())]
  }

  function alive(pid: number): boolean {
    return existsSync(`/proc/${pid}`) && existsSync(`/proc/${pid}/exe`)
  }

  it('nothing of it is left, and another one is not disturbed', async () => {
    const [lab, other] = await Promise.all([Lab.up(), Lab.up({ networks: [1] })])
    labs.push(lab, other)
    const web = await startWebServer(lab)
    const sleeper = await lab.gateway.start('sleep', 'sleep', '1000')
    // A child that has left the group of the program that was started.
    await lab.gateway.run('sh', '-c', 'setsid sleep 1000 >/dev/null 2>&1 </dev/null &')
    const inside = (await netns.run('ip', ['netns', 'pids', lab.gateway.fullName])).trim().split('\n').map(Number)
    expect(inside).toHaveLength(2)
    await lab.down()
    expect(leftovers(lab.id)).toEqual([])
    expect([web.service.pid, sleeper.pid, ...inside].filter(alive)).toEqual([])
    await other.machine(1).host.run('ping', '-c', '1', '-W', '2', netns.GATEWAY_INSIDE)
  })

  /** Runs a program of its own that makes a lab, starts a server in it and then does `rest`. */
  async function labOfAnotherProcess(rest: string): Promise<{ child: ReturnType<typeof spawn>; id: string }> {
    const program = `
      const { Lab } = await import(${JSON.stringify(new URL('../../scripts/lab/lab.ts', import.meta.url).href)})
      const lab = await Lab.up({ networks: [1] })
      await lab.gateway.start('sleep', 'sleep', '1000')
      console.log(lab.id)
      ${rest}`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'pipe'] })
    const [id] = (await once(child.stdout, 'data')) as [Buffer]
    return { child, id: id.toString().trim() }
  }

  it.each(['SIGTERM', 'SIGINT'] as const)('because its process got %s, nothing of it is left', async (signal) => {
    const { child, id } = await labOfAnotherProcess('setInterval(() => {}, 1000)')
    child.kill(signal)
    await once(child, 'exit')
    expect(leftovers(id)).toEqual([])
  })

  it('because its process failed, nothing of it is left', async () => {
    const { child, id } = await labOfAnotherProcess('throw new Error("expected by the test")')
    await once(child, 'exit')
    expect(leftovers(id)).toEqual([])
  })

  it('its id is enough to remove it after its process was killed', async () => {
    const { child, id } = await labOfAnotherProcess('setInterval(() => {}, 1000)')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(leftovers(id)).not.toEqual([])
    Lab.downById(id)
    expect(leftovers(id)).toEqual([])
  })

  it('a lab that is kept stays with its servers and can be found', async () => {
    const { child, id } = await labOfAnotherProcess('lab.keep(); process.exit(0)')
    if (child.exitCode === null) await once(child, 'exit')
    try {
      expect(Lab.kept()).toContain(id)
      expect((await netns.run('ip', ['netns', 'pids', `natgw-${id}-gw`])).trim()).not.toBe('')
    } finally {
      Lab.downById(id)
    }
    expect(Lab.kept()).not.toContain(id)
    expect(leftovers(id)).toEqual([])
  })
})
