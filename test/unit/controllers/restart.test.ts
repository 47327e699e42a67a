import { afterEach, describe, expect, it } from 'vitest'
import type { PoolPrefix } from '../../../src/allocation/ip-pool.ts'
import { IP_ADDRESS, NAT_GATEWAY, NETWORK_INTERFACE } from '../../../src/api/index.ts'
import { Lab, natGateway, network, networkInterface, prefix } from './support.ts'

const pool = [prefix('198.51.100.0/30')]
let lab: Lab
afterEach(() => lab.stop())

/** A gateway with three addresses, a slice on each. */
async function served(): Promise<Record<string, string>> {
  const interfaces = [1, 2, 3].map((n) => networkInterface(`i${n}`, 'n', [`10.0.0.${n}`]))
  lab = await Lab.with(pool, [network('n'), natGateway('g', 'n', 40000), ...interfaces])
  const slices = lab.slices()
  expect(Object.values(slices).map((slice) => slice.split(':')[0])).toEqual([
    '198.51.100.0',
    '198.51.100.1',
    '198.51.100.2',
  ])
  return slices
}

describe('a restart moves no slice when meanwhile', () => {
  it.each([
    ['the host took an address that has slices', ['198.51.100.1']],
    ['the host took all of them', ['198.51.100.0', '198.51.100.1', '198.51.100.2', '198.51.100.3']],
    ['the host came into a subnet whose ends have slices', ['198.51.100.0', '198.51.100.3']],
    ['a router appeared within the prefix', ['198.51.100.2']],
  ])('%s', async (_title, reserved) => {
    const before = await served()
    await lab.restart(pool, reserved)
    expect(lab.slices()).toEqual(before)
    expect(lab.log.lines).toEqual([])
    expect(lab.condition(NAT_GATEWAY, 'g', 'Ready')?.status).toBe('True')
    await lab.restart(pool)
    expect(lab.slices()).toEqual(before)
  })

  it.each<[string, PoolPrefix[]]>([
    ['a prefix was added before the others', [prefix('192.0.2.0/30'), ...pool]],
    ['the prefix grew', [prefix('198.51.100.0/24')]],
    ['the prefix was split', [prefix('198.51.100.2/31'), prefix('198.51.100.0/31')]],
    ['NAT got more ports at the end', [prefix('198.51.100.0/30', { first: 1024, last: 65535 })]],
    ['the addresses became shared with the host', [prefix('198.51.100.0/30', { first: 1024, last: 65535 }, true)]],
  ])('the user says so: %s', async (_title, next) => {
    const before = await served()
    await lab.restart(next)
    expect(lab.slices()).toEqual(before)
    expect(lab.log.lines).toEqual([])
  })
})

describe('an address that the host took', () => {
  it('is kept while it has slices, given back when it has none, and not given out again', async () => {
    const before = await served()
    await lab.restart(pool, ['198.51.100.1'])
    await lab.delete(NETWORK_INTERFACE, 'default/i2')
    expect(lab.addresses()).toEqual(['198.51.100.0', '198.51.100.2'])
    await lab.create(networkInterface('i4', 'n', ['10.0.0.4']))
    const { i2, ...others } = before
    expect(lab.slices()).toEqual({ ...others, i4: '198.51.100.3:1024-41023' })
  })

  it('is allocated again for its slices when somebody deleted its IPAddress', async () => {
    const before = await served()
    await lab.restart(pool, ['198.51.100.1'])
    await lab.delete(IP_ADDRESS, '198.51.100.1')
    expect(lab.slices()).toEqual(before)
    expect(lab.addresses()).toContain('198.51.100.1')
  })
})

describe('when the user changes the ports of an address', () => {
  const withPorts = (first: number, last: number) => [prefix('198.51.100.0/31', { first, last })]
  const begin = async () => {
    const interfaces = [1, 2, 3, 4].map((n) => networkInterface(`i${n}`, 'n', [`10.0.0.${n}`]))
    lab = await Lab.with(withPorts(1024, 5023), [network('n'), natGateway('g', 'n', 1000), ...interfaces])
    return lab.slices()
  }

  it('so that they end earlier, only slices beyond the end move', async () => {
    const before = await begin()
    await lab.restart(withPorts(1024, 4023))
    expect(lab.slices()).toEqual({ ...before, i4: '198.51.100.1:1024-2023' })
  })

  it('so that they begin elsewhere by whole slices, those within stay', async () => {
    const before = await begin()
    await lab.restart(withPorts(2024, 5023))
    expect(lab.slices()).toEqual({ ...before, i1: '198.51.100.1:2024-3023' })
  })

  it('so that they begin elsewhere by less than a slice, all of the address move', async () => {
    const before = Object.values(await begin())
    await lab.restart(withPorts(1025, 6024))
    for (const slice of Object.values(lab.slices())) expect(before).not.toContain(slice)
  })
})

it('slices move when the user takes their address out of the configuration, and the log says which', async () => {
  const before = await served()
  await lab.restart([prefix('198.51.100.0/31'), prefix('198.51.100.3/32')])
  const after = lab.slices()
  expect({ ...after, i3: '' }).toEqual({ ...before, i3: '' })
  expect(after.i3).toBe('198.51.100.3:1024-41023')
  expect(lab.log.lines.join('\n')).toContain('gives up public address 198.51.100.2 (not in the pool)')
})
