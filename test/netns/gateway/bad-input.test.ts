import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { NATGW } from '../../../scripts/lab/natgw.ts'
import { useGateway } from '../../support/gateway-lab.ts'
import { Client, DNS_ADDRESS, gatewayConfig, startEchoServer, waitUntil } from '../../support/netns.ts'

// While one gateway runs, others are started that cannot: each says why in one message, and nothing happens to the first.
const gateway = useGateway({}, async (gateway) => {
  const { lab } = gateway
  await startEchoServer(lab.internet, DNS_ADDRESS, 7)
  await gateway.serve()
  // A pair of devices nobody uses: up, up without a link, and down.
  await lab.gateway.ip('link add spare0 type veth peer name spare1', 'link set spare0 up')
  client = Client.open(lab.machine(1).host, { protocol: 'tcp', address: DNS_ADDRESS, port: 7, sources: [37_000] })
  answer = await client.ask('still there')
})
let client: Client
let answer: unknown
const other = () => `${gateway().lab.instance}-other`

afterEach(async () => {
  expect(await client.ask('still there'), 'the running gateway serves its connection').toEqual(answer)
  expect(gateway().complaints()).toEqual([])
})
afterAll(async () => {
  await client.close()
  await natgw('unload', '--yes', '--instance', other())
})

async function natgw(...args: string[]) {
  return gateway().natgw.attempt(...args)
}

/** natgw in a mount namespace of its own, after `preparation` there. */
async function natgwAfter(preparation: string, ...args: string[]) {
  const script = `${preparation} && exec "$@"`
  const command = ['-m', 'sh', '-c', script, 'sh', process.execPath, NATGW, ...args]
  return gateway().lab.gateway.attempt('unshare', command, { timeout: 15_000 })
}

/** Without any rights. */
async function natgwAsNobody(...args: string[]) {
  const command = ['--reuid=65534', '--clear-groups', process.execPath, NATGW, ...args]
  return gateway().lab.gateway.attempt('setpriv', command)
}

/** As root, whose files can be read, without these capabilities. */
async function natgwWithout(capabilities: string, command: string) {
  const options = [`--bounding-set=-${capabilities}`, '--no-new-privs', process.execPath, NATGW]
  return gateway().lab.gateway.attempt('setpriv', [...options, command, '--config', gateway().files.config])
}

/** gateway.yaml of another instance, with a state file of its own. @returns its path */
function otherConfig(changes: Record<string, unknown> = {}, text?: string): string {
  const { lab } = gateway()
  const path = join(lab.folder, 'other.yaml')
  const config = gatewayConfig(lab, { instance: other(), stateFile: 'other-state', ...changes })
  writeFileSync(path, text ?? stringify(config))
  return path
}

function expectRefusal({ status, stderr }: { status: number; stderr: string }, code: string, ...says: string[]): void {
  expect(stderr).toMatch(new RegExp(`^natgw: ${code}: `))
  for (const each of says) expect(stderr).toContain(each)
  expect(stderr).not.toMatch(/^\s+at /m)
  expect(status).toBe(1)
}

