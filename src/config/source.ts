import { type Document, LineCounter, parseDocument } from 'yaml'
import { ambiguousValues } from '../document/dialects.ts'
import { offsetOf } from '../document/positions.ts'
import { messageOf } from '../errors/errors.ts'
import type { ValidationIssue } from '../schema/issue.ts'
import { fieldPath } from '../schema/issue.ts'

export interface ConfigIssue extends ValidationIssue {
  /** 1-based. */
  line: number
}

/** A YAML text that knows the line of each of its values, and gathers what is wrong with them. */
export class Source {
  readonly value: unknown = undefined
  readonly issues: ConfigIssue[] = []
  readonly #file: string
  readonly #document: Document.Parsed
  readonly #lines: LineCounter

  constructor(text: string, file: string) {
    this.#file = file
    this.#lines = new LineCounter()
    const options = { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: true, merge: true }
    this.#document = parseDocument(text, options)
    for (const { message, pos } of this.#document.errors) this.#reportWhole(pos[0], message)
    if (this.issues.length > 0) return
    try {
      for (const { path, value, message, remedy } of ambiguousValues(this.#document)) {
        const place = { object: file, field: fieldPath(path), segments: path, value }
        this.report({ code: 'ERR_CONFIG_INVALID', ...place, message, remedy })
      }
      this.value = this.#document.toJS({ maxAliasCount: 100 }) as unknown
    } catch (failure) {
      this.#reportWhole(0, messageOf(failure))
    }
  }

  /** Whether what was found wrong so far leaves values to look at. */
  get readable(): boolean {
    return this.value !== undefined
  }

  #reportWhole(offset: number, text: string): void {
    const place = { line: this.#lineAt(offset), object: this.#file, field: '', segments: [] }
    this.issues.push({ code: 'ERR_CONFIG_INVALID', ...place, message: text, remedy: 'correct the file' })
  }

  /** The first thing that is said of a value counts: the rest often follows from it. */
  report(issue: ValidationIssue): void {
    if (issue.field !== '' && this.issues.some(({ field }) => field === issue.field)) return
    // Of what is missing: the line of the section that should hold it.
    this.issues.push({ line: this.#lineAt(offsetOf(this.#document, issue.segments, 0)), ...issue })
  }

  #lineAt(offset: number): number {
    return this.#lines.linePos(offset).line || 1
  }
}
