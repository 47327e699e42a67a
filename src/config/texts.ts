// Texts of gateway.yaml that say more than one thing: what is wrong with them, and what they say once nothing is.
import { FIRST_NAT_PORT, LAST_NAT_PORT } from '../api/index.ts'
import { nameProblem } from '../api/names.ts'
import { addressUse, unsupportedFamily } from '../net/address.ts'
import { cidrProblem, parseCidr } from '../net/cidr.ts'
import { tryParseMac } from '../net/mac.ts'
import type { Reason } from '../schema/issue.ts'
import { quoteValue } from '../schema/issue.ts'

/** More addresses than a gateway is designed for by far; a shorter prefix is a slip of the pen. */
const SHORTEST_PUBLIC_PREFIX = 16

export function macProblem(text: string): Reason | undefined {
  const mac = tryParseMac(text)
  const isStation = mac !== undefined && ((mac[0] ?? 1) & 1) === 0 && mac.some((byte) => byte !== 0)
  if (isStation) return undefined
  const remedy = 'give the Ethernet address of one station, like 00:00:5e:00:01:07'
  return { message: `${quoteValue(text)} is not valid`, remedy }
}

export function prefixProblem(text: string): Reason | undefined {
  const problem = cidrProblem(text)
  if (problem !== undefined) return { message: `${quoteValue(text)} is not an IPv4 prefix`, remedy: problem }
  const { address } = parseCidr(text)
  const unsupported = unsupportedFamily(address)
  if (unsupported !== undefined) return { message: `${quoteValue(text)} is an IPv6 prefix`, remedy: unsupported }
  const use = addressUse(address)
  if (use === 'unicast') return undefined
  return { message: `${quoteValue(text)} has ${use} addresses`, remedy: 'give addresses that machines can have' }
}

export function publicPrefixProblem(text: string): Reason | undefined {
  const problem = prefixProblem(text)
  if (problem !== undefined || parseCidr(text).length >= SHORTEST_PUBLIC_PREFIX) return problem
  const most = 2 ** (32 - SHORTEST_PUBLIC_PREFIX)
  const message = `${quoteValue(text)} has more than ${most} addresses`
  return { message, remedy: `give a prefix of /${SHORTEST_PUBLIC_PREFIX} … /32` }
}

export function networkProblem(text: string): Reason | undefined {
  const parts = text.split('/')
  const { namespace, name } = readNetwork(text)
  const problem = nameProblem(namespace, 'DNS label') ?? nameProblem(name, 'DNS subdomain')
  if (parts.length <= 2 && problem === undefined) return undefined
  const remedy = 'give "name" (namespace default) or "namespace/name"'
  const message = `${quoteValue(text)} is not the name of a Network`
  return { message, remedy: parts.length > 2 ? remedy : `${remedy}: ${problem}` }
}

export function readNetwork(text: string): { namespace: string; name: string } {
  const [first = '', second] = text.split('/')
  return second === undefined ? { namespace: 'default', name: first } : { namespace: first, name: second }
}

const RANGE = /^([0-9]{1,5})-([0-9]{1,5})$/

export function portsProblem(text: string): Reason | undefined {
  const remedy = `give a range like 40000-49999 within ${FIRST_NAT_PORT}-${LAST_NAT_PORT}`
  const { first, last } = readPorts(text)
  if (first > last) return { message: `${quoteValue(text)} has its first port above the last`, remedy }
  if (first >= FIRST_NAT_PORT && last <= LAST_NAT_PORT) return undefined
  return { message: `${quoteValue(text)} is not a range of ports that NAT may use`, remedy }
}

/** @returns NaN for a text that is no range */
export function readPorts(text: string): { first: number; last: number } {
  const [, first, last] = RANGE.exec(text) ?? []
  return { first: Number(first), last: Number(last) }
}
