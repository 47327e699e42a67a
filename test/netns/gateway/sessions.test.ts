import { beforeAll, describe, expect, test } from 'vitest'
import {
  gatewayManifest,
  interfaceManifest,
  networkManifest,
  writeManifest,
} from '../../../scripts/lab/gateway-files.ts'
import { NATGW } from '../../../scripts/lab/natgw.ts'
import { JSON_SCHEMAS } from '../../../src/cli/json-schemas.ts'
import type { SessionView } from '../../../src/cli/session-view.ts'
import { GatewayLab, useGateway } from '../../support/gateway-lab.ts'
import { mismatches } from '../../support/json-schema.ts'
import { waitUntil } from '../../support/netns.ts'

const MANY = 3_000
const WEB = '203.0.113.80'
/** One datagram to each port from 1001 on, each from a port of its own: sockets with one port share a mapping. */
const SENDER = `
const { createSocket } = require('node:dgram')
;(async () => {
  for (let i = 1; i <= ${MANY}; i++) {
    const socket = createSocket('udp4')
    await new Promise((bound) => socket.bind(20_000 + i, bound))
    await new Promise((sent) => socket.send('q', 1000 + i, '${WEB}', sent))
    socket.close()
  }
})()`

describe('natgw sessions', () => {
  const gateway = useGateway({ portsPerNetworkInterface: 4096 })
  const natgw = (...args: string[]) => gateway().natgw.attempt(...args, '--config', gateway().files.config)
  const sessions = async (...filters: string[]) => {
    const { status, stdout, stderr } = await natgw('sessions', '-o', 'json', ...filters)
    return { status, stderr, rows: JSON.parse(stdout) as SessionView[] }
  }

  beforeAll(async () => {
    // The answers that nobody gives would end the sessions' sockets, not the sessions.
    await gateway().lab.machine(1).host.run(process.execPath, '-e', SENDER)
  })

  test('names the interface of each session, and has them all', async () => {
    const { rows, stderr } = await sessions('--proto', 'udp')
    expect(stderr).toBe('')
    expect(rows.length).toBeGreaterThanOrEqual(MANY)
    expect(new Set(rows.map(({ networkInterface }) => networkInterface))).toEqual(new Set(['default/m1']))
    const table = (await natgw('sessions')).stdout.trim().split('\n')
    expect(table[0]).toMatch(/^PROTO +INTERFACE +INSIDE/)
    expect(table.length).toBeGreaterThan(MANY)
    expect(table.find((line) => line.includes(`${WEB}:1001 `))).toMatch(/^udp +default\/m1 +10\.0\.0\.1:/)
  })

  test.for(['sessions', 'sessions -o json', 'slices', 'status', 'drops -o json'])(
    'natgw %s ends quietly when its reader does',
    async (command) => {
      const natgw = `${process.execPath} ${NATGW} ${command} --config ${gateway().files.config}`
      const script = `${natgw} 2>&1 >/dev/full | true; ${natgw} | head -1 >/dev/null; echo "\${PIPESTATUS[0]}"`
      const { stdout, stderr } = await gateway().lab.gateway.attempt('bash', ['-c', script])
      expect([stdout, stderr]).toEqual(['0\n', ''])
    },
  )

  test('shows the sessions that the filters select', async () => {
    const [one, ...others] = (await sessions('--remote', `${WEB}:1001`)).rows
    expect([one?.remote, others]).toEqual([`${WEB}:1001`, []])
    expect((await sessions('--public', one?.public ?? '')).rows).toEqual([
      expect.objectContaining({ inside: one?.inside, remote: one?.remote }),
    ])
    expect((await sessions('--remote', '203.0.113.0/24', '--proto', 'udp')).rows.length).toBeGreaterThanOrEqual(MANY)
    for (const name of ['m1', 'default/m1']) {
      const { rows } = await sessions('--interface', name, '--remote', `${WEB}:1002`)
      expect(rows).toHaveLength(1)
    }
  })

  test('stops at a limit, and says that there are more', async () => {
    const { rows, stderr } = await sessions('--limit', '10')
    expect(rows).toHaveLength(10)
    expect(stderr).toBe('there are more than the 10 shown: --limit\n')
  })

  test('says why a table is empty', async () => {
    const { status, stdout, stderr } = await natgw('sessions', '--interface', 'm9')
    expect([status, stdout]).toEqual([0, ''])
    expect(stderr).toMatch(/^no session matches/)
    expect((await sessions('--remote', '192.0.2.0/24')).rows).toEqual([])
  })

  test.for([
    ['--remote', 'example.org'],
    ['--remote', '192.0.2.1/24'],
    ['--public', '192.0.2.1:70000'],
    ['--proto', 'sctp'],
    ['--limit', '0'],
  ])('refuses %s %s', async (filter) => {
    const { status, stderr } = await natgw('sessions', ...filter)
    expect([status, stderr]).toEqual([2, expect.stringMatching(/^natgw: ERR_USAGE: [^\n]+\n$/)])
  })

  test('all JSON is as docs/cli.md describes it, with an agent and without one', async () => {
    writeManifest(gateway().files, 'bad', { kind: 'Nonsense' })
    const expectDescribed = async () => {
      for (const [command, schema] of Object.entries(JSON_SCHEMAS)) {
        const { stdout } = await natgw(command, '-o', 'json')
        expect([command, ...mismatches(schema, JSON.parse(stdout))]).toEqual([command])
      }
    }
    await waitUntil('the problem', 5_000, async () => (await natgw('status')).stdout.includes('bad.yaml'))
    await expectDescribed()
    await gateway().stop()
    await expectDescribed()
  })
})

test('a gateway with few manifests says what is missing', async () => {
  const gateway = await GatewayLab.up()
  try {
    const { lab, files, natgw } = gateway
    const reasons = async () => {
      const shown = await Promise.all(
        ['slices', 'sessions'].map((command) => natgw.attempt(command, '--config', files.config)),
      )
      expect(shown.map(({ status, stdout }) => [status, stdout])).toEqual([
        [0, ''],
        [0, ''],
      ])
      return shown.map(({ stderr }) => stderr.replace(/^no (slice|session): /, '').trim())
    }
    const machine = lab.machine(1)
    await natgw.attempt('load-bpf', '--uplink', 'up0', '--private', machine.device, '-i', lab.instance)
    expect(await reasons()).toEqual(expect.arrayContaining([expect.stringContaining('nothing is configured')]))
    await gateway.start()
    expect(new Set(await reasons())).toEqual(new Set(['no NATGateway is applied']))
    expect((await natgw.show('status')).split('\n')).toContain('no NATGateway is applied')
    writeManifest(files, 'network', networkManifest(0), gatewayManifest(0))
    await waitUntil('the gateway', 5_000, async () => (await reasons())[0] === 'no NetworkInterface is applied')
    writeManifest(files, 'm1', interfaceManifest(machine))
    await gateway.waitForSlices(1)
    expect((await natgw.attempt('sessions', '--config', files.config)).stderr).toBe('no session: no flow is alive\n')
  } finally {
    await gateway.down()
  }
})
