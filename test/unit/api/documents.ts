import { parse } from 'yaml'
import { parseResource } from '../../../src/api/index.ts'
import type { Manifest } from '../../../src/api/index.ts'
import { describeIssue } from '../../../src/schema/issue.ts'
import type { ValidationIssue } from '../../../src/schema/issue.ts'

const source = { file: 'gateway.yaml', index: 0 }

export function read(yaml: string): Manifest {
  const { object, findings } = parseResource(parse(yaml), source)
  if (object === undefined) throw new Error(findings.map(describeIssue).join('\n'))
  return object
}

export function findingsOf(yaml: string): ValidationIssue[] {
  return parseResource(parse(yaml), source).findings ?? []
}

/** What a user is told, a line for each finding. */
export function refusals(yaml: string): string[] {
  return findingsOf(yaml).map(describeIssue)
}

/** A resource with the spec given as YAML flow: `{type: Public}`. */
export function document(kind: string, spec: string, metadata = '{name: sample}'): string {
  return `{apiVersion: networking.ironcore.dev/v1alpha1, kind: ${kind}, metadata: ${metadata}, spec: ${spec}}`
}
