import { parse } from 'yaml'
import type { Manifest } from '../../../src/api/index.ts'
import { parseResource } from '../../../src/api/index.ts'
import type { ValidationIssue } from '../../../src/schema/issue.ts'
import { describeIssue } from '../../../src/schema/issue.ts'

const source = { file: 'gateway.yaml', index: 0 }

export function read(yaml: string): Manifest {
  const { object, issues } = parseResource(parse(yaml), source)
  if (object === undefined) throw new Error(issues.map(describeIssue).join('\n'))
  return object
}

export function issuesOf(yaml: string): ValidationIssue[] {
  return parseResource(parse(yaml), source).issues ?? []
}

/** What a user is told, a line for each issue. */
export function refusals(yaml: string): string[] {
  return issuesOf(yaml).map(describeIssue)
}

/** A resource with the spec given as YAML flow: `{type: Public}`. */
export function document(kind: string, spec: string, metadata = '{name: sample}'): string {
  return `{apiVersion: networking.ironcore.dev/v1alpha1, kind: ${kind}, metadata: ${metadata}, spec: ${spec}}`
}
