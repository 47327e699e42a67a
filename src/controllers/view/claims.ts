import type { ClaimRef, NATGateway, Network, ObjectKey } from '../../api/index.ts'

const GROUP = 'networking.ironcore.dev'
const KINDS = { networks: 'Network', natgateways: 'NATGateway' } as const

export type ClaimerKind = (typeof KINDS)[keyof typeof KINDS]

/** Who owns an IPAddress, a NetworkID or a NATTable. */
export interface Claimer {
  kind: ClaimerKind
  key: ObjectKey
  uid: string
}

export function claimRefTo({ kind, metadata }: Network | NATGateway): ClaimRef {
  const { namespace, name, uid } = metadata
  const resource = kind === 'Network' ? 'networks' : 'natgateways'
  return { group: GROUP, resource, ...(namespace === undefined ? {} : { namespace }), name, uid }
}

/** @returns undefined for a claimer of a kind that is not ours to judge */
export function claimerOf({ group, resource, namespace, name, uid }: ClaimRef): Claimer | undefined {
  if (group !== GROUP || !Object.hasOwn(KINDS, resource) || namespace === undefined) return undefined
  return { kind: KINDS[resource as keyof typeof KINDS], key: `${namespace}/${name}`, uid }
}

/** One text for a claimer, as the key of a queue. Names and uids have no spaces. */
export function claimerKey({ kind, key, uid }: Claimer): string {
  return `${kind} ${key} ${uid}`
}

export function parseClaimerKey(text: string): Claimer {
  const [kind, key = '', uid = ''] = text.split(' ')
  return { kind: kind as ClaimerKind, key, uid }
}
