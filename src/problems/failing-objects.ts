import { messageOf } from '../errors/errors.ts'
import type { Problem } from './problem.ts'
import type { ProblemSink } from './problem-list.ts'

const NAMED = 3

/**
 * Objects that fail at present, as one problem however many they are: 100,000 objects and a full disk are one line.
 *
 * Invariant: the problem lasts exactly as long as one of the objects fails. A report costs the same for any number of them.
 */
export class FailingObjects {
  readonly #problems: ProblemSink
  readonly #source: string
  readonly #problem: Problem
  /** In the order in which they began to fail. */
  readonly #failing = new Set<string>()
  #newest: { name: string; message: string } | undefined

  /** @param source of this problem alone, for its sink */
  constructor(problems: ProblemSink, source: string, problem: Omit<Problem, 'detail'>) {
    this.#problems = problems
    this.#source = source
    this.#problem = problem
  }

  failed(name: string, error: unknown): void {
    this.#failing.add(name)
    this.#newest = { name, message: messageOf(error) }
    this.#report()
  }

  /** It does not fail any more, or is gone. */
  recovered(name: string): void {
    if (!this.#failing.delete(name)) return
    if (this.#newest?.name === name) this.#newest = undefined
    this.#report()
  }

  #report(): void {
    this.#problems.report(this.#source, this.#failing.size === 0 ? [] : [{ ...this.#problem, detail: this.#detail() }])
  }

  #detail(): string {
    const all = listNames(this.#failing, this.#failing.size)
    return this.#newest === undefined ? all : `${all}; newest failure, ${this.#newest.name}: ${this.#newest.message}`
  }
}

/** The first few names, and how many more there are. */
export function listNames(names: Iterable<string>, count: number): string {
  const shown: string[] = []
  for (const name of names) {
    if (shown.push(name) === NAMED) break
  }
  const more = count - shown.length
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
