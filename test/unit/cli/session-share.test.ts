import { expect, it } from 'vitest'
import { allProblems } from '../../../src/cli/all-problems.ts'
import type { Inspection, SliceRow } from '../../../src/cli/inspect.ts'

const inspection = { objects: [], info: { instance: 'default', running: true } } as unknown as Inspection
const slice = (sessions: number, sessionsAllowed: number): SliceRow => ({
  networkInterface: 'default/vm-1',
  gateway: 'default/nat',
  vni: 200,
  insideAddress: '10.0.0.1',
  publicAddress: '198.51.100.1',
  firstPort: 1024,
  lastPort: 2047,
  reachable: true,
  used: { tcp: 1, udp: 1, icmp: 0 },
  peak: { tcp: 1, udp: 1, icmp: 0 },
  refused: 0,
  sessions,
  sessionsAllowed,
})
const reasons = (sessions: number, allowed: number) =>
  allProblems(inspection, [slice(sessions, allowed)], []).map(({ reason, object }) => `${reason} ${object}`)

it('status names an interface whose packets to further remotes are refused, and no other', () => {
  const said = ['SessionShareUsed NetworkInterface default/vm-1']
  expect([reasons(100, 100), reasons(100, 90)]).toEqual([said, said])
  expect([reasons(99, 100), reasons(0, 100), reasons(0, 0)]).toEqual([[], [], []])
})
