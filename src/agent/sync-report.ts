import type { ObjectKey } from '../api/index.ts'
import type { Binding } from '../dataplane/generated/layouts.ts'
import { natProtocolNames } from '../dataplane/generated/layouts.ts'
import type { Affected, SyncFailure } from '../dataplane/sync-failure.ts'
import type { ProgrammedState } from '../desired/record.ts'
import type { SyncResult, VerifyResult } from '../kernel/sync.ts'
import type { Logger } from '../log/logger.ts'
import type { RateLimitedLog } from '../log/rate-limited-log.ts'
import { formatIpv4 } from '../net/ipv4.ts'
import type { ProblemSink } from '../problems/problem-list.ts'
import { repairProblems, writeProblems } from './map-problems.ts'

/** Counts and reports what the data plane did and what it refused. */
export class SyncReport {
  readonly #log: Logger
  readonly #problems: ProblemSink
  readonly #repeated: RateLimitedLog
  readonly #counts = { passes: 0, writes: 0, flushedMappings: 0 }
  readonly #repairedEntries: Record<string, number> = {}
  /** By NetworkInterface: why its entries are not in the maps. */
  #failures = new Map<ObjectKey, ProgrammedState>()
  /** Messages logged already: a refusal that lasts is logged once. */
  #logged = new Set<string>()

  /** @param repeated for lines that may repeat; its owner closes it */
  constructor(log: Logger, problems: ProblemSink, repeated: RateLimitedLog) {
    this.#log = log
    this.#problems = problems
    this.#repeated = repeated
  }

  counts() {
    return { ...this.#counts, repairedEntries: { ...this.#repairedEntries } }
  }

  programmedState(key: ObjectKey): ProgrammedState | undefined {
    return this.#failures.get(key)
  }

  /**
   * @param interfacesOf keys of the interfaces that a failure concerns
   * @returns interfaces that were refused, or no longer are
   */
  applied(
    { written, flushedMappings, addedSlotBlocks, failures }: SyncResult,
    interfacesOf: (affects: Affected) => Iterable<ObjectKey>,
  ): Set<ObjectKey> {
    this.#counts.passes++
    this.#counts.flushedMappings += flushedMappings
    for (const { put, removed } of Object.values(written)) this.#counts.writes += put + removed
    if (Object.keys(written).length > 0) this.#log.debug({ written, flushedMappings, addedSlotBlocks }, 'maps written')
    this.#logFailures(failures)
    const before = this.#failures
    this.#failures = new Map()
    const ofNoInterface = failures.filter(({ affects, message }) => {
      let concernsNone = true
      for (const key of interfacesOf(affects)) {
        concernsNone = false
        if (!this.#failures.has(key)) this.#failures.set(key, { status: 'False', reason: 'ProgramFailed', message })
      }
      return concernsNone
    })
    this.#problems.report('maps', writeProblems(ofNoInterface))
    return new Set([...before.keys(), ...this.#failures.keys()])
  }

  verified({ repaired, failures }: VerifyResult): void {
    for (const [map, count] of Object.entries(repaired)) {
      this.#repairedEntries[map] = (this.#repairedEntries[map] ?? 0) + count
      this.#log.warn({ map, count }, 'map drift repaired')
    }
    this.#problems.report('repairs', repairProblems(failures))
  }

  sliceFull(slice: Binding | undefined, protocol: number): void {
    if (slice === undefined) return
    const { publicAddress, insideAddress, firstPort, size, vni } = slice
    const name = natProtocolNames[protocol] ?? `protocol ${protocol}`
    // A machine can have its slice reported as full at any rate.
    this.#repeated.info(
      `slice full ${formatIpv4(publicAddress)}:${firstPort} ${name}`,
      { inside: formatIpv4(insideAddress), vni, public: formatIpv4(publicAddress), firstPort, size },
      `${formatIpv4(insideAddress)} uses all ${size} ${name} ports of its slice: new connections are refused`,
    )
  }

  #logFailures(failures: readonly SyncFailure[]): void {
    const byMessage = new Map(failures.map((failure) => [failure.message, failure]))
    for (const [message, error] of byMessage) if (!this.#logged.has(message)) this.#log.error({ err: error }, message)
    this.#logged = new Set(byMessage.keys())
  }
}
