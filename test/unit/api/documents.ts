import { parse } from 'yaml'
import { describeFinding, parseResource } from '../../../src/api/index.ts'
import type { Finding, Manifest } from '../../../src/api/index.ts'

const source = { file: 'gateway.yaml', index: 0 }

export function read(yaml: string): Manifest {
  const { object, findings } = parseResource(parse(yaml), source)
  if (object === undefined) throw new Error(findings.map(describeFinding).join('\n'))
  return object
}

export function findingsOf(yaml: string): Finding[] {
  return parseResource(parse(yaml), source).findings ?? []
}

/** What a user is told, a line for each finding. */
export function refusals(yaml: string): string[] {
  return findingsOf(yaml).map(describeFinding)
}

/** A resource with the spec given as YAML flow: `{type: Public}`. */
export function document(kind: string, spec: string, metadata = '{name: sample}'): string {
  return `{apiVersion: networking.ironcore.dev/v1alpha1, kind: ${kind}, metadata: ${metadata}, spec: ${spec}}`
}
