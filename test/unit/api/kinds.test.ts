import { describe, expect, it } from 'vitest'
import type { Network } from '../../../src/api/index.ts'
import {
  apiVersionOf,
  GROUP_KINDS,
  groupKindOf,
  isOfKind,
  kindOfResource,
  KINDS,
  MANIFEST_KINDS,
  NAT_GATEWAY,
  NAT_TABLE,
  NETWORK,
  NETWORK_INTERFACE,
  UNSUPPORTED_KINDS,
} from '../../../src/api/index.ts'

const NETWORK_OBJECT = { apiVersion: 'networking.ironcore.dev/v1alpha1', kind: 'Network' } as Network

describe('the table of kinds', () => {
  it('has each kind under its kind and group', () => {
    for (const each of GROUP_KINDS) expect(`${KINDS[each].kind}.${KINDS[each].group}`).toBe(each)
  })

  it('says which kinds users write', () => {
    expect(MANIFEST_KINDS).toEqual([NETWORK, NETWORK_INTERFACE, NAT_GATEWAY])
  })

  it('has no kind that is called unsupported', () => {
    expect(MANIFEST_KINDS.filter((each) => UNSUPPORTED_KINDS.has(KINDS[each].kind))).toEqual([])
  })

  it('finds the kind of an object by apiVersion and kind', () => {
    for (const each of GROUP_KINDS) {
      expect(groupKindOf({ apiVersion: apiVersionOf(each), kind: KINDS[each].kind } as Network)).toBe(each)
    }
  })

  it('does not take a kind of the other group for the same kind', () => {
    const other = {
      ...NETWORK_OBJECT,
      apiVersion: 'core.apinet.ironcore.dev/v1alpha1' as typeof NETWORK_OBJECT.apiVersion,
    }
    expect(groupKindOf(other)).toBe('Network.core.apinet.ironcore.dev')
    expect([isOfKind(NETWORK_OBJECT, NETWORK), isOfKind(other, NETWORK)]).toEqual([true, false])
  })

  it('finds the kind that a claimRef means by group and plural', () => {
    expect(kindOfResource({ group: 'networking.ironcore.dev', resource: 'natgateways' })).toBe(NAT_GATEWAY)
    expect(kindOfResource({ group: 'core.apinet.ironcore.dev', resource: 'nattables' })).toBe(NAT_TABLE)
    expect(kindOfResource({ group: 'core.apinet.ironcore.dev', resource: 'natgateways' })).toBeUndefined()
  })
})
