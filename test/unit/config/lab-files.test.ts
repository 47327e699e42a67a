import { expect, it } from 'vitest'
import { stringify } from 'yaml'
import * as lab from '../../../scripts/lab/gateway-files.ts'
import { planMachines } from '../../../scripts/lab/topology.ts'
import { manifestName, parseResource } from '../../../src/api/index.ts'
import { parseConfig } from '../../../src/config/load.ts'

it('the configuration of the lab is valid, with each private device in its Network', () => {
  const text = stringify(lab.gatewayConfig({ instance: 'lab-1', machines: planMachines([2, 1]) as never }))
  const { config, warnings } = parseConfig(text, '/tmp/lab/gateway.yaml')
  expect(warnings).toEqual([])
  expect(config.private.map((device) => [device.interface, device.network.name])).toEqual([
    ['p1', 'network-sample'],
    ['p2', 'network-sample'],
    ['q1', 'network-other'],
  ])
})

it('the manifests of the lab are valid', () => {
  const [machine] = planMachines([1])
  const manifests = [lab.networkManifest(0), lab.interfaceManifest(machine!), lab.gatewayManifest(0)]
  const parsed = manifests.map((manifest, index) => parseResource(manifest, { file: 'lab', index }))
  expect(parsed.map(({ issues }) => issues)).toEqual([undefined, undefined, undefined])
  expect(parsed.map(({ id }) => manifestName(id!))).toEqual([
    'Network default/network-sample',
    'NetworkInterface default/m1',
    'NATGateway default/natgateway-sample',
  ])
})
