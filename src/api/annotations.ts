// Annotations that mean something to natgw. All others are the user's own.
import { parseMac, tryParseMac } from '../net/mac.ts'
import type { Reason } from '../schema/issue.ts'
import { quoteValue } from '../schema/issue.ts'
import { nearest } from '../schema/nearest.ts'
import type { ObjectMeta } from './meta.ts'

/** The only station, by its Ethernet address, that may send from the addresses of a NetworkInterface. */
export const MAC_ADDRESS_ANNOTATION = 'natgw.dev/mac-address'

const OWN_PREFIX = 'natgw.dev/'
/** A misspelt annotation of ours would protect nobody unnoticed, so one that the kind does not have is refused. */
export function unknownAnnotation(key: string, kind: string, known: readonly string[]): Reason | undefined {
  if (!key.toLowerCase().startsWith(OWN_PREFIX) || known.includes(key)) return undefined
  const near = nearest(key, known)
  const all = known.length === 0 ? `a ${kind} has none with ${OWN_PREFIX}` : `known are ${known.join(', ')}`
  const remedy = near === undefined ? all : `did you mean ${near}?`
  return { message: `is not a known annotation of a ${kind}`, remedy }
}

export function macAnnotationProblem(text: string): Reason | undefined {
  const mac = tryParseMac(text)
  const quoted = quoteValue(text)
  if (mac === undefined) {
    const remedy = 'six pairs of hexadecimal digits with colons between are right, like "02:00:00:00:00:01"'
    return { message: `${quoted} is not a MAC address`, remedy }
  }
  const remedy = "give the machine's own address"
  if (((mac[0] ?? 0) & 1) !== 0) return { message: `${quoted} is the address of a group`, remedy }
  return mac.every((byte) => byte === 0) ? { message: `${quoted} is the address of nobody`, remedy } : undefined
}

/** @throws ERR_INVALID_FIELD for what is no MAC address */
export function boundMac({ annotations }: Pick<ObjectMeta, 'annotations'>): Uint8Array | undefined {
  const text = annotations?.[MAC_ADDRESS_ANNOTATION]
  return text === undefined ? undefined : parseMac(text)
}
