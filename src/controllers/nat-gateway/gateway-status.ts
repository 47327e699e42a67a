import type { IpPool } from '../../allocation/ip-pool.ts'
import { networkKeyOf } from '../../allocation/lookups.ts'
import type { ConditionUpdate, NATGateway } from '../../api/index.ts'
import { keyOf, NETWORK } from '../../api/index.ts'
import { count } from '../runtime/status.ts'
import type { Cluster } from '../view/cluster.ts'
import type { Outlook } from '../view/outlook.ts'
import type { GatewayAddress } from './gateway-addresses.ts'

type Status = NonNullable<NATGateway['status']>
type Ready = Omit<ConditionUpdate, 'type' | 'status'>

/** Why a gateway serves nobody at all; undefined when it is to serve. */
export function obstacle(cluster: Cluster, gateway: NATGateway): { ready: Ready; winner?: NATGateway } | undefined {
  const networkKey = networkKeyOf(gateway)
  const { ipFamily } = gateway.spec
  const winner = cluster.servingGateway(networkKey, ipFamily)
  if (winner !== undefined && winner.metadata.uid !== gateway.metadata.uid) {
    const message = `NATGateway ${keyOf(winner.metadata)} serves ${ipFamily} of Network ${networkKey}; this one takes over when that is deleted`
    return { ready: { reason: 'Conflicted', message }, winner }
  }
  if (ipFamily !== 'IPv4') {
    const message = `spec.ipFamily: ${ipFamily} is accepted but not supported yet; IPv4 is`
    return { ready: { reason: 'IPv6NotSupported', message } }
  }
  const network = cluster.store.get(NETWORK, networkKey)
  if (network === undefined) {
    const message = `spec.networkRef.name: Network ${networkKey} does not exist; create it or refer to another`
    return { ready: { reason: 'NetworkNotFound', message } }
  }
  return undefined
}

/** What a gateway reports when it serves nobody. */
export function idleStatus(
  ready: Ready,
  waiting: number,
  winner: NATGateway | undefined,
): { status: Omit<Status, 'conditions'>; updates: ConditionUpdate[] } {
  return {
    status: { ips: [], slices: { total: 0, used: 0, free: 0, waiting } },
    updates: [{ type: 'Ready', status: 'False', ...ready }, conflictFinding(winner)],
  }
}

/** What a gateway reports that serves its Network. */
export function servingStatus(
  gateway: NATGateway,
  addresses: readonly GatewayAddress[],
  used: number,
  waiting: number,
  pool: IpPool,
  outlook: Outlook,
): { status: Omit<Status, 'conditions'>; updates: ConditionUpdate[] } {
  const total = addresses.reduce((sum, { capacity }) => sum + capacity, 0)
  return {
    status: {
      ips: addresses.map(({ entryName, ip }) => ({ name: entryName, ip })),
      slices: { total, used, free: total - used, waiting },
    },
    updates: [
      blockedFinding(addresses, outlook) ?? readyFinding(gateway, addresses.length, total, waiting, pool),
      conflictFinding(undefined),
      ...hostConflictFinding(gateway, addresses, outlook),
    ],
  }
}

function readyFinding(
  gateway: NATGateway,
  addresses: number,
  total: number,
  waiting: number,
  pool: IpPool,
): ConditionUpdate {
  const ports = gateway.spec.portsPerNetworkInterface
  if (addresses === 0) {
    const why =
      pool.size === 0
        ? 'there are no public addresses; add a prefix to publicPrefixes'
        : pool.offers(ports)
          ? `all public addresses that fit of the pool of ${pool.size} are taken; add a prefix to publicPrefixes or delete gateways`
          : `no public address of the pool of ${pool.size} gives NAT ${ports} ports; widen ports of publicPrefixes or lower spec.portsPerNetworkInterface`
    return {
      type: 'Ready',
      status: 'False',
      reason: 'NoPublicIP',
      message: `${count(waiting, 'interface waits', 'interfaces wait')}: ${why}`,
    }
  }
  const has = `${count(addresses, 'public address', 'public addresses')} with ${count(total, 'slice')} of ${count(ports, 'port')}`
  if (waiting === 0) return { type: 'Ready', status: 'True', reason: 'Ready', message: has }
  const message =
    `${count(waiting, 'interface waits', 'interfaces wait')} for a slice: ${has}, and the pool of ${pool.size} has no other address free; ` +
    `add a prefix to publicPrefixes or lower spec.portsPerNetworkInterface`
  return { type: 'Ready', status: 'False', reason: 'PoolExhausted', message }
}

/** Machines may have their slices and get nowhere. */
function blockedFinding(addresses: readonly GatewayAddress[], outlook: Outlook): ConditionUpdate | undefined {
  const obstacle =
    outlook.blocker() ??
    addresses
      .filter(({ shared }) => shared)
      .map(({ ip }) => outlook.addressProblem(ip))
      .find((problem) => problem !== undefined)
  return obstacle && { type: 'Ready', status: 'False', ...obstacle }
}

/** Said once there is a conflict, and when it is over. */
function hostConflictFinding(
  { status }: NATGateway,
  addresses: readonly GatewayAddress[],
  outlook: Outlook,
): ConditionUpdate[] {
  const type = 'HostConflict'
  const problem = addresses.map(({ ip }) => outlook.addressProblem(ip)).find((each) => each !== undefined)
  if (problem !== undefined) return [{ type, status: 'True', ...problem }]
  if (status?.conditions?.some((condition) => condition.type === type) !== true) return []
  const message = 'the host and this gateway agree about its addresses'
  return [{ type, status: 'False', reason: 'NoConflict', message }]
}

function conflictFinding(winner: NATGateway | undefined): ConditionUpdate {
  if (winner === undefined) {
    const message = 'no other gateway serves this Network and family'
    return { type: 'Conflicted', status: 'False', reason: 'NoConflict', message }
  }
  const message = `NATGateway ${keyOf(winner.metadata)} holds this Network and family`
  return { type: 'Conflicted', status: 'True', reason: 'HeldByOther', message }
}
