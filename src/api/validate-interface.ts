import { addressProblem, addressUse, familyOf, formatAddress, tryParseAddress } from '../net/address.ts'
import type { Field } from './field.ts'
import type { IPFamily, LocalObjectReference } from './meta.ts'
import type { NetworkInterface } from './types.ts'

const FAMILIES = ['IPv4', 'IPv6'] as const
const KNOWN = ['providerID', 'networkRef', 'machineRef', 'ipFamilies', 'ips', 'virtualIP', 'attributes']
const FOREIGN = { prefixes: 'remove it: routed prefixes of an interface are not supported' }

/** Reads `spec` of a NetworkInterface; rules of docs/reference/ironcore-api.md. What is wrong is left as findings. */
export function readInterfaceSpec(spec: Field): NetworkInterface['spec'] {
  const nothing = { networkRef: { name: '' }, ipFamilies: [], ips: [] }
  if (spec.absent) spec.missing('networkRef and ips')
  if (spec.absent || !spec.isObject(KNOWN, FOREIGN)) return nothing
  const providerID = spec.child('providerID').optional((field) => field.string())
  const machineRef = spec.child('machineRef').optional(readMachineRef)
  const virtualIP = spec.child('virtualIP').optional(readVirtualIP)
  const attributes = spec.child('attributes').optional((field) => field.stringMap())
  return {
    ...(providerID === undefined || providerID === '' ? {} : { providerID }),
    networkRef: readNetworkRef(spec.child('networkRef')),
    ...(machineRef === undefined ? {} : { machineRef }),
    ...readAddresses(spec.child('ipFamilies'), spec.child('ips')),
    ...(virtualIP === undefined ? {} : { virtualIP }),
    ...(attributes === undefined ? {} : { attributes }),
  }
}

/** `networkRef` of NetworkInterface and NATGateway. */
export function readNetworkRef(field: Field): LocalObjectReference {
  if (field.absent) field.missing('the Network, like {name: network-sample}')
  else if (typeof field.value === 'string') {
    field.refuse(`"${field.value}" is text, not a reference`, `write {name: ${field.value}}`)
  } else if (field.isObject(['name'])) return { name: field.child('name').name('DNS subdomain') ?? '' }
  return { name: '' }
}

function readMachineRef(field: Field): { name: string; uid: string } | undefined {
  if (!field.isObject(['name', 'uid'])) return undefined
  const name = field.child('name').name('DNS label') ?? ''
  return { name, uid: field.child('uid').optional((uid) => uid.string()) ?? '' }
}

function readVirtualIP(field: Field): { virtualIPRef: LocalObjectReference } | undefined {
  if (!field.isObject(['virtualIPRef'], { ephemeral: 'make a VirtualIP and name it in virtualIPRef' })) return undefined
  const ref = field.child('virtualIPRef')
  if (ref.absent) return ref.missing('the VirtualIP, like {name: virtualip-sample}')
  return ref.isObject(['name']) ? { virtualIPRef: { name: ref.child('name').name('DNS label') ?? '' } } : undefined
}

/** ipFamilies[i] is the family of ips[i]; without families they are those of the addresses. */
function readAddresses(families: Field, ips: Field): Pick<NetworkInterface['spec'], 'ipFamilies' | 'ips'> {
  const given = families.elements()
  const ipFamilies = given.map((field) => field.oneOf(FAMILIES))
  for (const [i, field] of given.entries()) refuseRepeated(ipFamilies, i, field)

  const elements = ips.elements()
  if (ips.absent || (Array.isArray(ips.value) && elements.length === 0))
    ips.missing('an address, like - value: 10.0.0.1')
  const addresses = elements.map((field, i) => readAddress(field, ipFamilies[i]))
  const derived = addresses.map((address) => address?.family)
  if (given.length === 0) for (const [i, field] of elements.entries()) refuseRepeated(derived, i, field.child('value'))
  else if (elements.length > 0 && elements.length !== given.length) {
    ips.refuse(
      `has ${elements.length} addresses for ${given.length} entries of ipFamilies`,
      'give one address for each family, in their order',
    )
  }
  return {
    ipFamilies: (given.length === 0 ? derived : ipFamilies).filter((family) => family !== undefined),
    ips: addresses.filter((address) => address !== undefined).map(({ text }) => ({ value: text })),
  }
}

function refuseRepeated(families: readonly (IPFamily | undefined)[], index: number, field: Field): void {
  const family = families[index]
  if (family !== undefined && families.indexOf(family) < index) {
    field.refuse(`is the second of family ${family}`, 'an interface has at most one address of each family')
  }
}

/** @param expected what ipFamilies says of this address, if it says anything */
function readAddress(field: Field, expected: IPFamily | undefined): { family: IPFamily; text: string } | undefined {
  const foreign = { ephemeral: 'give value: addresses are not taken from a prefix here' }
  if (typeof field.value === 'string') return field.refuse(`"${field.value}" is text`, `write value: ${field.value}`)
  if (!field.isObject(['value'], foreign)) return undefined
  const value = field.child('value')
  if (value.absent) return value.missing('an address, like 10.0.0.1')
  const text = value.string()
  const address = text === undefined ? undefined : readText(text, value)
  if (address === undefined) return undefined
  if (expected !== undefined && expected !== address.family) {
    return value.refuse(`"${text}" is an ${address.family} address`, `its entry of ipFamilies says ${expected}`)
  }
  if (address.use !== 'unicast') {
    return value.refuse(`"${text}" is a ${address.use} address`, 'give an address a machine can have')
  }
  return address
}

/** In canonical form, so that equal addresses are equal texts. */
function readText(text: string, field: Field): { family: IPFamily; text: string; use: string } | undefined {
  const address = tryParseAddress(text)
  if (address === undefined) return field.refuse(`"${text}" is not an IP address`, addressProblem(text) ?? '')
  return { family: familyOf(address), text: formatAddress(address), use: addressUse(address) }
}
