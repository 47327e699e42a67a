import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { NATGW } from '../../../scripts/lab/natgw.ts'
import { instanceFolder } from '../../../src/kernel/pins.ts'
import { useGateway } from '../../support/gateway-lab.ts'
import { Client, DNS_ADDRESS, startEchoServer, waitUntil } from '../../support/netns.ts'

const gateway = useGateway({}, async (gateway) => {
  await startEchoServer(gateway.lab.internet, DNS_ADDRESS, 7)
  await gateway.serve()
  client = Client.open(gateway.lab.machine(1).host, {
    protocol: 'tcp',
    address: DNS_ADDRESS,
    port: 7,
    sources: [36_000],
  })
  answer = await client.ask('before')
})
let client: Client
let answer: unknown
const natgw = (...args: string[]) => gateway().natgw.attempt(...args, '--instance', gateway().lab.instance)

/** Everything below the folders natgw could write to, with what would change if it did. */
function filesOf(...folders: string[]): string[] {
  return folders.filter(existsSync).flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => {
      const { ino, mtimeMs, size } = statSync(join(folder, name))
      return [join(folder, name), ino, mtimeMs, size].join(' ')
    }),
  )
}

const ownRunFiles = () =>
  existsSync('/run/natgw')
    ? readdirSync('/run/natgw').filter((name) => name.startsWith(`${gateway().lab.instance}.`))
    : []

async function managedNeighbours(): Promise<string[]> {
  const text = await gateway().lab.gateway.run('ip', '-4', '-d', 'neigh', 'show')
  return text.split('\n').filter((line) => /\bproto (0xe7|231)\b|\bmanaged\b/.test(line))
}

test('commands that show change no file', async () => {
  await gateway().stop()
  const snapshot = () =>
    filesOf(instanceFolder(gateway().lab.instance), gateway().lab.folder, '/var/lib/natgw').concat(ownRunFiles())
  const before = snapshot()
  for (const command of ['status', 'slices', 'sessions', 'drops']) {
    for (const format of ['table', 'json']) expect((await natgw(command, '-o', format)).status).toBe(0)
  }
  expect(snapshot()).toEqual(before)
})

test('a command that shows does not keep a gateway from starting', async () => {
  const ends = new AbortController()
  const looking = (async () => {
    while (!ends.signal.aborted) await natgw('drops')
  })()
  try {
    await gateway().start()
  } finally {
    ends.abort()
    await looking
  }
  await gateway().stop()
})

test('unload says how many living flows it would end, and ends none of them unasked', async () => {
  const { status, stdout, stderr } = await natgw('unload')
  expect([status, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(/^natgw: ERR_FLOWS_LIVE: .* would end \d+ living flows?: --yes ends them\n$/)
  expect((await natgw('load-bpf', '--unload')).stderr).toBe(stderr)
  expect(await client.ask('before')).toEqual(answer)
})

test('unload asks on a terminal and takes anything but yes for no', async () => {
  const command = `${process.execPath} ${NATGW} unload --instance ${gateway().lab.instance}`
  const { stdout } = await gateway().lab.gateway.attempt('script', ['-qec', command, '/dev/null'], { input: 'n\n' })
  expect(stdout).toMatch(/ends \d+ living flows?\. Go on\? \[y\/N\]/)
  expect(stdout).toMatch(/ERR_FLOWS_LIVE: .*nothing was changed/)
  expect(await client.ask('before')).toEqual(answer)
})

test('unload --yes leaves nothing behind but the state file, which it names', async () => {
  const { instance } = gateway().lab
  await gateway().start()
  await waitUntil('neighbours that the kernel keeps', 5_000, async () => (await managedNeighbours()).length >= 2)
  await gateway().kill()
  expect(ownRunFiles()).not.toEqual([])

  const { status, stdout, stderr } = await natgw('unload', '--yes')
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toContain('3 programs detached')
  expect(stdout).toContain(`kept: ${gateway().stateFile}, with the slices of every interface`)
  expect(existsSync(gateway().stateFile)).toBe(true)
  expect(existsSync(instanceFolder(instance))).toBe(false)
  expect(ownRunFiles()).toEqual([])
  expect(await managedNeighbours()).toEqual([])
  expect(await gateway().lab.gateway.run('ip', 'link')).not.toContain('xdp')
  await client.close()
})
