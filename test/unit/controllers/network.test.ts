import { afterEach, describe, expect, it } from 'vitest'
import { networkIdOf } from '../../../src/allocation/lookups.ts'
import type { Network } from '../../../src/api/index.ts'
import { FINALIZERS, NAT_GATEWAY, NETWORK, NETWORK_ID, NETWORK_INTERFACE } from '../../../src/api/index.ts'
import { Lab, natGateway, network, networkInterface, prefix } from './support.ts'

const pool = [prefix('198.51.100.0/30')]
let lab: Lab
afterEach(() => lab.stop())

describe('a Network', () => {
  it('gets a network ID with its claimRef and becomes Available', async () => {
    lab = await Lab.with(pool, [network('n')])
    const found = lab.store.get(NETWORK, 'default/n')!
    const id = networkIdOf(lab.store, found)!
    expect(found.spec.providerID).toBe(`ironcore-net://default/n/${id}/${found.metadata.uid}`)
    expect(found.status?.state).toBe('Available')
    expect(found.metadata.finalizers).toEqual([FINALIZERS.network])
    expect(lab.store.get(NETWORK_ID, String(id))?.spec.claimRef).toMatchObject({ name: 'n', uid: found.metadata.uid })
  })

  it('gets the ID that its provider ID names', async () => {
    lab = await Lab.with(pool, [network('n', { providerID: 'ironcore-net://default/n/4711/x' })])
    expect(networkIdOf(lab.store, lab.store.get(NETWORK, 'default/n')!)).toBe(4711)
  })

  it('names the holder of the ID that it wants, and gets the ID when the holder goes', async () => {
    const providerID = 'ironcore-net://default/n/4711/x'
    lab = await Lab.with(pool, [network('first', { providerID }), network('second', { providerID })])
    expect(lab.store.get(NETWORK, 'default/second')?.status?.state).toBe('Error')
    expect(lab.condition(NETWORK, 'second', 'Available')).toMatchObject({ reason: 'NetworkIDTaken' })
    expect(lab.condition(NETWORK, 'second', 'Available')?.message).toContain('default/first')
  })

  it('says what is wrong with a provider ID', async () => {
    lab = await Lab.with(pool, [network('n', { providerID: 'elsewhere' })])
    expect(lab.condition(NETWORK, 'n', 'Available')).toMatchObject({ status: 'False', reason: 'InvalidProviderID' })
  })

  it('gets the same ID again when somebody deletes the NetworkID', async () => {
    lab = await Lab.with(pool, [network('n')])
    const id = networkIdOf(lab.store, lab.store.get(NETWORK, 'default/n')!)
    await lab.delete(NETWORK_ID, String(id))
    expect(networkIdOf(lab.store, lab.store.get(NETWORK, 'default/n')!)).toBe(id)
  })

  it('is deleted only once nothing refers to it, says what does, and gives its ID back', async () => {
    lab = await Lab.with(pool, [network('n'), networkInterface('i', 'n', ['10.0.0.1']), natGateway('g', 'n')])
    await lab.delete(NETWORK, 'default/n')
    expect(lab.condition(NETWORK, 'n', 'InUse')).toMatchObject({ status: 'True', reason: 'Referenced' })
    expect(lab.condition(NETWORK, 'n', 'InUse')?.message).toContain('NATGateway default/g, NetworkInterface default/i')
    expect(Object.keys(lab.slices())).toEqual(['i'])
    await lab.delete(NETWORK_INTERFACE, 'default/i')
    expect(lab.condition(NETWORK, 'n', 'InUse')?.message).not.toContain(NETWORK_INTERFACE)
    await lab.delete(NAT_GATEWAY, 'default/g')
    expect(lab.store.list(NETWORK)).toEqual([])
    expect(lab.store.list(NETWORK_ID)).toEqual([])
  })

  it('that vanishes without cleaning up leaves no ID behind', async () => {
    lab = await Lab.with(pool, [network('n')])
    await lab.stop()
    await lab.store.update<Network>({
      ...lab.store.get(NETWORK, 'default/n')!,
      metadata: { ...lab.store.get(NETWORK, 'default/n')!.metadata, finalizers: [] },
    })
    await lab.store.delete(NETWORK, 'default/n')
    expect(lab.store.list(NETWORK_ID)).toHaveLength(1)
    await lab.restart(pool)
    expect(lab.store.list(NETWORK_ID)).toEqual([])
  })
})
