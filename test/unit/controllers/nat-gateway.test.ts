import { afterEach, describe, expect, it } from 'vitest'
import { natTables, networkIdOf } from '../../../src/allocation/lookups.ts'
import type { GroupKind, IPAddress, NATGateway, NATTable } from '../../../src/api/index.ts'
import { IP_ADDRESS, NAT_GATEWAY, NAT_TABLE, NETWORK, NETWORK_ID, NETWORK_INTERFACE } from '../../../src/api/index.ts'
import { Lab, natGateway, network, networkInterface, prefix } from './support.ts'

const four = [prefix('198.51.100.0/30')]
let lab: Lab
afterEach(() => lab.stop())
const ready = (name = 'g') => lab.condition(NAT_GATEWAY, name, 'Ready')
const interfaces = (count: number, first = 0) =>
  Array.from({ length: count }, (_, n) => networkInterface(`i${first + n}`, 'n', [`10.0.0.${first + n + 1}`]))

async function edit(name: string, spec: Partial<NATGateway['spec']>): Promise<void> {
  const found = lab.gateway(name)
  await lab.store.update<NATGateway>({ ...found, spec: { ...found.spec, ...spec } })
  await lab.settle()
}

async function tamper(sections: (before: NATTable['spec']['sections']) => NATTable['spec']['sections']): Promise<void> {
  const table = lab.store.list(NAT_TABLE)[0]!
  await lab.store.update<NATTable>({ ...table, spec: { ...table.spec, sections: sections(table.spec.sections) } })
  await lab.settle()
}

