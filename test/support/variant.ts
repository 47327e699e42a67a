// Another version of this tree, built in a folder of its own: what an upgrade or a rollback meets.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ROOT = new URL('../..', import.meta.url).pathname

/** In a header of bpf/: the text that is there, once, and what stands there in the other version. */
export interface Edit {
  header: string
  from: string
  to: string
}

export class Variant {
  readonly #folder = mkdtempSync(join(tmpdir(), 'natgw-variant-'))

  constructor(edits: readonly Edit[]) {
    for (const part of ['bpf', 'scripts', 'src', 'package.json']) {
      cpSync(join(ROOT, part), join(this.#folder, part), { recursive: true, preserveTimestamps: true })
    }
    mkdirSync(join(this.#folder, 'build'))
    symlinkSync(join(ROOT, 'node_modules'), join(this.#folder, 'node_modules'))
    symlinkSync(join(ROOT, 'build/Release'), join(this.#folder, 'build/Release'))
    for (const { header, from, to } of edits) {
      const path = join(this.#folder, 'bpf', header)
      const text = readFileSync(path, 'utf8')
      if (text.split(from).length !== 2) throw new Error(`${header} has not just one ${JSON.stringify(from)}`)
      writeFileSync(path, text.replace(from, to))
    }
    execFileSync('bash', [join(this.#folder, 'scripts/build-bpf')], { stdio: 'pipe' })
    execFileSync(process.execPath, [join(this.#folder, 'scripts/generate-layouts.ts')], { stdio: 'pipe' })
  }

  /** Its command line. */
  get natgw(): string {
    return join(this.#folder, 'src/cli/main.ts')
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
