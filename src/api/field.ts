import type { ErrorCode } from '../errors/errors.ts'
import { fieldPath, quoteValue } from '../schema/issue.ts'
import { nearest } from '../schema/nearest.ts'
import type { ValidationIssue } from '../schema/issue.ts'
import { nameProblem } from './names.ts'
import type { NameRule } from './names.ts'

/** Where the fields of one object report to. */
export interface Report {
  object: string
  findings: ValidationIssue[]
}

/**
 * A value at a path of a document, and the questions validation asks it. Every question that is answered with undefined
 * has left a finding, so that one pass finds all. `null` counts as absent, as in the Kubernetes API.
 */
export class Field {
  readonly segments: readonly (string | number)[]
  readonly value: unknown
  readonly #report: Report

  constructor(report: Report, segments: readonly (string | number)[], value: unknown) {
    this.#report = report
    this.segments = segments
    this.value = value ?? undefined
  }

  get path(): string {
    return fieldPath(this.segments)
  }

  get absent(): boolean {
    return this.value === undefined
  }

  refuse(message: string, remedy: string, code: ErrorCode = 'ERR_INVALID_FIELD'): undefined {
    const value = this.absent ? {} : { value: this.value }
    const { object, findings } = this.#report
    findings.push({ code, object, field: this.path, segments: this.segments, ...value, message, remedy })
    return undefined
  }

  /** @param kind what belongs here, with an example, as the end of "give …" */
  missing(kind: string): undefined {
    return this.refuse('is missing', `give ${kind}`)
  }

  child(name: string): Field {
    const container = this.value as Record<string, unknown> | undefined
    const present = container !== undefined && Object.hasOwn(container, name)
    return new Field(this.#report, [...this.segments, name], present ? container[name] : undefined)
  }

  /**
   * Whether this is a map; reports members that are not `known`.
   * @param foreign members of the upstream API that are not supported here, and what to do instead
   * @param ignored members that are passed over
   */
  isObject(
    known: readonly string[],
    foreign: Readonly<Record<string, string>> = {},
    ignored: readonly string[] = [],
  ): boolean {
    if (!isMap(this.value)) {
      this.refuse(`${quoteValue(this.value)} is not a map of fields`, `its fields are ${known.join(', ')}`)
      return false
    }
    for (const name of Object.keys(this.value)) {
      if (known.includes(name) || ignored.includes(name)) continue
      const suggestion = nearest(name, known)
      if (Object.hasOwn(foreign, name)) this.child(name).refuse('is not supported here', foreign[name] ?? '')
      else if (suggestion !== undefined) this.child(name).refuse('is not a known field', `did you mean ${suggestion}?`)
      else this.child(name).refuse('is not a known field', `known are ${known.join(', ')}`)
    }
    return true
  }

  string(): string | undefined {
    if (typeof this.value === 'string') return this.value
    if (this.absent) return this.refuse('is empty', 'write "" for an empty text')
    const quotable = typeof this.value === 'number' || typeof this.value === 'boolean'
    const remedy = quotable ? `put it in quotes: "${String(this.value)}"` : 'text is expected'
    return this.refuse(`${quoteValue(this.value)} is not text`, remedy)
  }

  /** @param remedy what is right or usual */
  wholeNumber(min: number, max: number, remedy: string): number | undefined {
    const { value } = this
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
    const range = `a whole number of ${min} … ${max}`
    if (typeof value !== 'string') return this.refuse(`${quoteValue(value)} is not ${range}`, remedy)
    const number = Number(value)
    const unquoted = value.trim() !== '' && Number.isInteger(number) && number >= min && number <= max
    return this.refuse(`"${value}" is text, not ${range}`, unquoted ? `write ${number} without quotes` : remedy)
  }

  oneOf<T extends string>(values: readonly T[]): T | undefined {
    const { value } = this
    const found = values.find((each) => each === value)
    if (found !== undefined) return found
    const near = typeof value === 'string' ? nearest(value, values) : undefined
    const remedy = near ?? values.join(' or ')
    return this.refuse(`${quoteValue(value)} is not a supported value`, `write ${remedy}`)
  }

  /** The elements of a list; none when it is absent or, after a finding, no list. */
  elements(): Field[] {
    if (this.absent) return []
    if (Array.isArray(this.value)) {
      return this.value.map((value, i) => new Field(this.#report, [...this.segments, i], value))
    }
    this.refuse(
      `${quoteValue(this.value)} is not a list`,
      'put each element on a line of its own that begins with "- "',
    )
    return []
  }

  name(rule: NameRule): string | undefined {
    if (this.absent) return this.missing(`a name (a ${rule})`)
    const text = this.string()
    const problem = text === undefined ? undefined : nameProblem(text, rule)
    if (problem !== undefined) return this.refuse(`${quoteValue(text)} is not a ${rule}`, problem)
    return text
  }

  optional<T>(read: (field: Field) => T | undefined): T | undefined {
    return this.absent ? undefined : read(this)
  }

  /** A map from text to text, as labels are. */
  stringMap(): Record<string, string> | undefined {
    if (!isMap(this.value)) return this.refuse(`${quoteValue(this.value)} is not a map`, 'write name: "value" pairs')
    const names = Object.keys(this.value)
    const pairs = names.map((name) => [name, this.child(name).string()] as const)
    return Object.fromEntries(pairs.filter((pair): pair is readonly [string, string] => pair[1] !== undefined))
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
