import type { GroupKind } from '../api/index.ts'
import type { WatchEvent } from './store.ts'

/** Events handed out before timers and I/O get their turn. */
const EVENTS_PER_TURN = 1000

type Handler = (event: WatchEvent) => void

interface Watcher {
  kind: GroupKind
  handler: Handler
  queue: WatchEvent[]
  /** Events of `queue` that were delivered. */
  delivered: number
  scheduled: boolean
}

/** Delivers events to handlers, each handler's in order, on a turn of the event loop of their own. */
export class Watchers {
  readonly #watchers = new Set<Watcher>()

  /** @returns function that ends the watch: the handler is not called any more */
  add(kind: GroupKind, initial: WatchEvent[], handler: Handler): () => void {
    const watcher: Watcher = { kind, handler, queue: initial, delivered: 0, scheduled: false }
    this.#watchers.add(watcher)
    this.#schedule(watcher)
    return () => void this.#watchers.delete(watcher)
  }

  publish(events: readonly WatchEvent[]): void {
    for (const watcher of this.#watchers) {
      for (const event of events) if (event.kind === watcher.kind) watcher.queue.push(event)
      this.#schedule(watcher)
    }
  }

  clear(): void {
    this.#watchers.clear()
  }

  #schedule(watcher: Watcher): void {
    if (watcher.scheduled || watcher.delivered === watcher.queue.length) return
    watcher.scheduled = true
    setImmediate(() => this.#deliver(watcher))
  }

  #deliver(watcher: Watcher): void {
    try {
      for (let n = 0; n < EVENTS_PER_TURN && this.#watchers.has(watcher); n++) {
        const event = watcher.queue[watcher.delivered]
        if (event === undefined) break
        watcher.delivered++
        watcher.handler(event)
      }
    } finally {
      // A handler that throws is a bug for the process to report; the events after it are delivered all the same.
      if (watcher.delivered === watcher.queue.length) {
        watcher.queue = []
        watcher.delivered = 0
      }
      watcher.scheduled = false
      if (this.#watchers.has(watcher)) this.#schedule(watcher)
    }
  }
}
