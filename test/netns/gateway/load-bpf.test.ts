import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { NATGW, Natgw } from '../../../scripts/lab/natgw.ts'
import { instanceFolder } from '../../../src/kernel/pins.ts'
import {
  ask,
  Capture,
  GATEWAY_INSIDE,
  GATEWAY_UPLINK,
  INTERNET_ROUTER,
  type Namespace,
  run,
  startEchoServer,
  useLab,
  WEB_ADDRESS,
} from '../../support/netns.ts'

const lab = useLab()
const OTHER = ['--uplink', 'spare0', '--private', 'spare1']
const devices = ['--uplink', 'up0', '--private', 'p1', '--private', 'p2']

async function loadBpf(...args: string[]) {
  return new Natgw(lab(), '').attempt('load-bpf', '--instance', lab().instance, ...args)
}

async function connects(host: Namespace, address: string): Promise<string | undefined> {
  const [answer] = await ask(host, { protocol: 'tcp', address, port: 22, sources: [0], timeout: 1_000 })
  return answer?.reply ?? answer?.error
}

async function attachedMode(device: string): Promise<string | undefined> {
  return /\b(xdp|xdpgeneric)\b/.exec(await lab().gateway.run('ip', 'link', 'show', 'dev', device))?.[1]
}

test('load-bpf leaves nothing behind when a device takes no program', async () => {
  const { gateway, instance } = lab()
  await gateway.ip('link add spare0 type veth peer name spare1', 'link set spare0 up', 'link set spare1 up')
  // A program of someone else, on the device that comes last.
  const foreign = `${instance}-foreign`
  expect((await new Natgw(lab(), '').attempt('load-bpf', '-i', foreign, ...OTHER)).status).toBe(0)
  try {
    const refused = await loadBpf('--uplink', 'up0', '--private', 'p1', '--private', 'spare1')
    expect([refused.status, refused.stdout]).toEqual([1, ''])
    expect(refused.stderr).toMatch(/^natgw: ERR_ATTACH: device spare1/)
    expect(existsSync(instanceFolder(instance))).toBe(false)
    for (const device of ['up0', 'p1']) expect(await attachedMode(device)).toBeUndefined()

    expect((await loadBpf(...devices)).status).toBe(0)
    const again = await loadBpf('--mode', 'generic', ...devices, '--private', 'spare1')
    expect(again.stderr).toMatch(/^natgw: ERR_ATTACH: device spare1/)
    for (const device of ['up0', 'p1', 'p2']) expect(await attachedMode(device)).toBe('xdp')
    await loadBpf('--unload')
  } finally {
    await new Natgw(lab(), '').attempt('unload', '-i', foreign)
    await gateway.ip('link delete spare0')
  }
})

test('load-bpf names each attached program with its device and mode', async () => {
  const { status, stdout, stderr } = await loadBpf(...devices)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout.split('\n')).toEqual(
    expect.arrayContaining([
      'up0: uplink program attached, native mode',
      'p1: private program attached, native mode',
      'p2: private program attached, native mode',
      `verified and pinned in ${instanceFolder(lab().instance)}`,
    ]),
  )
  for (const device of ['up0', 'p1', 'p2']) expect(await attachedMode(device)).toBe('xdp')
})

test('loaded programs leave the host alone and pass no private packet to the internet', async () => {
  const { gateway, internet } = lab()
  const machine = lab().machine(1).host
  for (const address of [GATEWAY_UPLINK, GATEWAY_INSIDE]) await startEchoServer(gateway, address, 22)
  await startEchoServer(internet, WEB_ADDRESS, 22)
  expect(await connects(internet, GATEWAY_UPLINK)).toMatch(`${INTERNET_ROUTER}:`)
  expect(await connects(gateway, WEB_ADDRESS)).toMatch(`${GATEWAY_UPLINK}:`)
  expect(await internet.run('ping', '-c', '1', '-W', '2', GATEWAY_UPLINK)).toContain(' 0% packet loss')
  expect(await connects(machine, GATEWAY_INSIDE)).toMatch('10.0.0.1:')

  const capture = await Capture.start(lab(), internet, 'eth0', 'net 10.0.0.0/8')
  expect(await connects(machine, WEB_ADDRESS)).toBe('timeout')
  expect((await machine.attempt('ping', ['-c', '3', '-i', '0.1', '-W', '1', WEB_ADDRESS])).status).toBe(1)
  await capture.stop()
  expect(await capture.packets()).toEqual([])
})

