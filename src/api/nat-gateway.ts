// NATGateway of networking.ironcore.dev (docs/reference/ironcore-api.md).
import * as z from 'zod/mini'
import { described, fields, titled, wholeNumber } from '../schema/fields.ts'
import { networkRef } from './common-fields.ts'

export const FIRST_NAT_PORT = 1024
export const LAST_NAT_PORT = 65535
const MAX_PORTS = LAST_NAT_PORT - FIRST_NAT_PORT + 1

/**
 * Unlike a real IronCore API server this accepts any number of ports, not only powers of two: the documents say no more
 * than int32.
 */
export const natGatewaySpec = titled(
  fields({
    type: described(titled(z.enum(['Public']), 'the type: Public'), 'the kind of addresses that it gives'),
    ipFamily: described(
      titled(z.enum(['IPv4', 'IPv6']), 'the family: IPv4 or IPv6'),
      'the family that it serves; `IPv6` is accepted and not supported yet, which `Ready` says; immutable',
    ),
    portsPerNetworkInterface: described(
      wholeNumber({ min: 1, max: MAX_PORTS }, 2048),
      'ports of each slice; another number allocates all slices again, which ends flows',
    ),
    networkRef: described(networkRef, 'the Network that it serves'),
  }),
  'type, ipFamily and networkRef',
)
