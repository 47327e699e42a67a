import type { Manifest, ManifestId, ManifestKind, ResourceOf } from '../../api/index.ts'
import { groupKindOf, idOfText, idText, immutableIssues, keyOf, KINDS, MANIFEST_KINDS } from '../../api/index.ts'
import { messageOf, NatGwError } from '../../errors/errors.ts'
import type { ResourceStore } from '../store.ts'
import type { Turns } from '../turns.ts'
import type { Plan, WantedObject } from './plan.ts'
import type { ManifestProblem } from './problem.ts'
import { problemOf } from './problem.ts'

/** How often a write is tried when controllers write the same object at the same moment. */
const ATTEMPTS = 5

/** Enough to share the cost of a commit, few enough to let others have their turn. */
const WRITES_AT_ONCE = 500

/** Makes the store have what the manifests ask for. */
export class ManifestSync {
  readonly #store: ResourceStore
  /** The manifest each object was last given. */
  readonly #applied = new Map<string, Manifest>()

  constructor(store: ResourceStore) {
    this.#store = store
  }

  /**
   * Creates and updates what differs, and deletes what is to be removed. Objects that are being deleted are left until
   * they are gone.
   * @param remove by `idText`
   * @returns what could not be done, and whether to try again although no manifest changed
   */
  async apply(
    plan: Plan,
    remove: readonly string[],
    turns: Turns,
  ): Promise<{ problems: ManifestProblem[]; again: boolean }> {
    const problems: ManifestProblem[] = []
    const failures: unknown[] = []
    const writes: (() => Promise<void>)[] = []
    for (const wanted of plan.wanted.values()) {
      await turns.next()
      if (this.#isApplied(wanted)) continue
      writes.push(async () => void problems.push(...(await this.#put(wanted))))
    }
    for (const text of remove) {
      const { kind, key } = idOfText(text)
      this.#applied.delete(text)
      writes.push(() => this.#store.delete(kind, key))
    }
    for (let i = 0; i < writes.length; i += WRITES_AT_ONCE) {
      const results = await Promise.allSettled(writes.slice(i, i + WRITES_AT_ONCE).map((write) => write()))
      failures.push(...results.filter((result) => result.status === 'rejected').map(({ reason }) => reason as unknown))
    }
    // A disk that is full fails all of them in the same way.
    return { problems: [...problems, ...failures.slice(0, 1).map(failureProblem)], again: failures.length > 0 }
  }

  #isApplied({ id, object }: WantedObject): boolean {
    if (this.#applied.get(idText(id)) !== object) return false
    const present = this.#store.get(id.kind, id.key)
    return present !== undefined && present.metadata.deletionTimestamp === undefined
  }

  /** The manifest an object was last given. */
  appliedTo(id: ManifestId): Manifest | undefined {
    return this.#applied.get(idText(id))
  }

  /** Objects that no manifest describes, by `idText`; those that are being deleted are not among them. */
  async missing(plan: Plan, turns: Turns): Promise<string[]> {
    const missing: string[] = []
    for (const kind of MANIFEST_KINDS) {
      for (const { metadata } of this.#store.list(kind)) {
        await turns.next()
        const text = idText({ kind, key: keyOf(metadata) })
        if (plan.wanted.has(text) || plan.kept.has(text)) continue
        if (metadata.deletionTimestamp === undefined) missing.push(text)
      }
    }
    return missing
  }

  async #put(wanted: WantedObject): Promise<ManifestProblem[]> {
    const { id, object, file, line, specLines } = wanted
    for (let attempt = 1; ; attempt++) {
      try {
        const present = this.#store.get(id.kind, id.key)
        if (present === undefined) await this.#store.create(object)
        else if (present.metadata.deletionTimestamp !== undefined) return []
        else {
          const refused = immutableIssues(present, object)
          if (refused.length > 0)
            return refused.map((issue) => problemOf(issue, file, specLines[String(issue.segments[1])] ?? line))
          await this.#store.update(merged(present, object))
        }
        this.#applied.set(idText(id), object)
        return []
      } catch (error) {
        const raced = error instanceof NatGwError && RACES.has(error.code)
        if (!raced || attempt === ATTEMPTS) throw error
      }
    }
  }
}

const RACES: ReadonlySet<string> = new Set(['ERR_CONFLICT', 'ERR_NOT_FOUND', 'ERR_ALREADY_EXISTS'])

/** The object as the manifest has it, except for what controllers write where the manifest says nothing. */
function merged(present: ResourceOf<ManifestKind>, object: Manifest): ResourceOf<ManifestKind> {
  const { controllerFields } = KINDS[groupKindOf(present)] as { controllerFields: readonly string[] }
  const spec = Object.entries(present.spec).filter(([field]) => controllerFields.includes(field))
  const { labels, annotations, ...metadata } = present.metadata
  return {
    ...present,
    metadata: { ...metadata, ...object.metadata },
    spec: { ...Object.fromEntries(spec), ...object.spec },
  } as ResourceOf<ManifestKind>
}

function failureProblem(error: unknown): ManifestProblem {
  const code = error instanceof NatGwError ? error.code : 'ERR_STATE_WRITE'
  return { code, message: messageOf(error), remedy: 'it is tried again until it succeeds' }
}
