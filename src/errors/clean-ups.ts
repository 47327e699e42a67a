import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from './errors.ts'

type CleanUp = () => unknown

/** A disk that hangs must not keep natgw from ending: what is on it survives a kill at any instant. */
const LIMIT_MS = 5_000

/**
 * Runs every clean-up, the last first, also where one throws: what is left behind by one is no reason to leave the rest.
 * @throws the error where there was one, an AggregateError of several
 */
export async function runCleanUps(cleanUps: readonly CleanUp[]): Promise<void> {
  const errors = await failuresOf(cleanUps)
  if (errors.length === 1) throw errors[0]
  if (errors.length > 1) throw new AggregateError(errors, `${errors.length} clean-ups failed`)
}

/** Thrown into a start that goes on after its end was asked for. */
export class Ended extends Error {}

/** Clean-ups of a start that may be ended while it is under way. */
export class CleanUps {
  readonly #all: { what: string; body: CleanUp }[] = []
  #ended = false

  /** @throws Ended after having called `body`, when the end has come already */
  async add(what: string, body: CleanUp): Promise<void> {
    if (!this.#ended) {
      this.#all.push({ what, body })
      return
    }
    await body()
    throw new Ended()
  }

  /** As runCleanUps, and gives each so much time. @returns what went wrong, a sentence each */
  async run(limitMs = LIMIT_MS): Promise<string[]> {
    this.#ended = true
    const limited = this.#all.splice(0).map(
      ({ what, body }) =>
        () =>
          within(limitMs, what, body),
    )
    return (await failuresOf(limited)).map(messageOf)
  }
}

/** @returns what they threw, the last clean-up's first */
async function failuresOf(cleanUps: readonly CleanUp[]): Promise<unknown[]> {
  const errors: unknown[] = []
  for (const cleanUp of cleanUps.toReversed()) {
    try {
      await cleanUp()
    } catch (error) {
      errors.push(error)
    }
  }
  return errors
}

/** @throws a sentence that begins with `what` */
async function within(limitMs: number, what: string, body: CleanUp): Promise<void> {
  const limit = new AbortController()
  const timeUp = delay(limitMs, `did not end within ${limitMs / 1000} s, and is given up`, { signal: limit.signal })
  const done = (async () => void (await body()))().then(
    () => undefined,
    (error: unknown) => `failed: ${messageOf(error)}`,
  )
  try {
    const failure = await Promise.race([done, timeUp])
    if (failure !== undefined) throw new Error(`${what} ${failure}`)
  } finally {
    limit.abort()
    timeUp.catch(() => undefined)
  }
}
