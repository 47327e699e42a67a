import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { GatewayConfig } from '../../../src/config/config.ts'
import { readProblems, useGateway } from '../../support/gateway-lab.ts'
import { GATEWAY_INSIDE, type Namespace, WEB_ADDRESS } from '../../support/netns.ts'

const read = (page: string) => readFileSync(new URL(`../../../docs/${page}`, import.meta.url), 'utf8')
const section = read('topologies.md').split('## Machines on a Linux bridge')[1] ?? ''
const { private: devices } = parse(/```yaml\n([^]*?)```/.exec(section)?.[1] ?? '') as Pick<GatewayConfig, 'private'>
const rules = [...read('threat-model.md').matchAll(/^ *# (nft .*)$/gm)].map(([, rule = '']) => rule)

const ping = async (host: Namespace, ...options: string[]) =>
  (await host.attempt('ping', ['-c', '2', '-i', '0.2', '-W', '1', ...options, WEB_ADDRESS])).status === 0

describe('machines on a bridge, as docs/topologies.md has it', () => {
  const gateway = useGateway({ config: { private: devices } }, async (gateway) => {
    const { lab } = gateway
    const ports = lab.machines.map(({ device }) => device)
    await lab.gateway.ip(
      'link add br0 type bridge',
      ...ports.flatMap((port) => [`addr flush dev ${port}`, `link set ${port} master br0`]),
      'link set br0 up',
      `addr add ${GATEWAY_INSIDE}/24 dev br0`,
    )
    await gateway.serve()
  })
  const machine = (number: number) => gateway().lab.machine(number).host
  /** Inside endpoints that have the slice of machine 1. */
  const ofFirst = async () =>
    new Set(
      (await gateway().natgw.sessions()).map(({ inside }) => inside).filter((each) => each.startsWith('10.0.0.1:')),
    )

  test('all reach the internet, and status says that the mode is generic because of the bridge', async () => {
    expect([await ping(machine(1)), await ping(machine(2))]).toEqual([true, true])
    const { devices } = await gateway().natgw.status()
    expect(devices.map(({ device, mode }) => [device, mode]).sort()).toEqual([
      ['br0', 'generic'],
      ['up0', 'generic'],
    ])
    expect((await readProblems(gateway())).map(({ reason }) => reason)).toEqual(['GenericMode'])
  })

  test('a machine that sends with its neighbour’s address gets the neighbour’s slice, until the rules of docs/threat-model.md are loaded', async () => {
    await machine(2).ip('addr add 10.0.0.1/32 dev eth0')
    const before = await ofFirst()
    await ping(machine(2), '-I', '10.0.0.1')
    const forged = await ofFirst()
    expect(forged.size).toBe(before.size + 1)

    expect(rules.length).toBe(4)
    for (const rule of rules) await gateway().lab.gateway.run('sh', '-c', rule.replaceAll('vnet2', 'p2'))
    await ping(machine(2), '-I', '10.0.0.1')
    expect((await ofFirst()).size).toBe(forged.size)
    expect([await ping(machine(1)), await ping(machine(2), '-I', '10.0.0.2')]).toEqual([true, true])
  })
})
