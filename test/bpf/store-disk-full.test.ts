import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { IpPool } from '../../src/allocation/ip-pool.ts'
import type { NetworkID } from '../../src/api/index.ts'
import { CORE_API, NAT_TABLE, NETWORK, NETWORK_ID } from '../../src/api/index.ts'
import { startControllers } from '../../src/controllers/manager.ts'
import type { Logger } from '../../src/log/logger.ts'
import type { Problem } from '../../src/problems/problem.ts'
import { ProblemList } from '../../src/problems/problem-list.ts'
import { LocalStore } from '../../src/store/local.ts'
import type { NewObject } from '../../src/store/store.ts'
import { systemClock } from '../../src/time/clock.ts'

let home: string
let disk: string

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'natgw-disk-'))
  disk = join(home, 'disk')
  await mkdir(disk)
  await mkdir(join(home, 'manifests'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk])
})

afterAll(async () => {
  execFileSync('umount', [disk])
  await rm(home, { recursive: true })
})

function networkId(id: number, bytes: number): NewObject<NetworkID> {
  const claimRef = { group: 'g', resource: 'r', name: 'n'.repeat(bytes), uid: 'u' }
  return { apiVersion: CORE_API, kind: 'NetworkID', metadata: { name: String(id) }, spec: { claimRef } }
}

/** Writes until nothing more fits. */
async function fill(path: string): Promise<void> {
  for (let size = 1 << 20; size >= 4096; size /= 2) {
    for (let i = 0; ; i++) {
      try {
        await writeFile(`${path}-${size}-${i}`, Buffer.alloc(size))
      } catch {
        await unlink(`${path}-${size}-${i}`)
        break
      }
    }
  }
}

const quiet = { info: () => undefined, warn: () => undefined }

const quietLog: Logger = { debug: () => undefined, error: () => undefined, ...quiet }

const open = (log: Pick<Logger, 'info' | 'warn'> = quiet, onStateProblem?: (problem: Problem | undefined) => void) =>
  LocalStore.open({
    manifests: join(home, 'manifests'),
    stateFile: join(disk, 'natgw.state'),
    log,
    ...(onStateProblem === undefined ? {} : { onStateProblem }),
  })

/** Creates objects of a size until one is refused. @returns the refusal */
async function createUntilRefused(store: LocalStore, bytes: number): Promise<unknown> {
  for (;;) {
    try {
      await store.create(networkId(store.list(NETWORK_ID).length, bytes))
    } catch (error) {
      return error
    }
  }
}

it('a full disk stops writes only when the reserved room is used up; they go on when there is space again', async () => {
  const store = await open()
  onTestFinished(() => store.close())
  await fill(join(disk, 'filler'))

  const refusal = await createUntilRefused(store, 50_000)
  const written = store.list(NETWORK_ID).length
  expect(written).toBeGreaterThan(10)
  expect(refusal).toMatchObject({ code: 'ERR_STATE_WRITE', details: { errno: 'ENOSPC' } })
  // What is small enough still fits into what is left of the room.
  await createUntilRefused(store, 10)
  expect(store.list(NETWORK_ID).length).toBeGreaterThan(written)

  const manifest = '{apiVersion: networking.ironcore.dev/v1alpha1, kind: Network, metadata: {name: blue}}'
  await writeFile(join(home, 'manifests', 'a.yaml'), manifest)
  await vi.waitFor(() => expect(store.problems()[0]?.code).toBe('ERR_STATE_WRITE'), { timeout: 5000 })
  expect(store.get(NETWORK, 'default/blue')).toBeUndefined()

  for (const name of await readdir(disk)) if (name.startsWith('filler')) await unlink(join(disk, name))
  await vi.waitFor(() => expect(store.problems()).toEqual([]), { timeout: 5000 })
  const blue = store.get(NETWORK, 'default/blue')
  expect(blue).toBeDefined()
  const ids = store.list(NETWORK_ID)
  await store.close()
  expect(await readdir(disk)).toEqual(['natgw.state'])

  const again = await open()
  onTestFinished(() => again.close())
  expect(again.list(NETWORK_ID)).toEqual(ids)
  expect(again.list(NETWORK)).toEqual([blue])
})

it('a full disk with 3,000 new interfaces makes a few lines of log, and all are served when there is space again', async () => {
  await rm(join(disk, 'natgw.state'), { force: true })
  // A file that is made again needs room beside the old one.
  execFileSync('mount', ['-o', 'remount,size=64m', disk])
  const lines: string[] = []
  const write = (_fields: object, message: string) => void lines.push(message)
  const log: Logger = { debug: () => undefined, info: write, warn: write, error: write }
  const told: (Problem | undefined)[] = []
  const store = await open(log, (problem) => told.push(problem))
  onTestFinished(() => store.close())
  const pool = new IpPool([{ prefix: '198.51.100.0/24', ports: { first: 1024, last: 65535 }, shared: false }])
  const problems = new ProblemList(quietLog)
  const controllers = await startControllers(store, pool, log, systemClock, undefined, problems)
  onTestFinished(() => controllers.stop())
  await fill(join(disk, 'filler'))
  const api = 'apiVersion: networking.ironcore.dev/v1alpha1'
  const nic = (n: number) =>
    `{${api}, kind: NetworkInterface, metadata: {name: m${n}}, spec: {networkRef: {name: blue}, ips: [{value: 10.0.${n >> 8}.${n & 255}}]}}`
  const gateway = `{${api}, kind: NATGateway, metadata: {name: g}, spec: {type: Public, ipFamily: IPv4, portsPerNetworkInterface: 64, networkRef: {name: blue}}}`
  const blue = `{${api}, kind: Network, metadata: {name: blue}}`
  await unlink(join(home, 'manifests', 'a.yaml')).catch(() => undefined)
  const documents = [blue, gateway, ...Array.from({ length: 3_000 }, (_, n) => nic(n))]
  await writeFile(join(home, 'manifests', 'b.yaml'), documents.join('\n---\n'))
  await vi.waitFor(() => expect(lines.join('\n')).toContain('no space left'), { timeout: 10_000 })
  await new Promise((resolve) => setTimeout(resolve, 5_000))
  // A line a controller and cause, and a problem of the manifests.
  expect(lines.length, lines.slice(0, 20).join('\n')).toBeLessThan(12)
  await vi.waitFor(() => expect(problems.list()).not.toEqual([]), { timeout: 20_000 })
  const [problem] = problems.list()
  expect(problem).toMatchObject({ reason: 'ReconcileFailed', object: expect.stringMatching(/^controller /) as string })
  expect(problem?.detail).toContain('no space left')
  expect(problems.list().length).toBeLessThanOrEqual(4)

  for (const name of await readdir(disk)) if (name.startsWith('filler')) await unlink(join(disk, name))
  const served = () => store.list(NAT_TABLE).reduce((sum, { spec }) => sum + spec.sections.length, 0)
  expect(told).toMatchObject([
    { reason: 'ERR_STATE_WRITE', severity: 'error', object: `file ${join(disk, 'natgw.state')}` },
  ])
  await vi.waitFor(() => expect(served()).toBe(3_000), { timeout: 30_000, interval: 200 })
  expect(told.slice(1)).toEqual([undefined])
  await vi.waitFor(() => expect(problems.list()).toEqual([]), { timeout: 40_000 })
})