test('loading again keeps the maps; --mode generic attaches in generic mode', async () => {
  expect((await loadBpf(...devices)).stdout).toContain('up0: uplink program was attached already, native mode')
  const { stdout } = await loadBpf(...devices, '--mode', 'generic')
  expect(stdout).toContain('up0: uplink program attached, generic mode')
  for (const device of ['up0', 'p1', 'p2']) expect(await attachedMode(device)).toBe('xdpgeneric')
  expect(await connects(lab().internet, GATEWAY_UPLINK)).toMatch(`${INTERNET_ROUTER}:`)
})

test('a program that the verifier refuses is named with its log file, and attached programs stay', async () => {
  const object = await compileRefused(lab().folder)
  const command = [`NATGW_BPF_OBJECT=${object}`, process.execPath, NATGW, 'load-bpf', '--instance', lab().instance]
  const { status, stderr } = await lab().gateway.attempt('env', [...command, ...devices])
  expect(status).toBe(1)
  expect(stderr).toMatch(/^natgw: ERR_BPF_LOAD: /)
  expect(stderr).toContain(object)
  const log = /(\/\S+verifier\.log)/.exec(stderr)?.[1] ?? ''
  try {
    expect(readFileSync(log, 'utf8')).toMatch(/invalid access to packet/)
  } finally {
    rmSync(log, { force: true })
  }
  expect(await attachedMode('up0')).toBe('xdpgeneric')
})

test('a partly loaded instance is reported, and loading again completes it', async () => {
  rmSync(join(instanceFolder(lab().instance), 'maps', 'settings'))
  const { status, stderr } = await new Natgw(lab(), '').attempt('status', '--instance', lab().instance)
  expect([status, stderr]).toEqual([1, expect.stringMatching(/^natgw: ERR_NOT_LOADED: .*loaded in part/)])
  expect((await loadBpf(...devices)).status).toBe(0)
  expect((await new Natgw(lab(), '').attempt('status', '--instance', lab().instance)).status).toBe(0)
})

test('unload removes everything', async () => {
  expect((await loadBpf('--unload')).stdout).toContain('3 programs detached')
  for (const device of ['up0', 'p1', 'p2']) expect(await attachedMode(device)).toBeUndefined()
  expect(existsSync(instanceFolder(lab().instance))).toBe(false)
  const again = await loadBpf('--unload')
  expect([again.status, again.stderr]).toEqual([1, expect.stringContaining('ERR_NOT_LOADED')])
})

test.for<[string, string[], string, string]>([
  ['no device at all', [], 'ERR_USAGE', '--uplink eth0 --private eth1'],
  ['no private device', ['--uplink', 'up0'], 'ERR_USAGE', '--private'],
  ['one device as uplink and private', ['--uplink', 'up0', '--private', 'up0'], 'ERR_USAGE', '--private up0'],
  ['one private device twice', [...devices, '--private', 'p1'], 'ERR_USAGE', '--private p1'],
  ['a device that does not exist', ['--uplink', 'up0', '--private', 'eth9'], 'ERR_NO_DEVICE', '"eth9"'],
])('%s is refused before anything is loaded', async ([, args, code, says]) => {
  const { status, stderr } = await loadBpf(...args)
  expect(stderr).toMatch(new RegExp(`^natgw: ${code}: `))
  expect(stderr).toContain(says)
  expect(status).toBe(code === 'ERR_USAGE' ? 2 : 1)
  expect(existsSync(instanceFolder(lab().instance))).toBe(false)
})

/** The real programs and one that reads a packet without having looked at its length. @returns path of the object */
async function compileRefused(folder: string): Promise<string> {
  const bpf = fileURLToPath(new URL('../../../bpf', import.meta.url))
  const source = join(folder, 'refused.bpf.c')
  const object = join(folder, 'refused.bpf.o')
  const reader = 'SEC("xdp") int reads_too_far(struct xdp_md *ctx) { return *(char *)(long)ctx->data; }'
  writeFileSync(source, `#include "${bpf}/natgw.bpf.c"\n${reader}\n`)
  const triplet = (await run('gcc', ['-dumpmachine'])).trim()
  const include = [`-I${bpf}`, `-I/usr/include/${triplet}`]
  const options = ['-g', '-O2', '-target', 'bpf', '-mcpu=v3', ...include]
  await run(process.env.CLANG ?? 'clang-19', [...options, '-c', source, '-o', object])
  return object
}
