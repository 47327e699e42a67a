import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Document } from 'yaml'

/** Where a value is in the file: keys and indexes from the top. */
export type Path = readonly (string | number)[]

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
  readonly value: unknown
  readonly problems: Problem[] = []
  readonly #document: Document.Parsed
  readonly #lines: LineCounter

  constructor(text: string) {
    this.#lines = new LineCounter()
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: true })
    for (const { message, pos } of this.#document.errors) {
      this.problems.push({ line: this.#lines.linePos(pos[0]).line, field: '', value: undefined, text: message })
    }
    this.value = this.problems.length === 0 ? (this.#document.toJS() as unknown) : undefined
  }

  report(path: Path, value: unknown, text: string): void {
    this.problems.push({ line: this.#lineOf(path), field: formatPath(path), value, text })
  }

  /** Of what is missing: the line of the section that should hold it. */
  #lineOf(path: Path): number {
    let node: unknown = this.#document.contents
    let offset = 0
    for (const step of path) {
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === step)
        if (pair === undefined) break
        offset = (isScalar(pair.key) && pair.key.range?.[0]) || offset
        node = pair.value
      } else if (isSeq(node)) {
        node = node.items[Number(step)]
        offset = rangeStart(node) ?? offset
      } else break
    }
    return this.#lines.linePos(offset).line || 1
  }
}

function rangeStart(node: unknown): number | undefined {
  return isScalar(node) || isMap(node) || isSeq(node) ? node.range?.[0] : undefined
}

function formatPath(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    return text === '' ? step : `${text}.${step}`
  }, '')
}
