// Source NAT by the kernel beside ours: what it gives a port of NAT's on a shared address gets no reply.
import type { PublicPrefix } from '../config/config.ts'
import type { SourceNatRule } from '../host/network-objects.ts'
import { firstAddress, lastAddress, parseCidr } from '../net/cidr.ts'
import type { PortRange } from '../net/ports.ts'
import { portsOverlap } from '../net/ports.ts'
import type { Problem } from '../problems/problem.ts'

const TOOLS = { 'iptables-legacy': 'iptables-legacy-save -t nat', nftables: 'nft list ruleset' } as const

const FIRST_PORT = 1024
const LAST_PORT = 65_535
const ENOUGH_PORTS = 4_096

export function sourceNatProblems(prefixes: readonly PublicPrefix[], rules: readonly SourceNatRule[]): Problem[] {
  const shared = prefixes.filter((prefix) => prefix.shared)
  return rules.flatMap((rule): Problem[] => {
    const clash = shared.find((prefix) => mayTakePorts(rule, prefix))
    return clash === undefined ? [] : [portsTaken(rule, clash)]
  })
}

/** Iptables-legacy keeps its rules where only its own tools can read them. */
export function unreadableRules(prefixes: readonly PublicPrefix[], of: 'iptables-legacy' | 'nftables'): Problem[] {
  const shared = prefixes.find((prefix) => prefix.shared)
  if (shared === undefined) return []
  const free = freePorts(shared.ports)
  return [
    {
      reason: 'SourceNatUnknown',
      severity: 'warning',
      object: `NAT rules of ${of}`,
      message: `natgw cannot read them; one that changes source addresses may take NAT's ports of ${shared.prefix}, which the host shares`,
      remedy: `${TOOLS[of]} shows them; give what changes sources the ports ${free.first}-${free.last}`,
    },
  ]
}

function mayTakePorts({ ports, addresses }: SourceNatRule, prefix: PublicPrefix): boolean {
  const range = parseCidr(prefix.prefix)
  const [first, last] = [firstAddress(range), lastAddress(range)]
  if (addresses !== undefined && (addresses.last < first || last < addresses.first)) return false
  return ports === undefined || portsOverlap(ports, prefix.ports)
}

function portsTaken({ name, action, ports }: SourceNatRule, { prefix, ports: nat }: PublicPrefix): Problem {
  const range = ports === undefined ? 'without a range of ports' : `to ports ${ports.first}-${ports.last}`
  const free = freePorts(nat)
  const to = action === 'masquerade' ? 'masquerade to ' : 'snat to ADDRESS'
  return {
    reason: 'SourceNatTakesPorts',
    severity: 'error',
    object: name,
    message: `${action} ${range} may take NAT's ports ${nat.first}-${nat.last} of ${prefix}, which the host shares: replies to such connections are dropped`,
    remedy: `meta l4proto { tcp, udp, icmp } ${to}:${free.first}-${free.last}`,
  }
}

/** A range that NAT leaves to others: the one above where it is of use, since servers have ports below. */
function freePorts({ first, last }: PortRange): PortRange {
  const above = { first: last + 1, last: LAST_PORT }
  const below = { first: FIRST_PORT, last: first - 1 }
  return above.last - above.first >= ENOUGH_PORTS || above.last - above.first > below.last - below.first ? above : below
}
