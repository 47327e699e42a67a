import type { ObjectKey } from '../api/index.ts'
import type { Slice } from '../dataplane/generated/layouts.ts'
import type { SyncResult, VerifyResult } from '../dataplane/sync.ts'
import type { NatGwError } from '../errors/errors.ts'
import type { Finding } from './desired/finding.ts'
import type { Logger } from '../log/logger.ts'
import { maps, natProtocolNames } from '../dataplane/generated/layouts.ts'
import { formatIpv4 } from '../net/ipv4.ts'

/** Maps without whose entries an interface is not served. */
const SERVING_MAPS: ReadonlySet<unknown> = new Set(
  [maps.settings, maps.devices, maps.interfaces, maps.addresses, maps.slices].map(({ name }) => name),
)

/** Counts and tells what the data plane did and what it refused. */
export class SyncReport {
  readonly #log: Logger
  readonly #counts = { passes: 0, writes: 0, flushedMappings: 0 }
  readonly #repairedEntries: Record<string, number> = {}
  /** By NetworkInterface: why its entries are not in the maps. */
  #failures = new Map<ObjectKey, Finding>()
  /** Messages told already; a refusal that lasts is told once. */
  #told = new Set<string>()

  constructor(log: Logger) {
    this.#log = log
  }

  counts() {
    return { ...this.#counts, repairedEntries: { ...this.#repairedEntries } }
  }

  findingOf(key: ObjectKey): Finding | undefined {
    return this.#failures.get(key)
  }

  /**
   * @returns interfaces that were refused, or no longer are; `doubtful` when something was refused that interfaces depend
   * on and it is not known which
   */
  applied({ written, flushedMappings, addedChunks, failures }: SyncResult) {
    this.#counts.passes++
    this.#counts.flushedMappings += flushedMappings
    for (const { put, removed } of Object.values(written)) this.#counts.writes += put + removed
    if (Object.keys(written).length > 0) this.#log.debug({ written, flushedMappings, addedChunks }, 'maps written')
    this.#tellFailures(failures)
    const before = this.#failures
    this.#failures = new Map(failures.flatMap(refusedInterface))
    const doubtful = failures.some(({ details }) => details.name === undefined && SERVING_MAPS.has(details.map))
    return { changedFindings: new Set([...before.keys(), ...this.#failures.keys()]), doubtful }
  }

  verified({ repaired, failures }: VerifyResult): void {
    for (const [map, count] of Object.entries(repaired)) {
      this.#repairedEntries[map] = (this.#repairedEntries[map] ?? 0) + count
      this.#log.warn({ map, count }, 'map entries were not as they should be: put right')
    }
    for (const error of failures) this.#log.error({ err: error }, `could not be put right: ${error.message}`)
  }

  sliceFull(slice: Slice | undefined, protocol: number): void {
    if (slice === undefined) return
    const { publicAddress, insideAddress, firstPort, size, vni } = slice
    const name = natProtocolNames[protocol] ?? `protocol ${protocol}`
    this.#log.info(
      { inside: formatIpv4(insideAddress), vni, public: formatIpv4(publicAddress), firstPort, size },
      `${formatIpv4(insideAddress)} uses all ${size} ${name} ports of its slice: new connections are refused`,
    )
  }

  #tellFailures(failures: readonly NatGwError[]): void {
    const messages = new Set(failures.map(({ message }) => message))
    for (const error of failures) if (!this.#told.has(error.message)) this.#log.error({ err: error }, error.message)
    this.#told = messages
  }
}

function refusedInterface({ details, message }: NatGwError): [ObjectKey, Finding][] {
  return typeof details.name === 'string' ? [[details.name, { status: 'False', reason: 'ProgramFailed', message }]] : []
}
