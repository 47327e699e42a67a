import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { decodeText } from '../document/encoding.ts'
import { messageOf, NatGwError } from '../errors/errors.ts'
import { validate } from '../schema/validate.ts'
import { defaultStateFile, type GatewayConfig } from './config.ts'
import { gatewaySchema, type ParsedConfig } from './schema.ts'
import { type ConfigIssue, Source } from './source.ts'

export interface LoadedConfig {
  config: GatewayConfig
  /** Allowed, but hardly meant; for the log. */
  warnings: string[]
}

/**
 * Reads gateway.yaml. Paths in it are relative to its folder.
 * @throws ERR_CONFIG_READ; ERR_CONFIG_INVALID with every issue, a line each; `details.problems` has them as data
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
  const { config, warnings, issues } = examineConfig(text, file)
  if (config !== undefined) return { config, warnings }
  const heading = `${file} is not valid (${issues.length} problem${issues.length === 1 ? '' : 's'}):`
  const lines = issues.map(({ line, field, message, remedy }) => {
    return `  ${file}:${line}: ${field === '' ? '' : `${field}: `}${message}; ${remedy}`
  })
  throw new NatGwError('ERR_CONFIG_INVALID', [heading, ...lines].join('\n'), { file, problems: issues })
}

/** @param file see parseConfig. @returns no configuration where there are issues, which are in the order of lines */
export function examineConfig(
  text: string,
  file: string,
): { config?: GatewayConfig; warnings: string[]; issues: ConfigIssue[] } {
  const source = new Source(text, file)
  if (source.readable) {
    const { value, issues = [] } = validate(gatewaySchema, source.value, { object: file, code: 'ERR_CONFIG_INVALID' })
    for (const issue of issues) source.report(issue)
    if (value !== undefined && source.issues.length === 0) {
      return { config: completed(value, dirname(file)), warnings: shortTimers(value), issues: [] }
    }
  }
  return { warnings: [], issues: source.issues.sort((a, b) => a.line - b.line) }
}

/** Fills in the defaults that follow from other fields, and makes paths absolute. */
function completed(config: ParsedConfig, folder: string): GatewayConfig {
  const { instance, manifests, stateFile = defaultStateFile(instance), perInterface, limits } = config
  // A quarter: half of the sessions that are given out.
  const { sessions = Math.floor(limits.maxSessions / 4) } = perInterface
  return {
    ...config,
    manifests: resolve(folder, manifests),
    stateFile: resolve(folder, stateFile),
    perInterface: { ...perInterface, sessions },
  }
}

const SHORTEST_TIMERS = {
  udp: [120, 'RFC 4787 REQ-5'],
  tcpEstablished: [7440, 'RFC 5382 REQ-5'],
  tcpTransitory: [240, 'RFC 5382 REQ-5'],
  icmp: [60, 'RFC 5508 REQ-2'],
} as const satisfies Record<keyof GatewayConfig['timers'], readonly [number, string]>

function shortTimers({ timers }: ParsedConfig): string[] {
  return Object.entries(timers).flatMap(([name, seconds]) => {
    const [least, rfc] = SHORTEST_TIMERS[name as keyof typeof timers]
    if (seconds >= least) return []
    return [`timers.${name}: ${seconds} s is less than the ${least} s of ${rfc}: idle connections break early`]
  })
}
