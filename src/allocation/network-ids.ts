import type { Network } from '../api/index.ts'

/** The VNIs that are given out, both inclusive; those below are left to the operator's own use. */
export const FIRST_NETWORK_ID = 200
export const LAST_NETWORK_ID = 2 ** 24 - 1

const NETWORK_IDS = LAST_NETWORK_ID - FIRST_NETWORK_ID + 1

/**
 * A VNI that is not taken. Where to begin looking is a function of `seed`, the Network's uid: a number that was just given
 * back is not the next one given out, so late packets of the old network do not turn up in a new one.
 *
 * @returns undefined when every number is taken
 */
export function nextNetworkId(seed: string, isTaken: (id: number) => boolean): number | undefined {
  const start = hash(seed) % NETWORK_IDS
  for (let n = 0; n < NETWORK_IDS; n++) {
    const id = FIRST_NETWORK_ID + ((start + n) % NETWORK_IDS)
    if (!isTaken(id)) return id
  }
  return undefined
}

/** FNV-1a, 32 bits, over UTF-16 units. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0
  return value
}

/** `ironcore-net://<namespace>/<name>/<id>/<uid>`, Network.spec.providerID. */
export function networkProviderId({ metadata }: Network, id: number): string {
  return `ironcore-net://${metadata.namespace}/${metadata.name}/${id}/${metadata.uid}`
}

/** @returns the VNI in a provider ID (the scheme may be absent); undefined when there is none that can be given out */
export function idInProviderId(providerId: string): number | undefined {
  const parts = providerId.replace(/^ironcore-net:\/\//, '').split('/')
  const text = parts[2]
  // One number has one text: `007` would be stored as another NetworkID than `7`.
  if (parts.length !== 4 || text === undefined || !/^[1-9][0-9]{0,7}$/.test(text)) return undefined
  const id = Number(text)
  return id >= FIRST_NETWORK_ID && id <= LAST_NETWORK_ID ? id : undefined
}
