// Network of networking.ironcore.dev (docs/reference/ironcore-api.md).
import * as z from 'zod/mini'
import { ADDRESS_BITS, familyOf, tryParseAddress } from '../net/address.ts'
import type { Refuse } from '../schema/fields.ts'
import { across, described, fields, isMap, list, mapsOf, text, titled } from '../schema/fields.ts'
import type { Reason } from '../schema/issue.ts'
import { fieldPath, quoteValue } from '../schema/issue.ts'
import { name, providerID, reference } from './common-fields.ts'

const namespace = z.exactOptional(name('DNS label'))

const prefix = described(
  fields({
    name: described(name('DNS subdomain'), 'names the prefix; unique within the Network'),
    prefix: described(
      z.exactOptional(text('a prefix like 10.0.0.0/24', prefixProblem)),
      'a prefix of either family; host bits are kept as written',
    ),
    prefixRef: described(
      z.exactOptional(reference('the Prefix', 'DNS subdomain', 'a Prefix in its place; unique within the Network')),
      'a Prefix in its place',
    ),
  }),
  'a prefix that is shared with the other Network',
)

const peering = fields(
  {
    name: described(name('DNS subdomain'), 'names the peering; unique within the Network'),
    networkRef: described(
      titled(
        fields({
          namespace: described(namespace, "its namespace; by default this Network's"),
          name: described(name('DNS subdomain'), 'its name'),
        }),
        'the other Network, like {name: network-sample2}',
      ),
      'the Network to peer with',
    ),
    prefixes: described(z.exactOptional(list(prefix, 'prefixes')), 'what is shared; all where absent'),
  },
  { emptyIsAbsent: { prefixes: [] } },
)

const incomingPeering = fields({
  namespace: described(namespace, 'namespace of the other Network'),
  name: described(name('DNS subdomain'), 'name of the other Network'),
  uid: described(z.exactOptional(titled(z.string(), 'a UID')), 'UID of the other Network'),
})

export const networkSpec = z.prefault(
  fields(
    {
      providerID,
      peerings: described(z.exactOptional(list(peering, 'peerings')), 'Networks to peer with; not realised here'),
      incomingPeerings: described(
        z.exactOptional(list(incomingPeering, 'peerings')),
        'Networks that peer with this one; written by a controller',
      ),
    },
    { emptyIsAbsent: { providerID: '', peerings: [], incomingPeerings: [] } },
  ),
  {},
)

/** A prefix of either family. */
function prefixProblem(value: string): Reason | undefined {
  const [addressText = '', length = '', ...rest] = value.split('/')
  const address = tryParseAddress(addressText)
  const bits = address === undefined ? -1 : ADDRESS_BITS[familyOf(address)]
  if (rest.length === 0 && /^(0|[1-9][0-9]{0,2})$/.test(length) && Number(length) <= bits) return undefined
  return { message: `${quoteValue(value)} is not a prefix`, remedy: 'write address/length, like 10.0.0.0/24' }
}

/** Values that occur once over all peerings of a Network, and no peering with itself. */
export const peersDiffer = across<{ metadata: unknown; spec: unknown }>(({ metadata, spec }, refuse) => {
  if (!isMap(spec) || spec.peerings === undefined) return
  const own = isMap(metadata) ? metadata : {}
  const seen = new Map<string, string>()
  const once = (what: string, value: unknown, path: (string | number)[]) => {
    if (typeof value === 'string') refuseRepeated(seen, what, value, path, refuse)
  }
  for (const [i, { name, networkRef, prefixes }] of mapsOf(spec.peerings)) {
    const path = ['spec', 'peerings', i]
    once('peering name', name, [...path, 'name'])
    const target = isMap(networkRef) ? keyOfTarget(networkRef, own.namespace) : undefined
    if (target !== undefined && target === `${String(own.namespace)}/${String(own.name)}`) {
      const reason = { message: 'is this Network itself', remedy: 'name the Network to peer with' }
      refuse([...path, 'networkRef'], networkRef, reason)
    } else once('peered Network', target, [...path, 'networkRef'])
    for (const [n, each] of mapsOf(prefixes)) {
      once('prefix name', each.name, [...path, 'prefixes', n, 'name'])
      const ref = isMap(each.prefixRef) ? each.prefixRef.name : undefined
      once('prefixRef', ref, [...path, 'prefixes', n, 'prefixRef'])
    }
  }
})

function keyOfTarget({ namespace, name }: Readonly<Record<string, unknown>>, own: unknown): string | undefined {
  return typeof name === 'string' ? `${String(namespace ?? own)}/${name}` : undefined
}

function refuseRepeated(
  seen: Map<string, string>,
  what: string,
  value: string,
  path: (string | number)[],
  refuse: Refuse,
): void {
  const before = seen.get(`${what} ${value}`)
  if (before === undefined) seen.set(`${what} ${value}`, fieldPath(path))
  else {
    const remedy = `each ${what} occurs once; it is at ${before} already`
    refuse(path, value, { message: `${quoteValue(value)} occurs twice`, remedy })
  }
}
