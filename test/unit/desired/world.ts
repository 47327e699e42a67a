import type {
  NATTable,
  NATTableSection,
  Network,
  NetworkID,
  NetworkInterface,
  Resource,
} from '../../../src/api/index.ts'
import { CORE_API, groupKindOf, keyOf, NETWORKING_API } from '../../../src/api/index.ts'
import type { AgentEvent } from '../../../src/desired/objects.ts'
import type { HostSnapshot } from '../../../src/host/host-network.ts'
import type { InterfaceAddress, Link, Neighbour, Route } from '../../../src/host/network-objects.ts'
import { neighbourKey } from '../../../src/host/network-objects.ts'
import { parseAddress } from '../../../src/net/address.ts'
import { parseCidr } from '../../../src/net/cidr.ts'
import { parseMac } from '../../../src/net/mac.ts'

// Objects and hosts for tests of the agent, short to write down.

export const TIMERS = { udp: 300, tcpEstablished: 7440, tcpTransitory: 240, icmp: 60 }
export const UPLINK = 2
export const PRIVATE_A = 3
export const PRIVATE_B = 4

const meta = (name: string, namespace?: string) => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
  uid: `uid-${name}`,
  resourceVersion: '1',
  generation: 1,
  creationTimestamp: '2026-01-01T00:00:00Z',
})

export function network(name: string): Network {
  return { apiVersion: NETWORKING_API, kind: 'Network', metadata: meta(name, 'default'), spec: {} }
}

export function networkId(vni: number, name: string): NetworkID {
  const claimRef = {
    group: 'networking.ironcore.dev',
    resource: 'networks',
    namespace: 'default',
    name,
    uid: `uid-${name}`,
  }
  return { apiVersion: CORE_API, kind: 'NetworkID', metadata: meta(String(vni)), spec: { claimRef } }
}

export function networkInterface(name: string, ip: string, of = 'blue'): NetworkInterface {
  return {
    apiVersion: NETWORKING_API,
    kind: 'NetworkInterface',
    metadata: meta(name, 'default'),
    spec: { networkRef: { name: of }, ipFamilies: ['IPv4'], ips: [{ value: ip }] },
  }
}

/** A table of 64-port slices from port 1024; slice n of `owners` belongs to its n-th, gaps are free. */
export function natTable(
  ip: string,
  owners: (readonly [name: string, inside: string] | undefined)[],
  shared = false,
): NATTable {
  const sections = owners.flatMap((owner, n): NATTableSection[] => {
    if (owner === undefined) return []
    const [name, inside] = owner
    const port = 1024 + n * 64
    return [{ ip: inside, port, endPort: port + 63, targetRef: { name, uid: `uid-${name}` } }]
  })
  return {
    apiVersion: CORE_API,
    kind: 'NATTable',
    metadata: meta(`gateway-${ip}`, 'default'),
    spec: {
      gatewayRef: { name: 'gateway', uid: 'uid-gateway' },
      ip,
      ports: { first: 1024, last: 65535 },
      shared,
      portsPerSlice: 64,
      sections,
    },
  }
}

export function event(type: AgentEvent['type'], object: Resource): AgentEvent {
  return { type, kind: groupKindOf(object), key: keyOf(object.metadata), object } as AgentEvent
}

export function link(ifindex: number, name: string): Link {
  const mac = parseMac(`02:00:00:00:00:${ifindex.toString(16).padStart(2, '0')}`)
  return { ifindex, name, mtu: 1500, mac, up: true, carrier: true, kind: 'veth' }
}

export function route(prefix: string, to: Partial<Route> = {}): Route {
  const { address, length } = parseCidr(prefix)
  return { address, prefixLength: length, type: 'unicast', table: 254, metric: 0, ifindex: UPLINK, ...to }
}

export function neighbour(ifindex: number, ip: string, mac: string | undefined): Neighbour {
  return {
    ifindex,
    address: parseAddress(ip),
    state: mac === undefined ? 0x20 : 0x02,
    ...(mac === undefined ? {} : { mac: parseMac(mac) }),
    managed: false,
    fixed: false,
    protocol: 0,
  }
}

export function address(ifindex: number, text: string, more: Partial<InterfaceAddress> = {}): InterfaceAddress {
  return { ifindex, address: parseAddress(text), prefixLength: 24, ...more }
}

/** A host with an uplink `up0` to 192.0.2.254 and the private devices `in0` and `in1`. */
export function host(parts: {
  routes?: Route[]
  neighbours?: Neighbour[]
  addresses?: InterfaceAddress[]
  links?: Link[]
}) {
  const links = parts.links ?? [link(UPLINK, 'up0'), link(PRIVATE_A, 'in0'), link(PRIVATE_B, 'in1')]
  const snapshot: HostSnapshot = {
    links: new Map(links.map((each) => [each.ifindex, each])),
    addresses: parts.addresses ?? [],
    routes: parts.routes ?? [
      route('0.0.0.0/0', { gateway: parseAddress('192.0.2.254') }),
      route('192.0.2.0/24'),
      route('10.0.0.0/24', { ifindex: PRIVATE_A }),
    ],
    neighbours: new Map((parts.neighbours ?? []).map((each) => [neighbourKey(each.ifindex, each.address), each])),
  }
  return snapshot
}

/** One private device `in0` in Network blue. */
export const ONE_DEVICE = {
  uplink: { interface: 'up0', macs: [] },
  private: [{ interface: 'in0', network: { namespace: 'default', name: 'blue' }, prefixes: [] as string[], macs: [] }],
  timers: TIMERS,
  udpRefresh: 'both' as const,
  perInterface: { sessions: 256, newFlowsPerSecond: 0 },
}

/** Two private devices in Network blue. */
export const TWO_DEVICES = {
  ...ONE_DEVICE,
  private: ['in0', 'in1'].map((name) => ({
    interface: name,
    network: { namespace: 'default', name: 'blue' },
    prefixes: [] as string[],
    macs: [],
  })),
}
