import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { useGateway } from '../../support/gateway-lab.ts'
import { run, waitUntil, WEB_ADDRESS } from '../../support/netns.ts'
import { Supervisor } from '../../support/supervisor.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const NATGW = join(ROOT, 'bin/natgw')
/** As WatchdogSec=1. */
const WATCHDOG = { WATCHDOG_USEC: '1000000' }

const gateway = useGateway({}, (gateway) => gateway.serve().then(() => gateway.stop()))
const natgwRun = () => [NATGW, 'run', '--config', gateway().files.config]
/** Started directly, so that signals meet natgw itself. */
const spawnHere = (command: string[]) => {
  const [program = '', ...args] = command
  return spawn(...gateway().lab.gateway.command(program, ...args), { stdio: ['ignore', 'pipe', 'ignore'] })
}

let supervisor: Supervisor | undefined
afterEach(() => supervisor?.stop())
const supervised = async (socket: string, ...before: string[]) =>
  (supervisor = await Supervisor.start(gateway().lab.gateway, socket, WATCHDOG, [...before, ...natgwRun()]))

describe('natgw under a service manager', () => {
  test.for([
    ['a path', () => join(gateway().lab.folder, 'notify')],
    ['an abstract name', () => `@natgw-${gateway().lab.id}`],
  ] as const)('says by %s when it serves, that it lives, reloads and ends', async ([, socket]) => {
    const service = await supervised(socket())
    await service.waitFor(/^READY=1 STATUS=serving instance/)
    expect(service.output).toContain('"gateway is serving"')
    await service.waitFor(/^WATCHDOG=1$/, 2)
    service.signal('SIGHUP')
    await service.waitFor(/^RELOADING=1 MONOTONIC_USEC=\d+$/)
    await service.waitFor(/^READY=1$/)
    service.signal('SIGTERM')
    expect(await service.ended()).toBe(0)
    await service.waitFor(/^STOPPING=1/)
    expect(service.messages[1]).toMatch(/^READY=1/)
  })

  test('gives no sign of life while its loop does not turn', async () => {
    const service = await supervised(join(gateway().lab.folder, 'hung'))
    await service.waitFor(/^WATCHDOG=1$/)
    service.signal('SIGSTOP')
    await delay(200)
    const before = service.count(/^WATCHDOG=1$/)
    await delay(1_500)
    expect(service.count(/^WATCHDOG=1$/)).toBe(before)
    service.signal('SIGCONT')
    await service.waitFor(/^WATCHDOG=1$/, before + 1)
  })

  test('runs with the capabilities that the unit leaves it', async () => {
    const unit = readFileSync(join(ROOT, 'deploy/systemd/natgw.service'), 'utf8')
    const capabilities = /^CapabilityBoundingSet=(.*)$/m.exec(unit)?.[1]?.split(' ') ?? []
    const set = ['-all', ...capabilities.map((name) => `+${name.replace('CAP_', '').toLowerCase()}`)].join(',')
    const service = await supervised(
      join(gateway().lab.folder, 'bounded'),
      'setpriv',
      `--bounding-set=${set}`,
      '--no-new-privs',
    )
    await service.waitFor(/^READY=1/)
    service.signal('SIGTERM')
    expect(await service.ended()).toBe(0)
  })

  test('has a unit that systemd accepts', async () => {
    const unit = readFileSync(join(ROOT, 'deploy/systemd/natgw.service'), 'utf8')
    expect(unit).toContain('ExecStart=/usr/local/bin/natgw run\n')
    const path = join(gateway().lab.folder, 'natgw.service')
    writeFileSync(path, unit.replaceAll('/usr/local/bin/natgw', NATGW))
    expect(await run('systemd-analyze', ['verify', '--man=no', path])).toBe('')
  })
})

describe('a signal ends natgw', () => {
  // Before the addon is loaded, while it starts, about when it serves.
  test.for([0, 30, 60, 100, 150, 200, 250, 300, 400, 500, 700])('%d ms after its start', async (milliseconds) => {
    const child = spawnHere(natgwRun())
    const ended = once(child, 'exit')
    await delay(milliseconds)
    child.kill('SIGTERM')
    const [status, signal] = (await Promise.race([ended, delay(5_000, ['still running'])])) as [unknown, unknown]
    if (status === 'still running') child.kill('SIGKILL')
    // Before natgw listens the kernel ends it.
    expect([0, 'SIGTERM']).toContain(status ?? signal)
  })

  test('that a hanging file holds up at its start', async () => {
    const config = join(gateway().lab.folder, 'fifo.yaml')
    await run('mkfifo', [config])
    const child = spawn(NATGW, ['run', '--config', config], { stdio: 'ignore' })
    const ended = once(child, 'exit')
    await delay(1_000)
    child.kill('SIGINT')
    expect(await Promise.race([ended, delay(5_000, 'still running')])).toEqual([0, null])
  })

  test('that npm started', async () => {
    const child = spawnHere(['npm', 'run', '-s', '--prefix', ROOT, 'natgw', '--', ...natgwRun().slice(1)])
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    await waitUntil('natgw to serve', 30_000, () => output.includes('gateway is serving'))
    const pid = Number(/"pid":(\d+)/.exec(output)?.[1])
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
    await waitUntil('natgw to end', 5_000, () => !isRunning(pid))
    expect(output).toContain('"ending; ')
  })
})

