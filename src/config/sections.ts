import { FIRST_NAT_PORT, LAST_NAT_PORT } from '../api/index.ts'
import { nameProblem } from '../api/names.ts'
import { cidrProblem, parseCidr, type Prefix } from '../net/cidr.ts'
import { addressUse, unsupportedFamily } from '../net/address.ts'
import { tryParseMac } from '../net/mac.ts'
import { DEVICE_NAME, INSTANCE_NAME, isDeviceName, isInstanceName } from '../net/names.ts'
import type { GatewayConfig, PrivateDevice, PublicPrefix } from './config.ts'
import { MOST_SHARED_MACS } from './config.ts'
import type { Field } from './field.ts'
import { NUMBERS } from './numbers.ts'

// One reader for each section of gateway.yaml. What could not be read is undefined or left out, and was reported.

/** A value together with the field it came from, for checks between fields. */
export interface Placed<T> {
  field: Field
  value: T
}

/** More addresses than a gateway is designed for by far; a shorter prefix is a slip of the pen. */
export const SHORTEST_PUBLIC_PREFIX = 16

export function readInstance(field: Field): string | undefined {
  if (field.absent) return 'default'
  const name = field.text(INSTANCE_NAME.what)
  return name === undefined || isInstanceName(name) ? name : field.problem(`${INSTANCE_NAME.what} is expected`)
}

export function readDeviceName(field: Field): Placed<string> | undefined {
  const value = field.text(DEVICE_NAME.what)
  if (value === undefined) return undefined
  return isDeviceName(value) ? { field, value } : field.problem(`${DEVICE_NAME.what} is expected`)
}

export interface PrivateDeviceParts {
  device: Placed<string> | undefined
  network: PrivateDevice['network'] | undefined
  prefixes: Placed<Prefix>[]
  macs: string[]
}

export function readPrivateDevice(field: Field): PrivateDeviceParts {
  const { interface: device, network, prefixes, macs } = field.section('interface', 'network', 'prefixes', 'macs')
  return {
    device: readDeviceName(device),
    network: readNetwork(network),
    prefixes: prefixes.items('prefixes like 10.0.0.0/24').flatMap((each) => readPrefix(each) ?? []),
    macs: readMacs(macs),
  }
}

export function readMacs(field: Field): string[] {
  const items = field.items('Ethernet addresses like 00:00:5e:00:01:07')
  if (items.length > MOST_SHARED_MACS)
    field.problem(`${items.length} addresses; a device may share up to ${MOST_SHARED_MACS}`)
  return items.flatMap((each) => readMac(each) ?? [])
}

function readMac(field: Field): string | undefined {
  const what = 'an Ethernet address of one station like 00:00:5e:00:01:07'
  const text = field.text(what)
  if (text === undefined) return undefined
  const [first, ...rest] = tryParseMac(text) ?? []
  const isStation = first !== undefined && (first & 1) === 0 && (first !== 0 || rest.some((byte) => byte !== 0))
  return isStation ? text : field.problem(`${what} is expected`)
}

function readNetwork(field: Field): PrivateDevice['network'] | undefined {
  const what = 'a Network as "name" (namespace default) or "namespace/name"'
  const text = field.text(what)
  if (text === undefined) return undefined
  const parts = text.split('/')
  const [namespace, name] = parts.length === 1 ? ['default', text] : parts
  if (parts.length > 2 || name === undefined || namespace === undefined) return field.problem(`${what} is expected`)
  const wrong = nameProblem(namespace, 'DNS label') ?? nameProblem(name, 'DNS subdomain')
  if (wrong !== undefined) return field.problem(`${what} is expected: ${wrong}`)
  return { namespace, name }
}

function readPrefix(field: Field): Placed<Prefix> | undefined {
  const text = field.text('an IPv4 prefix like 10.0.0.0/24')
  if (text === undefined) return undefined
  const wrong = cidrProblem(text)
  if (wrong !== undefined) return field.problem(`not an IPv4 prefix: ${wrong}`)
  const value = parseCidr(text)
  const unsupported = unsupportedFamily(value.address)
  if (unsupported !== undefined) return field.problem(unsupported)
  const use = addressUse(value.address)
  return use === 'unicast' ? { field, value } : field.problem(`${use} addresses belong to no machine`)
}

