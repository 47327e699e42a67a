import { LineCounter, parseDocument, type Document } from 'yaml'
import { ambiguousValues } from '../document/dialects.ts'
import { offsetOf, type Path } from '../document/positions.ts'
import { messageOf } from '../errors/errors.ts'

export type { Path } from '../document/positions.ts'

export interface Problem {
  /** 1-based. */
  line: number
  /** `private[0].network`; empty for the file as a whole. */
  field: string
  /** What is there; undefined where something is missing. */
  value: unknown
  /** What is wrong with it and what would be right. */
  text: string
}

/** A YAML text that knows the line of each of its values, and gathers what is wrong with them. */
export class Source {
  readonly value: unknown = undefined
  readonly problems: Problem[] = []
  readonly #document: Document.Parsed
  readonly #lines: LineCounter

  constructor(text: string) {
    this.#lines = new LineCounter()
    const options = { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: true, merge: true }
    this.#document = parseDocument(text, options)
    for (const { message, pos } of this.#document.errors) this.#reportWhole(pos[0], message)
    if (this.problems.length > 0) return
    try {
      for (const { path, value, message, remedy } of ambiguousValues(this.#document)) {
        this.report(path, value, `${message}; ${remedy}`)
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
    this.problems.push({ line: this.#lineAt(offset), field: '', value: undefined, text })
  }

  /** The first thing that is said of a value counts: the rest often follows from it. */
  report(path: Path, value: unknown, text: string): void {
    const field = formatPath(path)
    if (field !== '' && this.problems.some((each) => each.field === field)) return
    // Of what is missing: the line of the section that should hold it.
    this.problems.push({ line: this.#lineAt(offsetOf(this.#document, path, 0)), field, value, text })
  }

  #lineAt(offset: number): number {
    return this.#lines.linePos(offset).line || 1
  }
}

function formatPath(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    return text === '' ? step : `${text}.${step}`
  }, '')
}