test('natgw serves as before after all these signals', async () => {
  await gateway().start()
  expect((await gateway().waitForSlices(gateway().lab.machines.length)).length).toBeGreaterThan(0)
  await gateway().stop()
})

test.for([
  ['/proc/natgw/state', 'proc'],
  ['/sys/natgw/state', 'sysfs'],
  ['/sys/fs/bpf/natgw-state', 'a BPF file system'],
  ['/dev/null', 'no regular file'],
  ['/dev/null/state', 'no folder'],
] as const)('a state file %s is refused at once: %s', async ([stateFile, why]) => {
  const config = join(gateway().lab.folder, 'misplaced.yaml')
  const text = readFileSync(gateway().files.config, 'utf8').replace(/^stateFile: .*$/m, `stateFile: ${stateFile}`)
  writeFileSync(config, text)
  const { status, stderr } = await gateway().lab.gateway.attempt(NATGW, ['run', '-c', config], { timeout: 5_000 })
  expect([status, stderr]).toEqual([1, expect.stringMatching(`^natgw: ERR_STATE_WRITE: .*${why}`)])
})

test('natgw is found on PATH through a link', async () => {
  const link = join(gateway().lab.folder, 'natgw')
  symlinkSync(NATGW, link)
  const path = `PATH=${gateway().lab.folder}:${process.env.PATH ?? ''}`
  expect(await run('env', [path, 'natgw', '--version'])).toMatch(/^natgw \d+\.\d+\.\d+\n$/)
  rmSync(link)
})

describe('gateway.yaml', () => {
  const edit = (change: (text: string) => string) => {
    const { config } = gateway().files
    writeFileSync(config, change(readFileSync(config, 'utf8')))
  }
  // By its name: the file has mistakes in between.
  const status = () => gateway().natgw.attempt('status', '-i', gateway().lab.instance)
  const problems = async () => (await status()).stdout.split('\n').filter((line) => line.startsWith('file '))
  const messages = () =>
    gateway()
      .log()
      .map(({ msg }) => msg)

  test('is watched while natgw runs, and read again at SIGHUP', async () => {
    await gateway().start()
    const original = readFileSync(gateway().files.config, 'utf8')
    edit((text) => `${text}timers: {udp: 200}\nlog: {level: debug}\nmanifestLimits: {files: 99}\n`)
    await waitUntil('the change to be told', 10_000, async () =>
      (await problems()).some((line) => line.includes('ConfigChanged')),
    )

    gateway().service.signal('SIGHUP')
    await waitUntil('the outcome', 5_000, () => messages().some((message) => message.startsWith('SIGHUP')))
    expect(messages().find((message) => message.startsWith('SIGHUP'))).toMatch(
      /was read: taken over: timers\.udp, log\.level; needs a restart: manifestLimits\.files$/,
    )
    expect(await problems()).toEqual([
      expect.stringMatching(/ConfigNeedsRestart: .*: manifestLimits\.files; restart natgw/),
    ])

    edit(() => 'uplink: [')
    gateway().service.signal('SIGHUP')
    await waitUntil('the mistake', 5_000, () => messages().some((message) => message.includes('is not taken over')))
    expect(await problems()).toEqual([expect.stringContaining('ConfigInvalid')])

    edit(() => original)
    gateway().service.signal('SIGHUP')
    await waitUntil('no problem', 5_000, async () => (await problems()).length === 0)
    await gateway().stop()
  })

  test('gives living flows new timers and interfaces new shares at SIGHUP, without a restart', async () => {
    await gateway().start()
    const { natgw, lab, service } = gateway()
    const original = readFileSync(gateway().files.config, 'utf8')
    const pings = lab.machine(1).host.attempt('ping', ['-c', '50', '-i', '0.2', WEB_ADDRESS])
    const expiry = async () => {
      const icmp = (await natgw.sessions()).filter(({ protocol }) => protocol === 'icmp')
      const [youngest] = icmp.sort((a, b) => a.ageSeconds - b.ageSeconds)
      return Math.ceil((youngest?.expiresInSeconds ?? 0) / 20) * 20
    }
    const allowed = async () => new Set((await natgw.slices()).map(({ sessionsAllowed }) => sessionsAllowed))
    await expect.poll(expiry, { timeout: 5_000 }).toBe(60)

    edit((text) => `${text}timers: {icmp: 20}\nperInterface: {sessions: 7}\n`)
    service.signal('SIGHUP')
    await expect.poll(expiry, { timeout: 5_000 }).toBe(20)
    expect(await allowed()).toEqual(new Set([7]))
    expect((await pings).stdout).toContain(' 0% packet loss')

    edit(() => original)
    service.signal('SIGHUP')
    await expect.poll(allowed, { timeout: 5_000 }).not.toEqual(new Set([7]))
    expect(await problems()).toEqual([])
    await gateway().stop()
  })
})

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
