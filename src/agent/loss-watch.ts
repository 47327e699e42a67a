import type { Loss } from '../kernel/losses.ts'
import { explainLoss } from '../kernel/losses.ts'
import type { Problem } from '../problems/problem.ts'

/** A loss is a problem for so long after it was last seen. */
const LASTS_MS = 60_000

/** Notices packets that the kernel lost behind the redirect since the agent began. */
export class LossWatch {
  readonly #now: () => number
  /** By device and error. */
  readonly #seen = new Map<string, { packets: number; growsAt?: number }>()
  #began = false

  /** @param now milliseconds, monotonic */
  constructor(now: () => number) {
    this.#now = now
  }

  /** @param losses all of them @param nameOf name of the device with an ifindex @returns what is being lost */
  look(losses: readonly Loss[], nameOf: (ifindex: number) => string | undefined): Problem[] {
    const now = this.#now()
    const problems: Problem[] = []
    for (const { ifindex, error, packets } of losses) {
      const key = `${ifindex} ${error}`
      const before = this.#seen.get(key)
      const grows = this.#began && packets > (before?.packets ?? 0)
      const growsAt = grows ? now : before?.growsAt
      this.#seen.set(key, { packets, ...(growsAt === undefined ? {} : { growsAt }) })
      const name = nameOf(ifindex)
      if (growsAt !== undefined && now - growsAt < LASTS_MS && name !== undefined) problems.push(problemOf(name, error))
    }
    this.#began = true
    return problems
  }
}

function problemOf(device: string, error: string): Problem {
  const { meaning, remedy } = explainLoss(error, device)
  return {
    reason: 'PacketsLost',
    severity: 'error',
    object: `device ${device}`,
    message: `packets that were translated are lost on the way to it (${error}): ${meaning}`,
    remedy,
  }
}
