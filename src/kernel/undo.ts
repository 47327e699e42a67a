// Takes back a load that failed half-way, so that it leaves what was there before and nothing else.
import type { Attachments } from './attachments.ts'
import type { PinnedLink } from './pins.ts'
import { isBpffs, isPinned, pinnedLinks, removePins } from './pins.ts'

export class LoadUndo {
  readonly #instance: string
  readonly #pinned: boolean
  readonly #links: readonly PinnedLink[]

  /** To be made before anything is loaded. */
  constructor(instance: string) {
    this.#instance = instance
    this.#pinned = isBpffs() && isPinned(instance)
    this.#links = this.#pinned ? pinnedLinks(instance) : []
  }

  /** Detaches what was not attached before, and attaches again in its former mode what was. */
  async links(attachments: Attachments): Promise<void> {
    const before = new Map(this.#links.map((link) => [link.ifindex, link]))
    for (const { ifindex } of pinnedLinks(this.#instance)) if (!before.has(ifindex)) attachments.detach(ifindex)
    const now = new Map(pinnedLinks(this.#instance).map((link) => [link.ifindex, link]))
    for (const { ifindex, role, mode } of before.values()) {
      if (now.get(ifindex)?.mode === mode && now.get(ifindex)?.role === role) continue
      await attachments.attach({ ifindex, role, mode, device: `with ifindex ${ifindex}` }).catch(() => undefined)
    }
  }

  /** Removes the pins when there were none before and no device runs their programs. */
  pins(): void {
    if (!isBpffs() || this.#pinned || pinnedLinks(this.#instance).length > 0) return
    removePins(this.#instance)
  }
}