describe('natgw run ends with status 1 and names the mistake', () => {
  test.for<[string, Record<string, unknown>, string, string[]]>([
    [
      'public addresses are those of a private device',
      { publicPrefixes: ['10.0.0.0/24'] },
      'ERR_PREFIX_OVERLAP',
      ['10.0.0.0/24', 'p1'],
    ],
    [
      'public addresses are routed to a private device',
      { publicPrefixes: ['10.0.0.0/30'] },
      'ERR_PREFIX_OVERLAP',
      ['10.0.0.0/30', '10.0.0.1/32', 'p1'],
    ],
    [
      'an address has a leading zero',
      { publicPrefixes: ['010.0.0.1/32'] },
      'ERR_CONFIG_INVALID',
      ['publicPrefixes[0]', '010.0.0.1/32'],
    ],
    ['a field is unknown', { uplinks: {} }, 'ERR_CONFIG_INVALID', ['uplinks', 'did you mean uplink?']],
    [
      'a field has a wrong type',
      { driftIntervalSeconds: 'often' },
      'ERR_CONFIG_INVALID',
      ['driftIntervalSeconds', '"often"', 'whole number'],
    ],
    [
      'the folder of manifests does not exist',
      { manifests: 'nowhere' },
      'ERR_MANIFEST_READ',
      ['nowhere', 'make the folder'],
    ],
  ])('when %s', async ([, changes, code, says]) => {
    expectRefusal(await natgw('run', '--config', otherConfig(changes)), code, ...says)
  })

  test('when gateway.yaml is not YAML, or not there', async () => {
    expectRefusal(await natgw('run', '--config', otherConfig({}, 'uplink: [')), 'ERR_CONFIG_INVALID', 'other.yaml:1')
    expectRefusal(await natgw('run', '--config', '/nowhere.yaml'), 'ERR_CONFIG_READ', '/nowhere.yaml', '--config')
  })

  test('when another process runs the instance; unload and load-bpf are refused as well', async () => {
    const { config } = gateway().files
    const { instance } = gateway().lab
    const pid = `${gateway().service.pid}`
    expectRefusal(await natgw('run', '--config', config), 'ERR_ALREADY_RUNNING', instance, pid, 'stop it first')
    for (const command of [
      ['unload', '--config', config],
      ['load-bpf', '--instance', instance, '--unload'],
      ['load-bpf', '--instance', instance, '--uplink', 'up0', '--private', 'p1'],
    ]) {
      expectRefusal(await natgw(...command), 'ERR_ALREADY_RUNNING', instance, pid, 'stop it first')
    }
  })

  test.for<[string, (path: string) => void, string, string]>([
    ['is cut short', (path) => truncateSync(path, 5_000), 'ERR_STATE_CORRUPT', '5000 of'],
    ['is from a newer version', ageFormat, 'ERR_STATE_VERSION', 'format 99'],
  ])('when the state file %s, and leaves the file as it is', async ([, damage, code, says]) => {
    const path = join(gateway().lab.folder, 'damaged-state')
    copyFileSync(gateway().stateFile, path)
    damage(path)
    const before = readFileSync(path)
    expectRefusal(await natgw('run', '--config', otherConfig({ stateFile: path })), code, path, says)
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test('when the disk under the state file is full', async () => {
    const folder = join(gateway().lab.folder, 'full')
    const full = `mkdir -p ${folder} && mount -t tmpfs -o size=64k tmpfs ${folder}`
    const result = await natgwAfter(full, 'run', '--config', otherConfig({ stateFile: `${folder}/state` }))
    expectRefusal(result, 'ERR_STATE_WRITE', `${folder}/state`, 'space')
  })

  test('when it is not started by root', async () => {
    expectRefusal(await natgwAsNobody('run', '--config', otherConfig()), 'ERR_NO_ROOT', 'CAP_BPF', 'root')
    expectRefusal(await natgwAsNobody('status', '--config', gateway().files.config), 'ERR_NO_ROOT', 'root')
    for (const command of ['slices', 'sessions', 'drops']) {
      expectRefusal(await natgwAsNobody(command, '--config', gateway().files.config), 'ERR_NO_ROOT', 'root')
    }
    expectRefusal(await natgwWithout('all', 'sessions'), 'ERR_NO_ROOT', 'CAP_BPF', 'root')
    expectRefusal(await natgwWithout('sys_admin', 'sessions'), 'ERR_NO_ROOT', 'CAP_SYS_ADMIN')
    const inside = await gateway().lab.gateway.attempt('unshare', [
      '-U',
      process.execPath,
      NATGW,
      'run',
      '--config',
      otherConfig(),
    ])
    expectRefusal(inside, 'ERR_NO_ROOT', 'CAP_BPF', 'root')
  })

  test('when the kernel has no BTF', async () => {
    const result = await natgwAfter('mount -t tmpfs tmpfs /sys/kernel/btf', 'run', '--config', otherConfig())
    expectRefusal(result, 'ERR_NO_BTF', '/sys/kernel/btf/vmlinux', 'CONFIG_DEBUG_INFO_BTF=y')
  })
})

function ageFormat(path: string): void {
  const state = readFileSync(path)
  state.writeUInt32LE(99, 12)
  writeFileSync(path, state)
}

test('a command about a gateway that is not loaded says so', async () => {
  for (const command of ['status', 'slices', 'sessions', 'drops', 'unload']) {
    expectRefusal(await natgw(command, '--instance', other()), 'ERR_NOT_LOADED', other())
  }
})

test('a BPF file system that is missing is mounted, with a line that says so', async () => {
  const load = ['load-bpf', '--instance', other(), '--uplink', 'spare0', '--private', 'spare1']
  const { status, stdout } = await natgwAfter('umount /sys/fs/bpf', ...load)
  expect(stdout).toContain('mounted the BPF file system at /sys/fs/bpf')
  expect(status).toBe(0)
})

test('devices with an XDP program of another owner keep it and are named', async () => {
  const load = ['load-bpf', '--instance', other(), '--uplink', 'up0', '--private', 'spare1']
  expectRefusal(
    await natgw(...load),
    'ERR_ATTACH',
    'device up0',
    'XDP program of someone else',
    'ip link set dev up0 xdp off',
  )

  const { lab } = gateway()
  const second = await lab.gateway.start('second', process.execPath, NATGW, 'run', '--config', otherConfig())
  try {
    await waitUntil('all devices to be named', 15_000, () =>
      ['up0', 'p1', 'p2'].every((device) =>
        second.log.includes(`device ${device} runs an XDP program of someone else`),
      ),
    )
  } finally {
    await second.stop()
  }
})
