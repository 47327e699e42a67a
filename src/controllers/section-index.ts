import { keyOf } from '../api/index.ts'
import type { NATTable, NATTableSection, ObjectKey } from '../api/index.ts'

/** A slice that is dealt: which gateway, which public address, which ports, to whom. */
export interface Slice {
  tableKey: ObjectKey
  gatewayUid: string
  publicIp: string
  section: NATTableSection
}

const NONE: readonly Slice[] = []

/** Slices by the uid of the interface that owns them: one each, unless tables were tampered with. */
export class SectionIndex {
  readonly #byOwner = new Map<string, readonly Slice[]>()

  /** @returns keys of the interfaces whose slice came, went or changed */
  replace(old: NATTable | undefined, present: NATTable | undefined): Set<ObjectKey> {
    const namespace = (present ?? old)?.metadata.namespace
    const before = slicesOf(old)
    const after = slicesOf(present)
    const owners = new Set<ObjectKey>()
    for (const [id, { section }] of before) {
      if (after.has(id)) continue
      const { uid, name } = section.targetRef
      const rest = this.of(uid).filter((slice) => identity(slice) !== id)
      if (rest.length === 0) this.#byOwner.delete(uid)
      else this.#byOwner.set(uid, rest)
      owners.add(`${namespace}/${name}`)
    }
    for (const [id, slice] of after) {
      if (before.has(id)) continue
      const { uid, name } = slice.section.targetRef
      this.#byOwner.set(uid, [...this.of(uid), slice])
      owners.add(`${namespace}/${name}`)
    }
    return owners
  }

  of(ownerUid: string): readonly Slice[] {
    return this.#byOwner.get(ownerUid) ?? NONE
  }
}

function slicesOf(table: NATTable | undefined): Map<string, Slice> {
  if (table === undefined) return new Map()
  const tableKey = keyOf(table.metadata)
  const { gatewayRef, ip: publicIp, sections } = table.spec
  const slices = sections.map((section): Slice => ({ tableKey, gatewayUid: gatewayRef.uid, publicIp, section }))
  return new Map(slices.map((slice) => [identity(slice), slice]))
}

function identity({ tableKey, gatewayUid, publicIp, section }: Slice): string {
  const { ip, port, endPort, targetRef } = section
  return `${tableKey} ${gatewayUid} ${publicIp}:${port}-${endPort} ${ip} ${targetRef.uid}`
}