export interface PublicPrefixParts {
  prefix: Placed<Prefix> | undefined
  ports: PublicPrefix['ports'] | undefined
  shared: boolean | undefined
}

/** An entry is a prefix as a plain text, or a section. */
export function readPublicPrefix(entry: Field): PublicPrefixParts {
  if (entry.isText) {
    return { prefix: readPublic(entry), ports: { first: FIRST_NAT_PORT, last: LAST_NAT_PORT }, shared: false }
  }
  const { prefix, ports, shared } = entry.section('prefix', 'ports', 'shared')
  return { prefix: readPublic(prefix), ports: readPorts(ports), shared: shared.boolean(false) }
}

function readPublic(field: Field): Placed<Prefix> | undefined {
  const prefix = readPrefix(field)
  if (prefix === undefined || prefix.value.length >= SHORTEST_PUBLIC_PREFIX) return prefix
  return field.problem(`more than 65536 addresses; a prefix of /${SHORTEST_PUBLIC_PREFIX} … /32 is expected`)
}

function readPorts(field: Field): PublicPrefix['ports'] | undefined {
  if (field.absent) return { first: FIRST_NAT_PORT, last: LAST_NAT_PORT }
  const what = `a range like 40000-49999 within ${FIRST_NAT_PORT}-${LAST_NAT_PORT} is expected`
  const range = field.isText ? field.text(what) : field.problem(what)
  if (range === undefined) return undefined
  const match = /^([0-9]{1,5})-([0-9]{1,5})$/.exec(range)
  if (match === null) return field.problem(what)
  const [first, last] = [Number(match[1]), Number(match[2])]
  if (first > last) return field.problem(`the first port is above the last; ${what}`)
  return first >= FIRST_NAT_PORT && last <= LAST_NAT_PORT ? { first, last } : field.problem(what)
}

type Complete<T> = { [K in keyof T]: T[K] | undefined }

export function readTimers(field: Field, warnings: string[]): Complete<GatewayConfig['timers']> {
  const section = field.section('udp', 'tcpEstablished', 'tcpTransitory', 'icmp')
  const timer = (name: keyof typeof section, least: number, rule: string): number | undefined => {
    const seconds = section[name].wholeNumber(NUMBERS.timers[name])
    if (seconds !== undefined && seconds < least) {
      warnings.push(`timers.${name}: ${seconds} s is less than the ${least} s of ${rule}: idle connections break early`)
    }
    return seconds
  }
  return {
    udp: timer('udp', 120, 'RFC 4787 REQ-5'),
    tcpEstablished: timer('tcpEstablished', 7440, 'RFC 5382 REQ-5'),
    tcpTransitory: timer('tcpTransitory', 240, 'RFC 5382 REQ-5'),
    icmp: timer('icmp', 60, 'RFC 5508 REQ-2'),
  }
}

export function readManifestLimits(field: Field): Complete<GatewayConfig['manifestLimits']> {
  const { fileBytes, files } = field.section('fileBytes', 'files')
  return {
    fileBytes: fileBytes.wholeNumber(NUMBERS.manifestLimits.fileBytes),
    files: files.wholeNumber(NUMBERS.manifestLimits.files),
  }
}

/** @param maxSessions of `limits`: one interface has a quarter, half of what is given out of them, where nothing is said */
export function readPerInterface(
  field: Field,
  maxSessions: number = NUMBERS.limits.maxSessions.fallback,
): Complete<GatewayConfig['perInterface']> {
  const section = field.section('sessions', 'newFlowsPerSecond')
  return {
    sessions: section.sessions.wholeNumber(NUMBERS.perInterface.sessions, Math.floor(maxSessions / 4)),
    newFlowsPerSecond: section.newFlowsPerSecond.wholeNumber(NUMBERS.perInterface.newFlowsPerSecond),
  }
}

export function readLimits(field: Field): Complete<GatewayConfig['limits']> {
  const limits = field.section('maxSlices', 'maxInterfaces', 'maxSessions', 'maxDevices')
  return {
    maxSlices: limits.maxSlices.wholeNumber(NUMBERS.limits.maxSlices),
    maxInterfaces: limits.maxInterfaces.wholeNumber(NUMBERS.limits.maxInterfaces),
    maxSessions: limits.maxSessions.wholeNumber(NUMBERS.limits.maxSessions),
    maxDevices: limits.maxDevices.wholeNumber(NUMBERS.limits.maxDevices),
  }
}
