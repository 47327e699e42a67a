import type { Finding } from '../../api/index.ts'
import type { ErrorCode } from '../../errors/errors.ts'
import type { Problem } from '../../problems/problem.ts'

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
}

export function problemOf(finding: Finding, file: string, line: number): ManifestProblem {
  const { segments, ...rest } = finding
  return { file, line, ...rest }
}

/** As it stands in the list of all problems. */
export function asProblem({ code, file, line, object, field, message, remedy }: ManifestProblem): Problem {
  const place = file === undefined ? 'folder of manifests' : `file ${line === undefined ? file : `${file}:${line}`}`
  const what = [object, field].filter((part) => part !== undefined && part !== '').map((part) => `${part}: `)
  return { reason: code, severity: 'error', object: place, message: what.join('') + message, remedy }
}

/** One line for people: `gateway.yaml:7: NATGateway default/a: spec.type: "public" is not …; write Public`. */
export function describeProblem(problem: ManifestProblem): string {
  const { file, line, object, field, message, remedy } = problem
  const place = file === undefined ? undefined : line === undefined ? file : `${file}:${line}`
  const where = [place, object, field].filter((part) => part !== undefined && part !== '')
  return `${where.map((part) => `${part}: `).join('')}${message}; ${remedy}`
}
