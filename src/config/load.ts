import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { quoteValue } from '../api/index.ts'
import { decodeText } from '../document/encoding.ts'
import { messageOf, NatGwError } from '../errors/errors.ts'
import { formatCidr, overlaps, type Prefix } from '../net/cidr.ts'
import { defaultStateFile, type GatewayConfig } from './config.ts'
import { Field } from './field.ts'
import { NUMBERS } from './numbers.ts'
import * as read from './sections.ts'
import { Source, type Problem } from './source.ts'

export interface LoadedConfig {
  config: GatewayConfig
  /** Allowed, but hardly meant; for the log. */
  warnings: string[]
}

/**
 * Reads gateway.yaml. Paths in it are relative to its folder.
 * @throws ERR_CONFIG_READ; ERR_CONFIG_INVALID with every problem, a line each; `details.problems` has them as data
 */
export async function loadConfig(path: string): Promise<LoadedConfig> {
  const file = resolve(path)
  return parseConfig(await readConfigFile(file), file)
}

/** @returns its text. @throws ERR_CONFIG_READ */
export async function readConfigFile(file: string): Promise<string> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(file)
  } catch (error) {
    const remedy = 'give the path of a readable gateway.yaml with --config'
    throw new NatGwError('ERR_CONFIG_READ', `${file} cannot be read: ${messageOf(error)}; ${remedy}`, { file })
  }
  const decoded = decodeText(bytes)
  if ('text' in decoded) return decoded.text
  const { message, remedy } = decoded.problem
  throw new NatGwError('ERR_CONFIG_READ', `${file} ${message}; ${remedy}`, { file })
}

/**
 * @param file absolute path, for messages and as the base of relative paths
 * @throws ERR_CONFIG_INVALID
 */
export function parseConfig(text: string, file: string): LoadedConfig {
  const { config, warnings, mistakes } = examineConfig(text, file)
  if (config !== undefined) return { config, warnings }
  const heading = `${file} is not valid (${mistakes.length} problem${mistakes.length === 1 ? '' : 's'}):`
  const lines = mistakes.map((mistake) => `  ${file}:${mistake.line}: ${describeMistake(mistake)}`)
  throw new NatGwError('ERR_CONFIG_INVALID', [heading, ...lines].join('\n'), { file, problems: mistakes })
}

/** @param file see parseConfig. @returns no configuration where there are mistakes, which are in the order of lines */
export function examineConfig(
  text: string,
  file: string,
): { config?: GatewayConfig; warnings: string[]; mistakes: Problem[] } {
  const source = new Source(text)
  const warnings: string[] = []
  const config = source.readable ? readConfig(new Field(source), dirname(file), warnings) : undefined
  if (source.problems.length === 0 && config !== undefined) return { config, warnings, mistakes: [] }
  return { warnings, mistakes: source.problems.sort((a, b) => a.line - b.line) }
}

/** What a mistake is, without its place in the file. */
export function describeMistake({ field, value, text }: Problem): string {
  const place = field === '' ? '' : `${field}: `
  if (value === undefined) return `${place}${text}`
  return `${place}${quoteValue(value)}: ${text}`
}

