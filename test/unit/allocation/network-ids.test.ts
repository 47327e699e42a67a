import { describe, expect, it } from 'vitest'
import {
  FIRST_NETWORK_ID,
  idInProviderId,
  LAST_NETWORK_ID,
  networkProviderId,
  nextNetworkId,
} from '../../../src/allocation/network-ids.ts'
import type { Network } from '../../../src/api/index.ts'
import { NETWORKING_API } from '../../../src/api/index.ts'

describe('network IDs', () => {
  it('are the same for the same seed, and the next one up when that is taken', () => {
    const id = nextNetworkId('a', () => false)!
    expect(nextNetworkId('a', () => false)).toBe(id)
    expect(nextNetworkId('a', (taken) => taken === id)).toBe(id === LAST_NETWORK_ID ? FIRST_NETWORK_ID : id + 1)
  })

  it('reach both ends of 200 … 16777215, whatever the seed', () => {
    for (const only of [200, 16777215]) expect(nextNetworkId('some uid', (id) => id !== only)).toBe(only)
    expect(nextNetworkId('some uid', () => true)).toBeUndefined()
  })

  it('stand in the provider ID as the documents have it', () => {
    const metadata: Network['metadata'] = {
      namespace: 'default',
      name: 'network-sample',
      uid: '2020dcf9',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: '2025-01-13T11:39:17Z',
    }
    const network: Network = { apiVersion: NETWORKING_API, kind: 'Network', metadata, spec: {} }
    expect(networkProviderId(network, 200)).toBe('ironcore-net://default/network-sample/200/2020dcf9')
    expect(idInProviderId(networkProviderId(network, 200))).toBe(200)
    expect(idInProviderId('default/network-sample/4711/2020dcf9')).toBe(4711)
  })

  it.each([
    '',
    'x',
    'ironcore-net://a/b/c/d',
    'a/b/0200/d',
    'a/b/+200/d',
    'a/b/199/d',
    'a/b/16777216/d',
    'a/b/200/d/e',
  ])('are not read from "%s"', (text) => expect(idInProviderId(text)).toBeUndefined())
})
