import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../errors/errors.ts'

type CleanUp = () => Promise<void> | void

/** A disk that hangs must not keep natgw from ending: what is on it survives a kill at any instant. */
const LIMIT_MS = 5_000

/** Thrown into a start that goes on after its end was asked for. */
export class Ended extends Error {}

/** What has to be undone, the last first. */
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

  /** Calls all of them, whatever becomes of the others, and gives each so much time. @returns what went wrong, a sentence each */
  async run(limitMs = LIMIT_MS): Promise<string[]> {
    this.#ended = true
    const failures: string[] = []
    for (const { what, body } of this.#all.splice(0).reverse()) {
      const failure = await within(limitMs, body)
      if (failure !== undefined) failures.push(`${what} ${failure}`)
    }
    return failures
  }
}

async function within(limitMs: number, body: CleanUp): Promise<string | undefined> {
  const limit = new AbortController()
  const timeUp = delay(limitMs, `did not end within ${limitMs / 1000} s, and is given up`, { signal: limit.signal })
  const done = (async () => body())().then(
    () => undefined,
    (error: unknown) => `failed: ${messageOf(error)}`,
  )
  try {
    return await Promise.race([done, timeUp])
  } finally {
    limit.abort()
    timeUp.catch(() => undefined)
  }
}
