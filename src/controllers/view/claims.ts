import type { ClaimRef, NATGateway, Network, ObjectKey } from '../../api/index.ts'
import { groupKindOf, kindOfResource, KINDS, NAT_GATEWAY, NETWORK } from '../../api/index.ts'

export type ClaimerKind = typeof NETWORK | typeof NAT_GATEWAY

/** Who owns an IPAddress, a NetworkID or a NATTable. */
export interface Claimer {
  kind: ClaimerKind
  key: ObjectKey
  uid: string
}

export function claimRefTo(claimer: Network | NATGateway): ClaimRef {
  const { group, plural } = KINDS[groupKindOf(claimer)]
  const { namespace, name, uid } = claimer.metadata
  return { group, resource: plural, ...(namespace === undefined ? {} : { namespace }), name, uid }
}

/** @returns undefined for a claimer of a kind that is not ours to judge */
export function claimerOf(claimRef: ClaimRef): Claimer | undefined {
  const { namespace, name, uid } = claimRef
  const kind = kindOfResource(claimRef)
  if (namespace === undefined || (kind !== NETWORK && kind !== NAT_GATEWAY)) return undefined
  return { kind, key: `${namespace}/${name}`, uid }
}

/** One text for a claimer, as the key of a queue. Names and uids have no spaces. */
export function claimerKey({ kind, key, uid }: Claimer): string {
  return `${kind} ${key} ${uid}`
}

export function parseClaimerKey(text: string): Claimer {
  const [kind, key = '', uid = ''] = text.split(' ')
  return { kind: kind as ClaimerKind, key, uid }
}
