import type { NATTable, NATTableSection, ObjectKey } from '../../api/index.ts'
import { keyOf } from '../../api/index.ts'

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

  /** @returns the interfaces whose slice came, went or changed: by the name and by the uid the sections say */
  replace(old: NATTable | undefined, present: NATTable | undefined): { owners: Set<ObjectKey>; uids: Set<string> } {
    const namespace = (present ?? old)?.metadata.namespace
    const [before, after] = differing(old, present)
    const owners = new Set<ObjectKey>()
    const uids = new Set<string>()
    for (const [id, { section }] of before) {
      if (after.has(id)) continue
      const { uid, name } = section.targetRef
      const rest = this.of(uid).filter((slice) => identity(slice) !== id)
      if (rest.length === 0) this.#byOwner.delete(uid)
      else this.#byOwner.set(uid, rest)
      owners.add(`${namespace}/${name}`)
      uids.add(uid)
    }
    for (const [id, slice] of after) {
      if (before.has(id)) continue
      const { uid, name } = slice.section.targetRef
      this.#byOwner.set(uid, [...this.of(uid), slice])
      owners.add(`${namespace}/${name}`)
      uids.add(uid)
    }
    return { owners, uids }
  }

  of(ownerUid: string): readonly Slice[] {
    return this.#byOwner.get(ownerUid) ?? NONE
  }
}

/**
 * Slices by identity, those of the old table and those of the new. Sections that are one object in both are left out,
 * since stores share what has not changed; unless their owner has others, which may say the same.
 */
function differing(old: NATTable | undefined, present: NATTable | undefined): [Map<string, Slice>, Map<string, Slice>] {
  const sameTable = old?.spec.gatewayRef.uid === present?.spec.gatewayRef.uid && old?.spec.ip === present?.spec.ip
  if (old === undefined || present === undefined || !sameTable) return [slicesOf(old), slicesOf(present)]
  const was = new Set(old.spec.sections)
  const is = new Set(present.spec.sections)
  const gone = old.spec.sections.filter((section) => !is.has(section))
  const come = present.spec.sections.filter((section) => !was.has(section))
  const stay = new Set(old.spec.sections.flatMap((section) => (is.has(section) ? section.targetRef.uid : [])))
  const isMixed = [...gone, ...come].some(({ targetRef }) => stay.has(targetRef.uid))
  return isMixed ? [slicesOf(old), slicesOf(present)] : [slicesOf(old, gone), slicesOf(present, come)]
}

function slicesOf(
  table: NATTable | undefined,
  sections: readonly NATTableSection[] = table?.spec.sections ?? [],
): Map<string, Slice> {
  if (table === undefined) return new Map()
  const tableKey = keyOf(table.metadata)
  const { gatewayRef, ip: publicIp } = table.spec
  const slices = sections.map((section): Slice => ({ tableKey, gatewayUid: gatewayRef.uid, publicIp, section }))
  return new Map(slices.map((slice) => [identity(slice), slice]))
}

function identity({ tableKey, gatewayUid, publicIp, section }: Slice): string {
  const { ip, port, endPort, targetRef } = section
  return `${tableKey} ${gatewayUid} ${publicIp}:${port}-${endPort} ${ip} ${targetRef.uid}`
}
