import type {
  DesiredAddress,
  DesiredInterface,
  DesiredState,
  LocalOwner,
} from '../../../src/dataplane/desired-state.ts'
import type { Address } from '../../../src/net/address.ts'
import { offsetAddress, parseAddress } from '../../../src/net/address.ts'

export const MAC = new Uint8Array([2, 0, 0, 0, 0, 1])
export const PUBLIC = parseAddress('198.51.100.0')
export const LOCAL: LocalOwner = { kind: 'local', ifindex: 5 }
export const REACHABLE: LocalOwner = { ...LOCAL, nextHop: { destinationMac: MAC, sourceMac: MAC, mtu: 1500 } }
const INSIDE = parseAddress('10.0.0.0')

/** A state with nothing to translate yet, and what a test wants differently. */
export function stateOf(parts: Partial<DesiredState> = {}): DesiredState {
  return {
    settings: {
      enabled: true,
      uplinkIfindex: 2,
      uplinkMac: MAC,
      timers: { udp: 300, tcpEstablished: 7440, tcpTransitory: 240, icmp: 60 },
      udpRefresh: 'both',
      perInterface: { sessions: 256, newFlowsPerSecond: 0 },
    },
    devices: [],
    interfaces: [],
    addresses: [],
    nextHops: [],
    routes: [],
    hostAddresses: [],
    ...parts,
  }
}

/** Slices of 64 ports from 1024 on. */
export function addressOf(address: Address, sliceSize = 64): DesiredAddress {
  return { address, firstPort: 1024, lastPort: 65535, sliceSize, shared: false }
}

/** The interface 10.0.0.<last> of VNI 100, with the slice that begins at `firstPort` where one is given. */
export function interfaceOf(last: number, firstPort?: number, publicAddress = PUBLIC): DesiredInterface {
  const base = { name: `default/vm-${last}`, vni: 100, address: offsetAddress(INSIDE, last), owner: LOCAL }
  if (firstPort === undefined) return base
  return { ...base, owner: REACHABLE, slice: { publicAddress, firstPort } }
}
