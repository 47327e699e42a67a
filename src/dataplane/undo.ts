// Takes back a load that failed half-way, so that it leaves what was there before and nothing else.
import type { Attachments } from './attachments.ts'
import { isBpffs, LAYOUT, listLayouts, pinnedLinks, removeEmptyFolders, removeLayout } from './pins.ts'
import type { PinnedLink } from './pins.ts'

export class LoadUndo {
  readonly #instance: string
  readonly #layouts: readonly string[]
  readonly #links: readonly PinnedLink[]

  /** To be made before anything is loaded. */
  constructor(instance: string) {
    this.#instance = instance
    this.#layouts = isBpffs() ? listLayouts(instance) : []
    this.#links = this.#layouts.flatMap((layout) => pinnedLinks(instance, layout))
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

  /** Removes the pins of this build's layout when there were none before and no device runs their programs. */
  pins(): void {
    if (!isBpffs() || this.#layouts.includes(LAYOUT) || !listLayouts(this.#instance).includes(LAYOUT)) return
    if (pinnedLinks(this.#instance).length > 0) return
    removeLayout(this.#instance, LAYOUT)
    removeEmptyFolders(this.#instance)
  }
}
