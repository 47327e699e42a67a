// IPv6 addresses as text (RFC 4291 §2.2, RFC 5952) and as numbers of 128 bits. address.ts is the way in for both families.
import { formatIpv4, tryParseIpv4 } from './ipv4.ts'

/** 16-bit groups of one side of `::`; undefined when one is malformed. */
function readGroups(text: string): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(parseInt(part, 16))
      continue
    }
    const embedded = index === parts.length - 1 ? tryParseIpv4(part) : undefined
    if (embedded === undefined) return undefined
    groups.push(embedded >>> 16, embedded & 0xffff)
  }
  return groups
}

/** @returns the number, undefined when the text is no address of RFC 4291 §2.2; zones (`%eth0`) are refused */
export function tryParseIpv6(text: string): bigint | undefined {
  const sides = text.split('::')
  if (sides.length > 2) return undefined
  const [head = '', tail] = sides
  // An embedded IPv4 address ends the text, so it cannot stand before `::`.
  if (tail !== undefined && head.includes('.')) return undefined
  const before = readGroups(head)
  const after = readGroups(tail ?? '')
  if (before === undefined || after === undefined) return undefined
  const missing = 8 - before.length - after.length
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  const groups = [...before, ...new Array<number>(missing).fill(0), ...after]
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n)
}

/** The canonical text of RFC 5952: lower case, no leading zeros, the first longest run of zero groups as `::`. */
export function formatIpv6(value: bigint): string {
  if (value >> 32n === 0xffffn) return `::ffff:${formatIpv4(Number(BigInt.asUintN(32, value)))}`
  const groups = Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(112 - 16 * i)) & 0xffffn))
  const zeros = longestZeroRun(groups)
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':')
  if (zeros.length < 2) return hex(groups)
  return `${hex(groups.slice(0, zeros.start))}::${hex(groups.slice(zeros.start + zeros.length))}`
}

function longestZeroRun(groups: number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < groups.length; start++) {
    let length = 0
    while (groups[start + length] === 0) length++
    if (length > best.length) best = { start, length }
  }
  return best
}
