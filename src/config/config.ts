import { NUMBERS } from './numbers.ts'

/** What the gateway's configuration file (gateway.yaml) says, after defaulting. See docs/configuration.md. */
export interface GatewayConfig {
  /** Names the pins and the lock, so that several gateways fit on one host (in namespaces of their own). */
  instance: string
  /** The device towards the internet. */
  uplink: { interface: string; macs: string[] }
  /** Devices towards private machines, each with the Network it belongs to. */
  private: PrivateDevice[]
  /** Public addresses NAT may use. */
  publicPrefixes: PublicPrefix[]
  /** Folder of manifests (*.yaml, *.yml, *.json). */
  manifests: string
  /** What is more than that is not read. */
  manifestLimits: { fileBytes: number; files: number }
  /** File that keeps allocations and status. */
  stateFile: string
  /** Seconds. */
  timers: { udp: number; tcpEstablished: number; tcpTransitory: number; icmp: number }
  /** Which packets prolong a UDP session: those in both directions, or only those from inside. */
  udpRefresh: 'both' | 'outbound'
  /** What one interface may take of what all share. */
  perInterface: {
    /** Sessions beyond the first of each mapping, as long as others leave as many. */
    sessions: number
    /** Also what is allowed at once after a pause; 0: any number. */
    newFlowsPerSecond: number
  }
  /** How programs are attached: `auto` tries native, then generic. */
  xdpMode: 'auto' | 'native' | 'generic'
  /** Seconds between comparisons of maps and attached programs with what they should be. */
  driftIntervalSeconds: number
  limits: { maxSlices: number; maxInterfaces: number; maxSessions: number; maxDevices: number }
  log: { level: 'trace' | 'debug' | 'info' | 'warn' | 'error' }
}

export interface PrivateDevice {
  interface: string
  network: { namespace: string; name: string }
  /**
   * Inside prefixes found on this device; needed only where several devices share a Network and the kernel's routes do
   * not tell which device an address is on.
   */
  prefixes: string[]
  /**
   * Ethernet addresses besides the device's own that frames for the gateway have there: those it shares with other hosts,
   * as VRRP does.
   */
  macs: string[]
}

export interface PublicPrefix {
  /** CIDR; a single address is a /32. */
  prefix: string
  /** Ports NAT may use of each address; both inclusive. */
  ports: { first: number; last: number }
  /** The host uses the address itself as well; what is outside `ports` goes to the host. */
  shared: boolean
}

/** What `limits` is where it is not given: sizes of maps, which take memory when they are made. */
export const DEFAULT_LIMITS: GatewayConfig['limits'] = {
  maxSlices: NUMBERS.limits.maxSlices.fallback,
  maxInterfaces: NUMBERS.limits.maxInterfaces.fallback,
  maxSessions: NUMBERS.limits.maxSessions.fallback,
  maxDevices: NUMBERS.limits.maxDevices.fallback,
}

export function defaultStateFile(instance: string): string {
  return `/var/lib/natgw/${instance}/state`
}

/** Addresses a device may share; the data plane has room for these and its own (DEVICE_MACS). */
export const MOST_SHARED_MACS = 3