/** @returns undefined when something was reported */
function readConfig(file: Field, folder: string, warnings: string[]): GatewayConfig | undefined {
  const fields = file.section(
    'instance',
    'uplink',
    'private',
    'publicPrefixes',
    'manifests',
    'manifestLimits',
    'stateFile',
    'timers',
    'udpRefresh',
    'perInterface',
    'xdpMode',
    'driftIntervalSeconds',
    'limits',
    'log',
  )
  const instance = read.readInstance(fields.instance)
  const uplinkFields = fields.uplink.section('interface', 'macs')
  const uplink = read.readDeviceName(uplinkFields.interface)
  const privateDevices = nonEmpty(fields.private, 'private devices').map(read.readPrivateDevice)
  const publicPrefixes = nonEmpty(fields.publicPrefixes, 'public prefixes').map(read.readPublicPrefix)
  const manifests = fields.manifests.text('the folder of the manifests')
  const stateFile = fields.stateFile.absent
    ? defaultStateFile(instance ?? 'default')
    : fields.stateFile.text('the path of the state file')
  const limits = complete(read.readLimits(fields.limits))
  checkDevicesDiffer(uplink, privateDevices)
  checkPrefixesDiffer(privateDevices, publicPrefixes)
  return complete({
    instance,
    uplink: complete({ interface: uplink?.value, macs: read.readMacs(uplinkFields.macs) }),
    private: every(privateDevices, ({ device, network, prefixes, macs }) =>
      complete({ interface: device?.value, network, prefixes: prefixes.map(({ value }) => formatCidr(value)), macs }),
    ),
    publicPrefixes: every(publicPrefixes, ({ prefix, ports, shared }) =>
      complete({ prefix: prefix && formatCidr(prefix.value), ports, shared }),
    ),
    manifests: manifests === undefined ? undefined : resolve(folder, manifests),
    manifestLimits: complete(read.readManifestLimits(fields.manifestLimits)),
    stateFile: stateFile === undefined ? undefined : resolve(folder, stateFile),
    timers: complete(read.readTimers(fields.timers, warnings)),
    udpRefresh: fields.udpRefresh.oneOf('both', ['both', 'outbound'] as const),
    perInterface: complete(read.readPerInterface(fields.perInterface, limits?.maxSessions)),
    xdpMode: fields.xdpMode.oneOf('auto', ['auto', 'native', 'generic'] as const),
    driftIntervalSeconds: fields.driftIntervalSeconds.wholeNumber(NUMBERS.driftIntervalSeconds),
    limits,
    log: complete({
      level: fields.log.section('level').level.oneOf('info', ['trace', 'debug', 'info', 'warn', 'error'] as const),
    }),
  })
}

function nonEmpty(list: Field, what: string): Field[] {
  const items = list.items(what)
  if (list.absent) list.problem(`missing; a list of ${what} is expected`)
  else if (items.length === 0 && list.isList) list.problem(`at least one of the ${what} is expected`)
  return items
}

function checkDevicesDiffer(uplink: read.Placed<string> | undefined, devices: read.PrivateDeviceParts[]): void {
  const seen = new Set<string>()
  for (const { device } of devices) {
    if (device === undefined) continue
    if (device.value === uplink?.value) device.field.problem('is the uplink too; a device is one or the other')
    if (seen.has(device.value)) device.field.problem('is listed before; a device belongs to one Network')
    seen.add(device.value)
  }
}

function checkPrefixesDiffer(devices: read.PrivateDeviceParts[], publicPrefixes: read.PublicPrefixParts[]): void {
  const inside: { network: string; prefix: Prefix }[] = []
  for (const { network, prefixes } of devices) {
    if (network === undefined) continue
    const name = `${network.namespace}/${network.name}`
    for (const { field, value } of prefixes) {
      // Networks are isolated: the same addresses in two of them are two machines.
      const other = inside.find((each) => each.network === name && overlaps(each.prefix, value))
      if (other) field.problem(`overlaps ${formatCidr(other.prefix)}, given before for the same Network`)
      inside.push({ network: name, prefix: value })
    }
  }
  const outside: Prefix[] = []
  for (const { prefix } of publicPrefixes) {
    if (prefix === undefined) continue
    const other = outside.find((each) => overlaps(each, prefix.value))
    if (other) prefix.field.problem(`overlaps the public prefix ${formatCidr(other)}, given before`)
    const own = inside.find((each) => overlaps(each.prefix, prefix.value))
    if (own) prefix.field.problem(`overlaps the private prefix ${formatCidr(own.prefix)}; give public addresses only`)
    outside.push(prefix.value)
  }
}

/** The object once nothing of it is undefined. */
function complete<T extends object>(parts: T): { [K in keyof T]: Exclude<T[K], undefined> } | undefined {
  if (Object.values(parts).includes(undefined)) return undefined
  return parts as { [K in keyof T]: Exclude<T[K], undefined> }
}

/** All members converted, or undefined when one could not be. */
function every<T, R>(items: T[], convert: (item: T) => R | undefined): R[] | undefined {
  const converted = items.map(convert).filter((each) => each !== undefined)
  return converted.length === items.length ? converted : undefined
}
