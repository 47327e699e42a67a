// Targets: `atLeast` must be reached, `aim` is wanted. Medians of one run.
import type { Target } from './rows.ts'

const more = (atLeast: number, aim: number): Target => ({ atLeast, aim, better: 'more' })
const less = (atLeast: number, aim: number): Target => ({ atLeast, aim, better: 'less' })

export const TARGETS = {
  nftOneFlow: more(4.2, 5),
  nft100k: more(4.5, 6),
  forwardOneFlow: more(0.82, 0.93),
  forward100k: more(0.72, 0.85),
  forward1M: more(0.55, 0.75),
  newFlowsNft: more(3.5, 5),
  newFlowAt95: less(1.5, 1.2),
  /** Nanoseconds. */
  refusal: less(150, 50),
  /** Seconds. */
  coldStart: less(2, 0.5),
  /** Milliseconds. */
  oneChange: less(50, 10),
  /** Bytes. */
  memoryPerSession: less(200, 100),
  /** Microseconds. */
  expiryStop: less(1000, 100),
  /** Megabytes. */
  agentMemory: less(200, 120),
  controllerMemory: less(600, 300),
} as const satisfies Record<string, Target>
