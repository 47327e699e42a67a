import { afterEach, describe, expect, it } from 'vitest'
import type { Network, NetworkInterface } from '../../../src/api/index.ts'
import { NAT_GATEWAY, NETWORK, NETWORK_INTERFACE } from '../../../src/api/index.ts'
import { Lab, natGateway, network, networkInterface, prefix } from './support.ts'

const pool = [prefix('198.51.100.1/32')]
let lab: Lab
afterEach(() => lab.stop())
const accepted = (name: string) => lab.condition(NETWORK_INTERFACE, name, 'Accepted')
const nat = (name: string) => lab.condition(NETWORK_INTERFACE, name, 'NATReady')
const status = (name: string) => lab.store.get(NETWORK_INTERFACE, `default/${name}`)?.status

describe('a NetworkInterface', () => {
  it('has its slice in its status', async () => {
    lab = await Lab.with(pool, [network('n'), natGateway('g', 'n', 64), networkInterface('i', 'n', ['10.0.0.1'])])
    expect(accepted('i')).toMatchObject({ status: 'True', reason: 'Accepted' })
    expect(nat('i')).toMatchObject({ status: 'True', reason: 'SliceAssigned', message: '198.51.100.1:1024-1087' })
    expect(status('i')).toMatchObject({ state: 'Available', ips: ['10.0.0.1'] })
  })

  it('waits for its Network', async () => {
    lab = await Lab.with(pool, [natGateway('g', 'n', 64), networkInterface('i', 'n', ['10.0.0.1'])])
    expect(accepted('i')).toMatchObject({ status: 'False', reason: 'NetworkNotFound' })
    expect(accepted('i')?.message).toContain('default/n')
    expect(status('i')).toMatchObject({ state: 'Pending', ips: [] })
    expect(lab.condition(NAT_GATEWAY, 'g', 'Ready')?.reason).toBe('NetworkNotFound')
    await lab.create(network('n'))
    expect(nat('i')?.reason).toBe('SliceAssigned')
    expect(lab.condition(NAT_GATEWAY, 'g', 'Ready')?.reason).toBe('Ready')
  })

  it('waits for the network ID of its Network', async () => {
    lab = await Lab.with(pool, [network('n', { providerID: 'nonsense' }), networkInterface('i', 'n', ['10.0.0.1'])])
    await lab.stop()
    const found = lab.store.get(NETWORK, 'default/n')!
    await lab.store.update<Network>({ ...found, spec: {} })
    lab = new Lab(lab.store)
    await lab.restart(pool)
    expect(accepted('i')?.reason).toBe('Accepted')
  })

  it('yields an address to the older interface of its Network, and gets it when that goes', async () => {
    lab = await Lab.with(pool, [network('n'), network('other'), natGateway('g', 'n', 64)])
    await lab.create(networkInterface('z-old', 'n', ['10.0.0.1']))
    await lab.create(
      networkInterface('a-young', 'n', ['10.0.0.1']),
      networkInterface('elsewhere', 'other', ['10.0.0.1']),
    )
    expect(accepted('a-young')).toMatchObject({ status: 'False', reason: 'AddressConflict' })
    expect(accepted('a-young')?.message).toContain('default/z-old')
    expect(status('a-young')?.state).toBe('Error')
    expect(nat('a-young')?.reason).toBe('NotAccepted')
    expect(accepted('elsewhere')?.reason).toBe('Accepted')
    expect(Object.keys(lab.slices())).toEqual(['z-old'])
    await lab.delete(NETWORK_INTERFACE, 'default/z-old')
    expect(accepted('a-young')?.reason).toBe('Accepted')
    expect(Object.keys(lab.slices())).toEqual(['a-young'])
  })

  it('takes IPv6 addresses for the same however they are written', async () => {
    lab = await Lab.with(pool, [network('n'), networkInterface('a', 'n', ['fd00::1'])])
    await lab.create(networkInterface('b', 'n', ['FD00:0:0::1']))
    expect(accepted('b')?.reason).toBe('AddressConflict')
  })

  it('has the reason in its status when it has no NAT', async () => {
    lab = await Lab.with(pool, [network('n'), networkInterface('i', 'n', ['10.0.0.1'])])
    expect(nat('i')).toMatchObject({ status: 'False', reason: 'NoGateway' })
    await lab.create(natGateway('six', 'n', 64, 'IPv6'))
    expect(nat('i')?.reason).toBe('FamilyNotServed')
    await lab.create(natGateway('g', 'n', 64512), networkInterface('late', 'n', ['10.0.0.2']))
    expect(nat('i')?.reason).toBe('SliceAssigned')
    expect(nat('late')).toMatchObject({ status: 'False', reason: 'PoolExhausted' })
    expect(nat('late')?.message).toMatch(
      /NATGateway default\/g .* 1 public address with 1 slice of 64512 ports.*pool of 1/,
    )
    await lab.create(networkInterface('v6', 'n', ['fd00::1']))
    expect(nat('v6')?.reason).toBe('FamilyNotServed')
    const virtualIP = { virtualIPRef: { name: 'vip' } }
    await lab.create(networkInterface('public', 'n', ['10.0.0.3'], { virtualIP }))
    expect(nat('public')).toMatchObject({ status: 'False', reason: 'HasPublicIP' })
    await lab.delete(NAT_GATEWAY, 'default/g')
    await lab.delete(NAT_GATEWAY, 'default/six')
    expect(nat('i')?.reason).toBe('NoGateway')
  })

  it('releases its slice when it gets a public address, and a pending interface gets the slice', async () => {
    lab = await Lab.with(pool, [network('n'), natGateway('g', 'n', 64512), networkInterface('i', 'n', ['10.0.0.1'])])
    await lab.create(networkInterface('waits', 'n', ['10.0.0.2']))
    const found = lab.store.get(NETWORK_INTERFACE, 'default/i')!
    const virtualIP = { virtualIPRef: { name: 'vip' } }
    await lab.store.update<NetworkInterface>({ ...found, spec: { ...found.spec, virtualIP } })
    await lab.settle()
    expect(nat('i')?.reason).toBe('HasPublicIP')
    expect(nat('waits')?.reason).toBe('SliceAssigned')
  })

  it('keeps the conditions and fields of others, and its own times while nothing changes', async () => {
    lab = await Lab.with(pool, [network('n'), networkInterface('i', 'n', ['10.0.0.1'])])
    const before = lab.store.get(NETWORK_INTERFACE, 'default/i')!
    const programmed = {
      type: 'Programmed',
      status: 'True',
      reason: 'Programmed',
      message: '',
      lastTransitionTime: '2025-01-13T11:39:17Z',
    } as const
    const conditions = [programmed, ...before.status!.conditions!]
    const present = { ...before, status: { ...before.status, virtualIP: '192.0.2.7', conditions } }
    await lab.store.updateStatus<NetworkInterface>(present)
    await lab.create(natGateway('g', 'n', 64))
    expect(nat('i')?.reason).toBe('SliceAssigned')
    expect(lab.condition(NETWORK_INTERFACE, 'i', 'Programmed')).toEqual(programmed)
    expect(status('i')?.virtualIP).toBe('192.0.2.7')
    expect(status('i')?.lastStateTransitionTime).toBe(before.status!.lastStateTransitionTime)
    expect(accepted('i')?.lastTransitionTime).toBe(before.status!.conditions![0]!.lastTransitionTime)
  })

  it('gets its status back when somebody changes it by hand', async () => {
    lab = await Lab.with(pool, [network('n'), networkInterface('i', 'n', ['10.0.0.1'])])
    const found = lab.store.get(NETWORK_INTERFACE, 'default/i')!
    await lab.store.updateStatus<NetworkInterface>({ ...found, status: { state: 'Error' } })
    await lab.settle()
    expect(status('i')).toMatchObject({ state: 'Available', ips: ['10.0.0.1'] })
  })
})
