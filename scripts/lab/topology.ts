// The plan of the lab: hosts, addresses and links. Pure; lab.ts builds it.
//
//   m1 10.0.0.1 ──p1┐                                 ┌ 203.0.113.80 web
//   m2 10.0.0.2 ──p2┤ gw  up0 192.0.2.2 ── 192.0.2.1 net ┤ 203.0.113.53 DNS
//   n1 10.0.0.1 ──q1┘                                 └──── s1 203.0.113.90 (further servers)
//
// Public addresses 198.51.100.0/24 are on-link for `net`: it asks the gateway for them by ARP.

export const GATEWAY_INSIDE = '10.0.0.254'
export const GATEWAY_UPLINK = '192.0.2.2'
export const INTERNET_ROUTER = '192.0.2.1'
export const PUBLIC_PREFIX = '198.51.100.0/24'
export const WEB_ADDRESS = '203.0.113.80'
export const DNS_ADDRESS = '203.0.113.53'

export interface LabOptions {
  /** Machines of each Network; all Networks have the same addresses. Default: [2]. */
  networks?: number[]
  /** Hosts in the internet besides the router that holds the web and DNS addresses. Default: 0. */
  servers?: number
  /** Of every link. Default: 1500. Native XDP without fragments takes up to about 3,500. */
  mtu?: number
  /** Default: off, so that captures hold only the packets of a test. */
  ipv6?: boolean
}

export interface MachinePlan {
  /** m1, m2, … in the first Network, n1, … in the second. */
  name: string
  /** Index into LabOptions.networks. */
  network: number
  address: string
  /** The gateway's device towards it: p1, p2, … in the first Network, q1, … in the second. */
  device: string
}

export interface ServerPlan {
  name: string
  address: string
  /** The router's device towards it. */
  device: string
}

export function planMachines(networks: number[]): MachinePlan[] {
  return networks.flatMap((count, network) =>
    Array.from({ length: count }, (_, index) => ({
      name: `${letter('m', network)}${index + 1}`,
      network,
      address: `10.0.0.${index + 1}`,
      device: `${letter('p', network)}${index + 1}`,
    })),
  )
}

export function planServers(count: number): ServerPlan[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `s${index + 1}`,
    address: `203.0.113.${90 + index}`,
    device: `srv${index + 1}`,
  }))
}

function letter(first: string, offset: number): string {
  return String.fromCharCode(first.charCodeAt(0) + offset)
}

/** `ip` commands of one host, without the leading word. */
export type IpCommands = string[]

export function machineCommands(machine: MachinePlan): IpCommands {
  return [
    'link set lo up',
    `address add ${machine.address}/24 dev eth0`,
    'link set eth0 up',
    `route add default via ${GATEWAY_INSIDE}`,
  ]
}

export function gatewayCommands(machines: MachinePlan[]): IpCommands {
  return [
    'link set lo up',
    `address add ${GATEWAY_UPLINK}/24 dev up0`,
    'link set up0 up',
    `route add default via ${INTERNET_ROUTER}`,
    ...machines.flatMap(({ device, address, network }) => [
      `address add ${GATEWAY_INSIDE}/32 dev ${device}`,
      `link set ${device} up`,
      // The same address in several Networks: one table holds both routes only with different metrics.
      `route add ${address}/32 dev ${device} metric ${network + 1}`,
    ]),
  ]
}

export function internetCommands(servers: ServerPlan[]): IpCommands {
  return [
    'link set lo up',
    `address add ${INTERNET_ROUTER}/24 dev eth0`,
    'link set eth0 up',
    `route add ${PUBLIC_PREFIX} dev eth0`,
    `address add ${WEB_ADDRESS}/32 dev lo`,
    `address add ${DNS_ADDRESS}/32 dev lo`,
    ...servers.flatMap(({ device, address }) => [
      `address add ${INTERNET_ROUTER}/32 dev ${device}`,
      `link set ${device} up`,
      `route add ${address}/32 dev ${device}`,
    ]),
  ]
}

export function serverCommands(server: ServerPlan): IpCommands {
  return [
    'link set lo up',
    `address add ${server.address}/32 dev eth0`,
    'link set eth0 up',
    `route add ${INTERNET_ROUTER}/32 dev eth0`,
    `route add default via ${INTERNET_ROUTER} dev eth0`,
  ]
}
