import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { NAT_GATEWAY, NETWORK_INTERFACE } from '../../../src/api/index.ts'
import { DesiredModel } from '../../../src/desired/desired-model.ts'
import { AGENT_KINDS } from '../../../src/desired/objects.ts'
import { parseAddress } from '../../../src/net/address.ts'
import { event, host, ONE_DEVICE } from '../desired/world.ts'
import { Lab, natGateway, network, networkInterface, prefix } from './support.ts'

const HOUR = 3_600_000
const pool = [prefix('198.51.100.0/29')]
const virtualIP = { virtualIPRef: { name: 'vip' } }
let lab: Lab

beforeAll(() => void vi.useFakeTimers({ toFake: ['Date'], now: 1_700_000_000_000 }))
afterEach(() => lab.stop())
afterAll(() => void vi.useRealTimers())

const setWallClock = (step: number) => void vi.setSystemTime(Date.now() + step)
const accepted = (name: string) => lab.condition(NETWORK_INTERFACE, name, 'Accepted')?.reason

/** The interface whose entries an agent puts into the maps for 10.0.0.1 of Network blue. */
function holderByAgent(): string | undefined {
  const model = new DesiredModel(ONE_DEVICE, host({}))
  // The newest first: the order of objects decides nothing.
  for (const kind of AGENT_KINDS) {
    for (const object of [...lab.store.list(kind)].reverse()) model.apply(event('added', object))
  }
  return model.build().state.interfaces.find(({ address }) => address === parseAddress('10.0.0.1'))?.name
}

describe.each([
  ['back by an hour', -HOUR],
  ['forward by an hour', HOUR],
  ['back by ten years', -10 * 365 * 24 * HOUR],
])('while the clock is set %s', (_title, step) => {
  it.each([false, true])('a gateway keeps its Network and all slices (restarted meanwhile: %s)', async (restart) => {
    lab = await Lab.with(pool, [
      network('blue'),
      natGateway('z', 'blue', 64),
      networkInterface('i', 'blue', ['10.0.0.1']),
    ])
    const before = lab.slices()
    setWallClock(step)
    if (restart) await lab.restart(pool)
    await lab.create(natGateway('a', 'blue', 128))
    if (restart) await lab.restart(pool)
    expect(lab.slices()).toEqual(before)
    expect(lab.condition(NAT_GATEWAY, 'a', 'Conflicted')).toMatchObject({ status: 'True', reason: 'HeldByOther' })
    expect(lab.condition(NAT_GATEWAY, 'z', 'Conflicted')?.status).toBe('False')
  })

  it('a gateway without interfaces keeps its Network and its address', async () => {
    lab = await Lab.with(pool, [network('blue'), natGateway('z', 'blue', 64)])
    const before = lab.gateway('z').status?.ips
    setWallClock(step)
    await lab.create(natGateway('a', 'blue', 128))
    await lab.restart(pool)
    expect(lab.gateway('z').status?.ips).toEqual(before)
    expect(lab.gateway('a').status?.ips).toEqual([])
  })

  it.each([
    ['with a slice', {}],
    ['with a public address of its own', { virtualIP }],
  ])('an interface %s keeps its inside address, for controllers and agents alike', async (_title, more) => {
    lab = await Lab.with(pool, [network('blue'), natGateway('g', 'blue', 64)])
    await lab.create(networkInterface('z', 'blue', ['10.0.0.1'], more))
    setWallClock(step)
    await lab.create(networkInterface('a', 'blue', ['10.0.0.1']))
    for (const restart of [false, true]) {
      if (restart) await lab.restart(pool)
      expect([accepted('z'), accepted('a')]).toEqual(['Accepted', 'AddressConflict'])
      expect(holderByAgent()).toBe('default/z')
    }
    await lab.delete(NETWORK_INTERFACE, 'default/z')
    expect(accepted('a')).toBe('Accepted')
    expect(holderByAgent()).toBe('default/a')
  })
})

it('the older of two undecided interfaces has the address, for controllers and agents alike', async () => {
  lab = new Lab()
  await lab.store.create(network('blue'))
  await lab.store.create(networkInterface('z-older', 'blue', ['10.0.0.1']))
  setWallClock(1_000)
  await lab.store.create(networkInterface('a-newer', 'blue', ['10.0.0.1']))
  await lab.restart(pool)
  expect([accepted('z-older'), accepted('a-newer')]).toEqual(['Accepted', 'AddressConflict'])
  expect(holderByAgent()).toBe('default/z-older')
})
