import { describe, expect, it } from 'vitest'
import { foreignContent, NETWORKING_API } from '../../../src/api/index.ts'

describe('a document', () => {
  it.each([
    [{ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' }, 'Kustomization of kustomize.config'],
    [{ apiVersion: 'v1', kind: 'ConfigMap' }, 'ConfigMap of v1'],
    [{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy' }, 'NetworkPolicy of networking.k8s.io/v1'],
    [{ apiVersion: 'core.apinet.ironcore.dev/v1alpha1', kind: 'NATGateway' }, 'NATGateway of core.apinet'],
    [{ apiVersion: 'ec2.services.k8s.aws/v1alpha1', kind: 'NATGateway' }, 'NATGateway of ec2'],
    [{ apiVersion: NETWORKING_API, kind: 'VirtualIP' }, 'VirtualIP, which is not supported'],
    [{ apiVersion: 'v2', name: 'chart', version: '1.0.0' }, 'no resource'],
    [{ replicas: 2, image: { tag: 'x' } }, 'no resource'],
    [['a', 'list'], 'no resource'],
    ['a text', 'no resource'],
  ])('of another tool is foreign: %j', (document, what) => {
    expect(foreignContent(document)).toContain(what)
  })

  it.each([
    { apiVersion: NETWORKING_API, kind: 'NATGateway' },
    { apiVersion: NETWORKING_API, kind: 'NATGatway' },
    { apiVersion: NETWORKING_API },
    { apiVersion: NETWORKING_API.replace('v1alpha1', 'v1'), kind: 'Network' },
    { apiVersion: NETWORKING_API.replace('networking', 'netwoking'), kind: 'Network' },
    { apiVersion: 'v1', kind: 'NATGateway' },
    { apiVersion: 'v1', kind: 'NetworkInterfaces' },
    { kind: 'Network' },
    { apiVerson: NETWORKING_API, knd: 'Network', metadata: { name: 'a' }, spec: {} },
  ])('that may be ours with a mistake is not: %j', (document) => {
    expect(foreignContent(document)).toBeUndefined()
  })
})
