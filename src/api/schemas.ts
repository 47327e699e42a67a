// The schema of each kind that users write as manifests. Validation, the tables of docs/resources.md and the JSON Schemas
// of docs/reference/ are made from here.
import * as z from 'zod/mini'
import { described, fields } from '../schema/fields.ts'
import { MAC_ADDRESS_ANNOTATION, macAnnotationProblem } from './annotations.ts'
import { metadataOf } from './metadata.ts'
import type { OwnAnnotations } from './metadata.ts'
import type { NameRule } from './names.ts'
import { natGatewaySpec } from './nat-gateway.ts'
import { networkInterfaceSpec } from './network-interface.ts'
import { networkSpec, peersDiffer } from './network.ts'
import { NETWORKING_API } from './types.ts'
import type { ManifestKind } from './types.ts'

export const NAME_RULES = {
  Network: 'DNS subdomain',
  NetworkInterface: 'DNS subdomain',
  NATGateway: 'DNS label',
} as const satisfies Record<ManifestKind, NameRule>

export const MANIFEST_SCHEMAS = {
  Network: manifestSchema('Network', networkSpec).check(peersDiffer),
  NetworkInterface: manifestSchema('NetworkInterface', networkInterfaceSpec, {
    [MAC_ADDRESS_ANNOTATION]: macAnnotationProblem,
  }),
  NATGateway: manifestSchema('NATGateway', natGatewaySpec),
} as const satisfies Record<ManifestKind, z.ZodMiniType>

/** @param own annotations of ours that the kind has */
function manifestSchema<S extends z.ZodMiniType>(kind: ManifestKind, spec: S, own: OwnAnnotations = {}) {
  return fields(
    {
      apiVersion: described(z.literal(NETWORKING_API), 'the API group and version'),
      kind: described(z.literal(kind), 'the kind of object'),
      metadata: described(metadataOf(kind, NAME_RULES[kind], own), 'which object this is'),
      spec: described(spec, 'what is wanted'),
    },
    { ignored: ['status'] },
  )
}
