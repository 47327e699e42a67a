import { nearest } from '../api/index.ts'
import type { NumberRule } from './numbers.ts'
import type { Path, Source } from './source.ts'

const ABSENT = Symbol('absent')
/** Below a value that is wrong as a whole: absent, and not worth a word of its own. */
const UNREADABLE = Symbol('unreadable')

/**
 * One value of the file. Its readers return what they read, or undefined after having reported what is wrong, so that
 * one pass finds every mistake.
 */
export class Field {
  readonly #source: Source
  readonly #path: Path
  readonly #value: unknown

  constructor(source: Source, path: Path = [], value: unknown = source.value) {
    this.#source = source
    this.#path = path
    this.#value = value
  }

  get absent(): boolean {
    return this.#value === ABSENT || this.#value === UNREADABLE
  }

  /** @param text what is wrong, and what would be right */
  problem(text: string): undefined {
    if (this.#value !== UNREADABLE) this.#source.report(this.#path, this.absent ? undefined : this.#value, text)
    return undefined
  }

  /** The fields of a mapping; unknown keys are reported, and one that is not a mapping has no fields. */
  section<K extends string>(...known: K[]): Record<K, Field> {
    const given = typeof this.#value === 'object' && this.#value !== null && !Array.isArray(this.#value)
    const values: Record<string, unknown> = given ? (this.#value as Record<string, unknown>) : {}
    if (!given && !this.absent) this.problem(`a section with ${known.join(', ')} is expected`)
    for (const key of Object.keys(values).filter((each) => !(known as string[]).includes(each))) {
      const near = nearest(key, known)
      const remedy = near === undefined ? `known here: ${known.join(', ')}` : `did you mean ${near}?`
      this.#source.report([...this.#path, key], undefined, `unknown field; ${remedy}`)
    }
    const child = (key: K): [K, Field] => {
      const missing = given || this.#value === ABSENT ? ABSENT : UNREADABLE
      const value = Object.hasOwn(values, key) ? values[key] : missing
      return [key, new Field(this.#source, [...this.#path, key], value)]
    }
    return Object.fromEntries(known.map(child)) as Record<K, Field>
  }

  /** The members of a list; an absent list has none. */
  items(what: string): Field[] {
    if (this.absent) return []
    if (Array.isArray(this.#value)) {
      return this.#value.map((value, index) => new Field(this.#source, [...this.#path, index], value))
    }
    this.problem(`a list of ${what} is expected`)
    return []
  }

  /** @param what names what is expected, for the message */
  text(what: string): string | undefined {
    if (typeof this.#value === 'string' && this.#value !== '') return this.#value
    return this.problem(this.absent ? `missing; ${what} is expected` : `${what} is expected`)
  }

  /** Whether the value is a text, where other forms are allowed as well. */
  get isText(): boolean {
    return typeof this.#value === 'string'
  }

  get isList(): boolean {
    return Array.isArray(this.#value)
  }

  /** @param fallback where another than the rule's holds */
  wholeNumber({ fallback: usual, min, max, unit }: NumberRule, fallback = usual): number | undefined {
    if (this.absent) return fallback
    const value = this.#value
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
    const what = unit === undefined ? 'a whole number' : `a whole number of ${unit}`
    return this.problem(`${what} from ${min} to ${max} is expected`)
  }

  oneOf<T extends string>(fallback: T, allowed: readonly T[]): T | undefined {
    if (this.absent) return fallback
    const found = allowed.find((each) => each === this.#value)
    if (found !== undefined) return found
    return this.problem(`one of ${allowed.join(', ')} is expected`)
  }

  boolean(fallback: boolean): boolean | undefined {
    if (this.absent) return fallback
    if (typeof this.#value === 'boolean') return this.#value
    return this.problem('true or false is expected')
  }
}