describe('a NATGateway', () => {
  it('takes the public addresses it needs and no more, one after the other', async () => {
    lab = await Lab.with(four, [network('n'), natGateway('g', 'n', 32768)])
    expect(lab.gateway('g').status).toMatchObject({
      ips: [{ name: 'ip1', ip: '198.51.100.0' }],
      slices: { total: 1, used: 0, free: 1, waiting: 0 },
    })
    expect(ready()).toMatchObject({ status: 'True', reason: 'Ready' })
    await lab.create(...interfaces(2))
    expect(lab.gateway('g').status).toMatchObject({
      ips: [
        { name: 'ip1', ip: '198.51.100.0' },
        { name: 'ip2', ip: '198.51.100.1' },
      ],
      slices: { total: 2, used: 2, free: 0, waiting: 0 },
    })
    expect(lab.slices()).toEqual({ i0: '198.51.100.0:1024-33791', i1: '198.51.100.1:1024-33791' })
  })

  it('takes another address for the first interface that does not fit, not only for a full address of them', async () => {
    lab = await Lab.with(four, [network('n'), natGateway('g', 'n'), ...interfaces(32)])
    expect(lab.gateway('g').status).toMatchObject({ slices: { total: 62, used: 32, waiting: 0 } })
  })

  it('takes all that the pool has, says how many interfaces are pending, and serves them as soon as a slice is free', async () => {
    lab = await Lab.with(four, [network('n'), natGateway('g', 'n', 64512), ...interfaces(6)])
    expect(lab.gateway('g').status?.slices).toEqual({ total: 4, used: 4, free: 0, waiting: 2 })
    expect(ready()).toMatchObject({ status: 'False', reason: 'PoolExhausted' })
    expect(ready()?.message).toContain('2 interfaces wait')
    const before = lab.slices()
    await lab.delete(NETWORK_INTERFACE, 'default/i1')
    expect(lab.slices()).toEqual({ i0: before.i0, i2: before.i2, i3: before.i3, i4: before.i1 })
    expect(ready()?.message).toContain('1 interface waits')
  })

  it('gives empty addresses back beyond the first, and keeps the names of the others', async () => {
    lab = await Lab.with(four, [network('n'), natGateway('g', 'n', 64512), ...interfaces(3)])
    await lab.delete(NETWORK_INTERFACE, 'default/i1')
    expect(lab.gateway('g').status?.ips).toEqual([
      { name: 'ip1', ip: '198.51.100.0' },
      { name: 'ip3', ip: '198.51.100.2' },
    ])
    await lab.delete(NETWORK_INTERFACE, 'default/i0')
    await lab.delete(NETWORK_INTERFACE, 'default/i2')
    expect(lab.gateway('g').status?.ips).toEqual([{ name: 'ip1', ip: '198.51.100.0' }])
    expect(lab.addresses()).toEqual(['198.51.100.0'])
  })

  it('wakes when another gateway releases an address that it wanted', async () => {
    const pool = [prefix('198.51.100.1/32')]
    lab = await Lab.with(pool, [
      network('n'),
      network('m'),
      natGateway('first', 'm'),
      natGateway('g', 'n'),
      ...interfaces(1),
    ])
    expect(ready()).toMatchObject({ status: 'False', reason: 'NoPublicIP' })
    expect(lab.condition(NETWORK_INTERFACE, 'i0', 'NATReady')?.reason).toBe('PoolExhausted')
    await lab.delete(NAT_GATEWAY, 'default/first')
    expect(ready()?.reason).toBe('Ready')
    expect(Object.keys(lab.slices())).toEqual(['i0'])
  })

  it('says so when there are no addresses at all, or none with enough ports', async () => {
    lab = await Lab.with([], [network('n'), natGateway('g', 'n')])
    expect(ready()).toMatchObject({ reason: 'NoPublicIP' })
    expect(ready()?.message).toContain('there are no public addresses')
    await lab.restart([prefix('198.51.100.1/32', { first: 2000, last: 2999 }, true)])
    expect(ready()?.message).toContain('2048 ports')
    await edit('g', { portsPerNetworkInterface: 500 })
    expect(ready()?.reason).toBe('Ready')
    expect(lab.gateway('g').status?.slices?.total).toBe(2)
    expect(lab.store.list(NAT_TABLE)[0]?.spec).toMatchObject({ ports: { first: 2000, last: 2999 }, shared: true })
  })

  it('yields to an older gateway of the same Network and family, names it, and takes over when it goes', async () => {
    lab = await Lab.with(four, [network('n'), natGateway('z-old', 'n', 64), ...interfaces(1)])
    await new Promise((resolve) => setTimeout(resolve, 2))
    await lab.create(natGateway('a-young', 'n', 128))
    expect(lab.condition(NAT_GATEWAY, 'a-young', 'Conflicted')).toMatchObject({
      status: 'True',
      reason: 'HeldByOther',
    })
    expect(lab.condition(NAT_GATEWAY, 'a-young', 'Conflicted')?.message).toContain('default/z-old')
    expect(ready('a-young')).toMatchObject({ status: 'False', reason: 'Conflicted' })
    expect(lab.gateway('a-young').status?.ips).toEqual([])
    expect(lab.condition(NAT_GATEWAY, 'z-old', 'Conflicted')?.status).toBe('False')
    expect(lab.slices()).toEqual({ i0: '198.51.100.0:1024-1087' })
    await lab.delete(NAT_GATEWAY, 'default/z-old')
    expect(ready('a-young')?.reason).toBe('Ready')
    expect(lab.slices()).toEqual({ i0: '198.51.100.0:1024-1151' })
  })

  it('for IPv6 is accepted, says that it is not supported, and how many wait', async () => {
    lab = await Lab.with(four, [
      network('n'),
      natGateway('g', 'n', 64, 'IPv6'),
      networkInterface('i', 'n', ['10.0.0.1', 'fd00::1']),
    ])
    expect(ready()).toMatchObject({ status: 'False', reason: 'IPv6NotSupported' })
    expect(lab.gateway('g').status).toMatchObject({ ips: [], slices: { total: 0, waiting: 1 } })
    expect(lab.addresses()).toEqual([])
  })

  it('serves only its own Network', async () => {
    lab = await Lab.with(four, [network('n'), network('m'), natGateway('g', 'n', 64), ...interfaces(1)])
    await lab.create(networkInterface('other', 'm', ['10.0.0.1']))
    expect(Object.keys(lab.slices())).toEqual(['i0'])
  })

  it('leaves nothing behind when it is deleted', async () => {
    lab = await Lab.with(four, [network('n'), natGateway('g', 'n', 64512), ...interfaces(3)])
    await lab.delete(NAT_GATEWAY, 'default/g')
    for (const kind of [NAT_GATEWAY, NAT_TABLE, IP_ADDRESS] as const satisfies GroupKind[]) {
      expect(lab.store.list(kind)).toEqual([])
    }
  })

  it('allocates slices again when their size changes, on the same addresses', async () => {
    lab = await Lab.with(four, [network('n'), natGateway('g', 'n', 64), ...interfaces(3)])
    await edit('g', { portsPerNetworkInterface: 1000 })
    expect(lab.slices()).toEqual({
      i0: '198.51.100.0:1024-2023',
      i1: '198.51.100.0:2024-3023',
      i2: '198.51.100.0:3024-4023',
    })
  })

  it('does not count a deleted interface as pending that lost its slice when slices grew', async () => {
    lab = await Lab.with([prefix('198.51.100.1/32')], [network('n'), natGateway('g', 'n', 64), ...interfaces(1)])
    const held = networkInterface('z', 'n', ['10.0.0.9'])
    await lab.store.create({ ...held, metadata: { ...held.metadata, finalizers: ['test/hold'] } })
    await lab.settle()
    await lab.delete(NETWORK_INTERFACE, 'default/z')
    expect(Object.keys(lab.slices())).toEqual(['i0', 'z'])
    await edit('g', { portsPerNetworkInterface: 64512 })
    expect(Object.keys(lab.slices())).toEqual(['i0'])
    expect(lab.gateway('g').status?.slices).toEqual({ total: 1, used: 1, free: 0, waiting: 0 })
  })

  it('releases an address that is no longer in the pool, says so, and allocates its slices again', async () => {
    lab = await Lab.with(four, [network('n'), natGateway('g', 'n', 64512), ...interfaces(2)])
    const kept = lab.slices().i1
    await lab.restart([prefix('198.51.100.1/32'), prefix('192.0.2.0/31')])
    expect(lab.slices()).toEqual({ i0: '192.0.2.0:1024-65535', i1: kept })
    expect(lab.addresses()).toEqual(['192.0.2.0', '198.51.100.1'])
    expect(lab.log.lines.join()).toContain('gives up public address 198.51.100.0 (not in the pool)')
    expect(lab.gateway('g').status?.ips).toEqual([
      { name: 'ip2', ip: '198.51.100.1' },
      { name: 'ip3', ip: '192.0.2.0' },
    ])
  })

  it('moves no slice and writes nothing when it starts again, even with a larger pool', async () => {
    lab = await Lab.with(four, [network('n'), natGateway('g', 'n', 2048), ...interfaces(40)])
    const before = lab.slices()
    await lab.stop()
    const versions = (): string[] =>
      ([NETWORK, NETWORK_INTERFACE, NAT_GATEWAY, NAT_TABLE, IP_ADDRESS, NETWORK_ID] as const)
        .flatMap((kind) =>
          lab.store.list(kind).map(({ metadata }) => `${kind} ${metadata.name} ${metadata.resourceVersion}`),
        )
        .sort()
    const written = versions()
    await lab.restart([...four, prefix('192.0.2.0/24')])
    expect(lab.slices()).toEqual(before)
    expect(versions()).toEqual(written)
  })

  it('repairs tables that somebody changed by hand', async () => {
    lab = await Lab.with(four, [network('n'), natGateway('g', 'n', 64), ...interfaces(3)])
    const before = lab.slices()
    await tamper(([a, b, c]) => [a!, { ...b!, port: a!.port, endPort: a!.endPort }, c!])
    expect(lab.slices()).toEqual(before)
    expect(lab.log.lines.join()).toContain('is damaged (overlap)')
    await tamper((sections) => [
      ...sections,
      { ...sections[0]!, port: 5000, endPort: 5063, targetRef: { name: 'x', uid: 'x' } },
    ])
    expect(lab.slices()).toEqual(before)
    await tamper(() => [])
    expect(lab.slices()).toEqual(before)
  })

  it('creates a deleted IPAddress again, under its old name', async () => {
    lab = await Lab.with(four, [network('n'), natGateway('g', 'n', 64512), ...interfaces(2)])
    const before = { slices: lab.slices(), ips: lab.gateway('g').status?.ips }
    await lab.delete(IP_ADDRESS, '198.51.100.0')
    expect({ slices: lab.slices(), ips: lab.gateway('g').status?.ips }).toEqual(before)
    expect(lab.addresses()).toEqual(['198.51.100.0', '198.51.100.1'])
  })

  it('removes the objects of a gateway that vanished without cleaning up, at once and at start', async () => {
    lab = await Lab.with(four, [network('n'), natGateway('g', 'n', 64512), ...interfaces(4)])
    const found = lab.gateway('g')
    await lab.stop()
    await lab.store.update<NATGateway>({ ...found, metadata: { ...found.metadata, finalizers: [] } })
    await lab.delete(NAT_GATEWAY, 'default/g')
    await lab.store.create(natGateway('g', 'n', 64512))
    await lab.restart(four)
    expect(Object.keys(lab.slices())).toHaveLength(4)
    const { uid } = lab.gateway('g').metadata
    expect(lab.store.list(IP_ADDRESS).every(({ spec }) => spec.claimRef.uid === uid)).toBe(true)
    expect(lab.store.list(NAT_TABLE).every(({ spec }) => spec.gatewayRef.uid === uid)).toBe(true)
  })

  it('does not touch an address whose claimRef names another object', async () => {
    const claimRef = {
      group: 'networking.ironcore.dev',
      resource: 'virtualips',
      namespace: 'default',
      name: 'v',
      uid: 'v',
    }
    lab = await Lab.with([], [network('n'), natGateway('g', 'n'), ...interfaces(1)])
    await lab.store.create<IPAddress>({
      apiVersion: 'core.apinet.ironcore.dev/v1alpha1',
      kind: 'IPAddress',
      metadata: { name: '198.51.100.0' },
      spec: { ip: '198.51.100.0', claimRef, entryName: 'ip1', ports: { first: 1024, last: 65535 }, shared: false },
    })
    await lab.restart(four)
    expect(lab.gateway('g').status?.ips).toEqual([{ name: 'ip1', ip: '198.51.100.1' }])
    expect(lab.store.get(IP_ADDRESS, '198.51.100.0')?.spec.claimRef).toEqual(claimRef)
  })

  it('publishes a table with the network ID only while all objects that it needs exist', async () => {
    lab = await Lab.with(four, [network('n'), natGateway('g', 'n', 64), ...interfaces(1)])
    const vni = networkIdOf(lab.store, lab.store.get(NETWORK, 'default/n')!)
    expect(natTables(lab.store)).toMatchObject([
      { vni, gateway: { metadata: { name: 'g' } }, table: { kind: 'NATTable' } },
    ])
    await lab.stop()
    await lab.store.delete(NETWORK_ID, String(vni))
    expect(natTables(lab.store)).toEqual([])
  })
})
