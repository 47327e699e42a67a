// A folder of manifests with a store that follows it, for tests.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { NETWORK } from '../../../src/api/index.ts'
import type { LocalStoreOptions } from '../../../src/store/local.ts'
import { describeProblem, LocalStore } from '../../../src/store/local.ts'

/** Those of the product are longer than a test may take. */
export const QUICK_REMOVAL = { grace: 300, quiet: 100, doubt: 1_500, restless: 3_000 }

export class FollowedFolder {
  readonly home: string
  readonly manifests: string
  store: LocalStore | undefined

  private constructor(home: string) {
    this.home = home
    this.manifests = join(home, 'manifests')
  }

  static async make(): Promise<FollowedFolder> {
    const folder = new FollowedFolder(await mkdtemp(join(tmpdir(), 'natgw-folder-')))
    await mkdir(folder.manifests)
    return folder
  }

  async open(options: Partial<LocalStoreOptions> = {}): Promise<LocalStore> {
    await this.store?.close()
    const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
    const { manifests, home } = this
    const stateFile = join(home, 'state')
    this.store = await LocalStore.open({ manifests, stateFile, removalTimes: QUICK_REMOVAL, log, ...options })
    return this.store
  }

  path(file: string): string {
    return join(this.manifests, file)
  }

  async put(file: string, ...documents: string[]): Promise<void> {
    await writeFile(this.path(file), documents.join('---\n'))
  }

  /** Names of the Networks that are there and not being deleted. */
  names(): string[] {
    const present = this.store!.list(NETWORK).filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    return present.map(({ metadata }) => metadata.name).sort()
  }

  uids(): Record<string, string> {
    return Object.fromEntries(this.store!.list(NETWORK).map(({ metadata }) => [metadata.name, metadata.uid]))
  }

  problems(): string[] {
    return this.store!.problems().map(describeProblem)
  }

  notes(): string[] {
    return this.store!.notes().map(({ file, message }) => `${file}: ${message}`)
  }

  async remove(): Promise<void> {
    await this.store?.close()
    await rm(this.home, { recursive: true })
  }
}

export function networkText(name: string, more = ''): string {
  return `apiVersion: networking.ironcore.dev/v1alpha1\nkind: Network\nmetadata: {name: ${name}${more}}\n`
}

export const eventually = (check: () => void) => vi.waitFor(check, { timeout: 8000, interval: 20 })
