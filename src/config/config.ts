import * as z from 'zod/mini'
import type { ParsedConfig } from './schema.ts'
import { gatewaySchema } from './schema.ts'

/** What the gateway's configuration file (gateway.yaml) says, after defaulting. See docs/configuration.md. */
export type GatewayConfig = ParsedConfig & {
  stateFile: string
  perInterface: { sessions: number }
}

export type PrivateDevice = GatewayConfig['private'][number]
export type PublicPrefix = GatewayConfig['publicPrefixes'][number]

/** `limits` where the file does not give it: sizes of maps, which take memory when they are made. */
export const DEFAULT_LIMITS: GatewayConfig['limits'] = z.parse(gatewaySchema.shape.limits, undefined)

export function defaultStateFile(instance: string): string {
  return `/var/lib/natgw/${instance}/state`
}
