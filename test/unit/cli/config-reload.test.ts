import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LiveConfig } from '../../../src/cli/config-reload.ts'
import { changedFields, ConfigReload } from '../../../src/cli/config-reload.ts'
import { parseConfig } from '../../../src/config/load.ts'
import { ProblemList } from '../../../src/problems/problem-list.ts'

const YAML = `
uplink: {interface: eth0}
private: [{interface: eth1, network: net}]
publicPrefixes: [198.51.100.0/29]
manifests: manifests
`
let folder: string
let path: string
let logged: string[]
let applied: LiveConfig[]
let problems: ProblemList
let reload: ConfigReload

const silent = () => undefined
const log = { info: note, warn: note, error: note }
function note(_: object, message: string): void {
  logged.push(message)
}
const reasons = () => problems.list().map(({ reason }) => reason)

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'natgw-reload-'))
  path = join(folder, 'gateway.yaml')
  logged = []
  applied = []
  problems = new ProblemList({ debug: silent, info: silent, warn: silent, error: silent })
  writeFileSync(path, YAML)
  const running = parseConfig(YAML, path).config
  reload = new ConfigReload({ path, running, apply: (config) => applied.push(config), problems, log })
  await reload.start()
})
afterEach(() => {
  reload.close()
  problems.close()
  rmSync(folder, { recursive: true })
})

describe('a configuration file that is edited', () => {
  it('is a problem until it says the same as before', async () => {
    writeFileSync(path, `${YAML}timers: {udp: 200}\n`)
    await reload.look()
    expect(reasons()).toEqual(['ConfigChanged'])
    writeFileSync(path, `# as before\n${YAML}`)
    await reload.look()
    expect(reasons()).toEqual([])
  })

  it('is none while an editor replaces it', async () => {
    rmSync(path)
    await reload.look()
    expect(reasons()).toEqual([])
  })
})

describe('a configuration file that is read again', () => {
  it('changes what can change, and says what waits for a restart', async () => {
    const live = 'timers: {udp: 200}\nlog: {level: debug}\nudpRefresh: outbound\nperInterface: {sessions: 9}\n'
    writeFileSync(path, `${YAML}${live}driftIntervalSeconds: 5\nxdpMode: generic\n`)
    await reload.reload()
    expect(applied).toMatchObject([
      {
        log: { level: 'debug' },
        timers: { udp: 200 },
        udpRefresh: 'outbound',
        perInterface: { sessions: 9 },
        driftIntervalSeconds: 5,
      },
    ])
    expect(logged).toEqual([
      expect.stringMatching(
        /taken over: timers\.udp, udpRefresh, perInterface\.sessions, driftIntervalSeconds, log\.level; needs a restart: xdpMode$/,
      ),
    ])
    expect(reasons()).toEqual(['ConfigNeedsRestart'])
    await reload.reload()
    expect(applied).toHaveLength(1)
    expect(logged[1]).toMatch(/needs a restart: xdpMode$/)
  })

  it('without a change changes nothing', async () => {
    await reload.reload()
    expect([applied, reasons()]).toEqual([[], []])
    expect(logged).toEqual([expect.stringMatching(/nothing changed$/)])
  })

  it('with a mistake changes nothing, and says every mistake', async () => {
    writeFileSync(path, `${YAML}log: {level: debug}\nxdpMode: fast\ntimers: {udp: 0}\n`)
    await reload.reload()
    expect([applied, reasons()]).toEqual([[], ['ConfigInvalid']])
    expect(logged[0]).toMatch(/not taken over: [^]*xdpMode[^]*timers\.udp/)
  })
})

it('changed fields are named by their paths, lists as a whole', () => {
  const before = { a: 1, b: { c: [1], d: 'x', e: {} } }
  expect(changedFields(before, { a: 1, b: { c: [2], d: 'x', e: { f: 1 } }, g: 0 })).toEqual(['b.c', 'b.e.f', 'g'])
  expect(changedFields(before, structuredClone(before))).toEqual([])
})
