import type { Case } from '../bench.ts'
import { control } from './control.ts'
import { established } from './established.ts'
import { expiry } from './expiry.ts'
import { memory } from './memory.ts'
import { mix } from './mix.ts'
import { newFlows } from './new-flows.ts'
import { tcpEnds } from './tcp.ts'
import { twoCpus } from './two-cpus.ts'

/** In the order of the report. */
export const CASES: readonly Case[] = [established, newFlows, mix, memory, expiry, twoCpus, tcpEnds, control]
