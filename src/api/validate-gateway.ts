import type { Field } from './field.ts'
import { DEFAULT_PORTS_PER_NETWORK_INTERFACE, FIRST_NAT_PORT, LAST_NAT_PORT } from './types.ts'
import type { NATGateway } from './types.ts'
import { readNetworkRef } from './validate-interface.ts'

const MAX_PORTS = LAST_NAT_PORT - FIRST_NAT_PORT + 1

/**
 * Reads `spec` of a NATGateway. Unlike the real IronCore API, any number of ports is accepted, not only powers of two:
 * the documents say no more than int32 (docs/reference/ironcore-api.md). What is wrong is left as findings.
 */
export function readGatewaySpec(spec: Field): NATGateway['spec'] {
  const known = ['type', 'ipFamily', 'portsPerNetworkInterface', 'networkRef']
  if (spec.absent) spec.missing('type, ipFamily and networkRef')
  const readable = !spec.absent && spec.isObject(known)
  const [type, ipFamily] = [spec.child('type'), spec.child('ipFamily')]
  if (readable && type.absent) type.missing('the type: Public')
  if (readable && ipFamily.absent) ipFamily.missing('the family: IPv4 or IPv6')
  const ports = spec.child('portsPerNetworkInterface')
  const usual = `${DEFAULT_PORTS_PER_NETWORK_INTERFACE} is the default`
  return {
    type: type.optional((field) => field.oneOf(['Public'])) ?? 'Public',
    ipFamily: ipFamily.optional((field) => field.oneOf(['IPv4', 'IPv6'])) ?? 'IPv4',
    portsPerNetworkInterface:
      ports.optional((field) => field.wholeNumber(1, MAX_PORTS, usual)) ?? DEFAULT_PORTS_PER_NETWORK_INTERFACE,
    networkRef: readable ? readNetworkRef(spec.child('networkRef')) : { name: '' },
  }
}
