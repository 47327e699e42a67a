// `natgw sessions`: written while they are read, so that any number of them takes the memory of a few.
import { readSessions } from '../kernel/session-reader.ts'
import type { CliEnv } from './env.ts'
import type { Inspection } from './inspect.ts'
import { whyNoSlices } from './inspect.ts'
import type { Column } from './output.ts'
import { formatBytes, formatSeconds } from './output.ts'
import { Owners } from './owners.ts'
import type { SessionFilters, SessionView } from './session-view.ts'
import { sessionViews } from './session-view.ts'
import type { ShowOptions } from './show.ts'
import { inspectNamed, writeRows } from './show.ts'

export interface SessionsOptions extends ShowOptions, SessionFilters {
  /** Sessions shown at most. */
  limit?: number
}

export async function showSessions(env: CliEnv, options: SessionsOptions): Promise<void> {
  await inspectNamed(env, options, async (inspection) => {
    const views = sessionViews(readSessions(inspection.plane), new Owners(inspection.objects), options)
    const first = new First(views, options.limit ?? Infinity)
    const shown = await writeRows(env, first, columns, options.output)
    if (first.left) await env.stderr.note(`there are more than the ${shown} shown: --limit`)
    if (shown === 0) await env.stderr.note(whyNone(inspection, options))
  })
}

function whyNone(
  inspection: Inspection,
  { interface: name, remote, public: publicEnd, proto }: SessionFilters,
): string {
  const noSlices = whyNoSlices(inspection)
  if (noSlices !== undefined) return `no session: ${noSlices}`
  if ([name, remote, publicEnd, proto].every((filter) => filter === undefined)) return 'no session: no flow is alive'
  return 'no session matches what was asked for; without filters natgw sessions shows all'
}

/** So many of the items, and whether there was one more. */
class First<T> implements Iterable<T> {
  readonly #items: Iterable<T>
  readonly #limit: number
  left = false

  constructor(items: Iterable<T>, limit: number) {
    this.#items = items
    this.#limit = limit
  }

  *[Symbol.iterator](): Generator<T> {
    let count = 0
    for (const item of this.#items) {
      this.left = count++ === this.#limit
      if (this.left) return
      yield item
    }
  }
}

const columns: Column<SessionView>[] = [
  { title: 'PROTO', value: ({ protocol }) => protocol },
  { title: 'INTERFACE', value: ({ networkInterface }) => networkInterface || '?' },
  { title: 'INSIDE', value: ({ inside }) => inside },
  { title: 'PUBLIC', value: (row) => row.public },
  { title: 'REMOTE', value: ({ remote }) => remote },
  { title: 'STATE', value: ({ state }) => state },
  { title: 'AGE', value: ({ ageSeconds }) => formatSeconds(ageSeconds) },
  { title: 'EXPIRES', value: ({ expiresInSeconds }) => formatSeconds(expiresInSeconds) },
  { title: 'OUT', value: ({ out }) => formatBytes(out.bytes) },
  { title: 'IN', value: (row) => formatBytes(row.in.bytes) },
]
