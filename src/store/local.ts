import { runCleanUps } from '../errors/clean-ups.ts'
import { messageOf, NatGwError } from '../errors/errors.ts'
import type { Problem } from '../problems/problem.ts'
import type { RemovalTimes } from './manifests/absence.ts'
import { REMOVAL_TIMES } from './manifests/absence.ts'
import type { FolderLimits } from './manifests/folder.ts'
import { DEFAULT_FOLDER_LIMITS } from './manifests/folder.ts'
import type { ManifestNote, ManifestProblem } from './manifests/problem.ts'
import type { StoreLog } from './manifests/watcher.ts'
import { ManifestWatcher } from './manifests/watcher.ts'
import type { CommitHook } from './memory.ts'
import { MemoryStore } from './memory.ts'
import type { Disk } from './state/disk.ts'
import { realDisk } from './state/disk.ts'
import type { OpenedState } from './state/state-file.ts'
import { StateFile } from './state/state-file.ts'

export type { ManifestNote, ManifestProblem } from './manifests/problem.ts'
export { asProblem, describeProblem, noteAsProblem } from './manifests/problem.ts'

export interface LocalStoreOptions {
  /** Folder of manifests (*.yaml, *.yml, *.json). */
  manifests: string
  limits?: FolderLimits
  /** How long objects are kept that are in no manifest any more. */
  removalTimes?: RemovalTimes
  /** File that keeps all objects; made when it is not there. One process at a time: it is locked while it is open. */
  stateFile: string
  log: StoreLog
  /** Called with all problems, and with what of the folder is passed over, whenever they are others than before. */
  onProblems?: (problems: readonly ManifestProblem[], notes: readonly ManifestNote[]) => void
  /** Called when changes cannot be written, and with undefined when they can be again. */
  onStateProblem?: (problem: Problem | undefined) => void
  disk?: Disk
}

/**
 * A ResourceStore of one host: users write manifests into a folder, controllers write through the store, and everything
 * is kept in a state file that survives a kill at any instant.
 *
 * The folder says which Networks, NetworkInterfaces and NATGateways there are and what their spec, labels and annotations
 * are; taking an object out of it is deleting it, after a while in which it can come back. Whatever cannot be read or is not valid stays as it last was, and is
 * among `problems()`.
 */
export class LocalStore extends MemoryStore {
  readonly #state: StateFile
  readonly #manifests: ManifestWatcher

  private constructor(state: StateFile, opened: OpenedState, options: LocalStoreOptions) {
    super({
      objects: opened.objects,
      resourceVersion: opened.resourceVersion,
      commit: reporting((changes, version) => state.commit(changes, version), options.onStateProblem),
    })
    this.#state = state
    const onProblems = options.onProblems ?? (() => undefined)
    const { manifests: path, limits = DEFAULT_FOLDER_LIMITS, removalTimes: times = REMOVAL_TIMES, log } = options
    this.#manifests = new ManifestWatcher({ path, limits, times, store: this, log, onProblems })
  }

  /**
   * Resolves when the state is read and the manifests are applied to it.
   * @throws ERR_STATE_CORRUPT, ERR_STATE_VERSION, ERR_STATE_LOCKED, ERR_STATE_WRITE, ERR_MANIFEST_READ
   */
  static async open(options: LocalStoreOptions): Promise<LocalStore> {
    const { stateFile, log } = options
    const opened = await StateFile.open(stateFile, options.disk ?? realDisk)
    if (opened.tornBytes > 0) {
      log.info(
        { stateFile, bytes: opened.tornBytes },
        `state file ${stateFile}: an unfinished write at its end was dropped`,
      )
    }
    const store = new LocalStore(opened.file, opened, options)
    try {
      await store.#manifests.start()
    } catch (error) {
      await store.close()
      throw error
    }
    return store
  }

  /** What keeps manifests from taking effect at present. */
  problems(): readonly ManifestProblem[] {
    return this.#manifests.problems
  }

  /** What of the folder of manifests is passed over at present. */
  notes(): readonly ManifestNote[] {
    return this.#manifests.notes
  }

  override async close(): Promise<void> {
    await runCleanUps([() => this.#state.close(), () => super.close(), () => this.#manifests.stop()])
  }
}

/** A commit that tells when it begins to fail, and when it has ended to. */
function reporting(commit: CommitHook, tell: LocalStoreOptions['onStateProblem']): CommitHook {
  let told: string | undefined
  return async (changes, resourceVersion) => {
    try {
      await commit(changes, resourceVersion)
    } catch (error) {
      const problem = stateProblem(error)
      if (problem.message !== told) tell?.(problem)
      told = problem.message
      throw error
    }
    if (told !== undefined) tell?.(undefined)
    told = undefined
  }
}

function stateProblem(error: unknown): Problem {
  const { path, reason, remedy } = error instanceof NatGwError ? error.details : {}
  const message = `changes are not written and have no effect: ${typeof reason === 'string' ? reason : messageOf(error)}`
  return {
    reason: 'ERR_STATE_WRITE',
    severity: 'error',
    object: typeof path === 'string' ? `file ${path}` : 'state file',
    message,
    remedy: typeof remedy === 'string' ? remedy : 'see docs/errors.md',
  }
}
