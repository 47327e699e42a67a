// Annotations that mean something to natgw. All others are the user's own.
import { parseMac, tryParseMac } from '../net/mac.ts'
import type { Field } from './field.ts'
import { quoteValue } from '../schema/issue.ts'
import { nearest } from '../schema/nearest.ts'
import type { ObjectMeta } from './meta.ts'
import type { ManifestKind } from './types.ts'

/** The only station, by its Ethernet address, that may send from the addresses of a NetworkInterface. */
export const MAC_ADDRESS_ANNOTATION = 'natgw.dev/mac-address'

const OWN_PREFIX = 'natgw.dev/'
const KNOWN: Record<ManifestKind, readonly string[]> = {
  Network: [],
  NetworkInterface: [MAC_ADDRESS_ANNOTATION],
  NATGateway: [],
}

/** One that is misspelt would protect nobody without a word, so what has our prefix has to be known. */
export function refuseUnknownAnnotation(annotation: Field, key: string, kind: ManifestKind): void {
  const known = KNOWN[kind]
  if (!key.toLowerCase().startsWith(OWN_PREFIX) || known.includes(key)) return
  const near = nearest(key, known)
  const all = known.length === 0 ? `a ${kind} has none with ${OWN_PREFIX}` : `known are ${known.join(', ')}`
  annotation.refuse(`is not a known annotation of a ${kind}`, near === undefined ? all : `did you mean ${near}?`)
}

/** What is no text was refused as that already. */
export function checkMacAnnotation(annotation: Field): void {
  const text = annotation.value
  if (typeof text !== 'string') return
  const mac = tryParseMac(text)
  const example = 'six pairs of hexadecimal digits with colons between are right, like "02:00:00:00:00:01"'
  if (mac === undefined) annotation.refuse(`${quoteValue(text)} is not a MAC address`, example)
  else if (((mac[0] ?? 0) & 1) !== 0) {
    annotation.refuse(`${quoteValue(text)} is the address of a group`, "give the machine's own address")
  } else if (mac.every((byte) => byte === 0)) {
    annotation.refuse(`${quoteValue(text)} is the address of nobody`, "give the machine's own address")
  }
}

/** @throws ERR_INVALID_FIELD for what is no MAC address */
export function boundMac({ annotations }: Pick<ObjectMeta, 'annotations'>): Uint8Array | undefined {
  const text = annotations?.[MAC_ADDRESS_ANNOTATION]
  return text === undefined ? undefined : parseMac(text)
}
