import type { ErrorCode } from '../errors/errors.ts'

/** Every reason a problem can have; docs/problems.md says what each means. A problem with an object of ours has its error code. */
export type ProblemReason =
  | 'NoAgent' // no process keeps the maps up to date
  | 'AgentSilent' // the process does not publish any more
  | 'HostUnreadable' // netlink fails
  | 'PassFailed' // maps are not up to date
  | 'ReconcileFailed' // a controller cannot do its work for some objects
  | 'StatusNotWritten' // conditions of NetworkInterfaces are old
  | 'RepairFailed' // the maps are not as they should be
  | 'NeighbourTableFull' // the kernel's
  | 'KernelForwards' // by itself, what only the programs keep in
  | 'ObjectIgnored' // an object the agent cannot use
  | 'NamesMissing' // the state file cannot be read
  | 'ConfigChanged' // gateway.yaml was edited since natgw read it
  | 'ConfigInvalid' // gateway.yaml was read again and has mistakes
  | 'ConfigNeedsRestart' // gateway.yaml was read again, and part of it waits for a restart
  | 'ConfigWarning' // allowed in gateway.yaml, hardly meant
  | 'DeviceMissing' // of the configuration
  | 'DeviceDown' // IFF_UP is not set
  | 'NoCarrier' // nothing at the far end
  | 'DeviceRenamed' // the configuration has its former name
  | 'DeviceNotConfigured' // it runs the program of private devices
  | 'NoDefaultRoute' // no way out, or not to everywhere
  | 'RouteElsewhere' // a route leads through another device than the uplink
  | 'RouteNotFollowed' // of a kind that packets cannot follow
  | 'RouteRejects' // the default route drops
  | 'RouterSilent' // a next hop does not answer ARP
  | 'NeighboursLeftOut' // no room for all on the uplink's own link
  | 'GenericMode' // another device takes nothing from native XDP
  | 'RedirectRefused' // the same, and the mode is native
  | 'PacketsLost' // the kernel lost what was sent on
  | 'AddressTakenByHost' // NAT's alone, and the host has it
  | 'SharedAddressMissing' // shared with the host, which does not have it
  | 'LocalPortsOverlap' // connections of the host may take ports of NAT
  | 'SourceNatTakesPorts' // a rule of the host beside a shared address
  | 'SourceNatUnknown' // rules that cannot be read
  | 'ProgramDetached' // a device without its program
  | 'SliceFull' // all ports of a protocol in use
  | 'SessionShareUsed' // no further sessions for mappings that have one
  | 'NotAManifest' // another tool's file, or a subfolder, among the manifests
  | ErrorCode

/** Something that keeps a packet or an object from working. */
export interface Problem {
  reason: ProblemReason
  /** `error`: something does not work, or not always. `warning`: it works, but hardly as it was meant. */
  severity: 'error' | 'warning'
  /** What has the problem: `device eth1`, `file a.yaml:7`, `address 192.0.2.1`, `NATGateway default/a`. */
  object: string
  /** What is wrong. No figure that changes by itself: another message is another problem. */
  message: string
  /** Figures and examples. They may change while the problem stays the same. */
  detail?: string
  /** What the user can do. */
  remedy: string
  /** Nobody gets out while it lasts: gateways are not Ready. */
  stopsEverything?: boolean
}

/** A problem that lasts, and for how long it has. */
export interface LastingProblem extends Problem {
  sinceSeconds: number
}

/** Two reports of one problem are the same problem. */
export function problemKey({ object, reason, message }: Record<'object' | 'reason' | 'message', string>): string {
  return `${object}\n${reason}\n${message}`
}

/** One line: `device eth1: DeviceMissing: it does not exist; plug it in`. */
export function describeProblem({
  object,
  reason,
  message,
  detail,
  remedy,
}: Record<'object' | 'reason' | 'message', string> & { detail?: string; remedy?: string }): string {
  const what = detail === undefined ? message : `${message} (${detail})`
  return `${object}: ${reason}: ${what}${remedy === undefined ? '' : `; ${remedy}`}`
}
