import type { ErrorCode } from '../../errors/errors.ts'
import type { Problem } from '../../problems/problem.ts'
import type { ValidationIssue } from '../../schema/issue.ts'

/** One thing that keeps a manifest, or part of it, from taking effect. */
export interface ManifestProblem {
  code: ErrorCode
  /** Name of the file in the folder; absent for the folder itself. */
  file?: string
  /** From 1. */
  line?: number
  /** `<Kind> <namespace>/<name>` */
  object?: string
  field?: string
  value?: unknown
  message: string
  remedy: string
  /** `error` where it is absent. */
  severity?: Problem['severity']
}

/** Something of the folder that is passed over, which is no mistake. */
export interface ManifestNote {
  file: string
  message: string
}

export function problemOf(issue: ValidationIssue, file: string, line: number): ManifestProblem {
  const { segments, ...rest } = issue
  return { file, line, ...rest }
}

export function noteAsProblem({ file, message }: ManifestNote): Problem {
  const remedy = 'keep what is no manifest elsewhere to be rid of this line'
  return { reason: 'NotAManifest', severity: 'warning', object: `file ${file}`, message, remedy }
}

/** As it stands in the list of all problems. */
export function asProblem(problem: ManifestProblem): Problem {
  const { code, file, line, object, field, message, remedy, severity = 'error' } = problem
  const what = (file === undefined ? [] : [object, field]).filter((part) => part !== undefined && part !== '')
  const place = file === undefined ? (object ?? 'folder of manifests') : `file ${placeOf(file, line)}`
  return { reason: code, severity, object: place, message: [...what, message].join(': '), remedy }
}

function placeOf(file: string, line: number | undefined): string {
  return line === undefined ? file : `${file}:${line}`
}

/** One line for people: `gateway.yaml:7: NATGateway default/a: spec.type: "public" is not …; write Public`. */
export function describeProblem(problem: ManifestProblem): string {
  const { file, line, object, field, message, remedy } = problem
  const place = file === undefined ? undefined : placeOf(file, line)
  const where = [place, object, field].filter((part) => part !== undefined && part !== '')
  return `${where.map((part) => `${part}: `).join('')}${message}; ${remedy}`
}
