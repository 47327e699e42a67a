import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { Lab } from './lab.ts'
import type { MachinePlan } from './topology.ts'

// The files that a user of the gateway in a lab would write: gateway.yaml and the manifests.

const NETWORK_NAMES = ['network-sample', 'network-other'] as const
const API = 'networking.ironcore.dev/v1alpha1'

/** Name of the lab's n-th Network. */
export function networkName(network: number): string {
  return NETWORK_NAMES[network] ?? `network-${network}`
}

/** gateway.yaml as data. @param changes replace its top-level fields, or add to them */
export function gatewayConfig(
  lab: Pick<Lab, 'instance' | 'machines'>,
  changes: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    instance: lab.instance,
    uplink: { interface: 'up0' },
    private: lab.machines.map(({ device, network }) => ({ interface: device, network: networkName(network) })),
    publicPrefixes: ['198.51.100.0/30'],
    manifests: 'manifests',
    stateFile: 'state',
    ...changes,
  }
}

export function networkManifest(network: number): object {
  return { apiVersion: API, kind: 'Network', metadata: { namespace: 'default', name: networkName(network) }, spec: {} }
}

export function interfaceManifest(machine: Pick<MachinePlan, 'name' | 'address' | 'network'>): object {
  return {
    apiVersion: API,
    kind: 'NetworkInterface',
    metadata: { namespace: 'default', name: machine.name },
    spec: {
      networkRef: { name: networkName(machine.network) },
      ipFamilies: ['IPv4'],
      ips: [{ value: machine.address }],
    },
  }
}

/** The documents' own example, for the lab's n-th Network: natgateway-sample, natgateway-other. */
export function gatewayManifest(network: number, portsPerNetworkInterface = 64): object {
  const name = networkName(network)
  return {
    apiVersion: API,
    kind: 'NATGateway',
    metadata: { namespace: 'default', name: name.replace('network', 'natgateway') },
    spec: { type: 'Public', ipFamily: 'IPv4', portsPerNetworkInterface, networkRef: { name } },
  }
}

/** Where the files of a lab's gateway are. */
export interface GatewayFiles {
  config: string
  manifests: string
}

/** Writes gateway.yaml and an empty folder of manifests into the folder of the lab. */
export function writeGatewayConfig(lab: Lab, changes: Record<string, unknown> = {}): GatewayFiles {
  const files = { config: join(lab.folder, 'gateway.yaml'), manifests: join(lab.folder, 'manifests') }
  mkdirSync(files.manifests, { recursive: true })
  writeFileSync(files.config, stringify(gatewayConfig(lab, changes)))
  return files
}

/** Adds or replaces a manifest, as an editor would. @returns its path */
export function writeManifest(files: GatewayFiles, name: string, ...objects: object[]): string {
  const path = join(files.manifests, `${name}.yaml`)
  writeFileSync(path, objects.map((object) => stringify(object)).join('---\n'))
  return path
}
