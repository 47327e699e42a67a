import { isDeepStrictEqual } from 'node:util'
import type { NATGateway, Network, NetworkInterface } from '../../api/index.ts'
import { groupKindOf, keyOf } from '../../api/index.ts'
import { isError } from '../../errors/errors.ts'
import type { ResourceStore } from '../../store/store.ts'

type WithStatus = Network | NetworkInterface | NATGateway

const ATTEMPTS = 10

/**
 * Read, change, write; once more when somebody else wrote in between. Writes nothing where nothing differs, and nothing
 * onto another object that has taken the name.
 *
 * @returns the object as written; undefined where nothing was
 * @throws ERR_CONFLICT when others win every time
 */
export async function writeStatus<T extends WithStatus>(
  store: ResourceStore,
  target: T,
  change: (present: T) => NonNullable<T['status']>,
): Promise<T | undefined> {
  const key = keyOf(target.metadata)
  const kind = groupKindOf<WithStatus>(target)
  let present = store.get(kind, key) as T | undefined
  for (let attempt = 1; ; attempt++) {
    if (present?.metadata.uid !== target.metadata.uid) return undefined
    const status = change(present)
    if (isDeepStrictEqual(present.status, status)) return undefined
    try {
      return await store.updateStatus<T>({ ...present, status })
    } catch (error) {
      if (isError(error, 'ERR_NOT_FOUND')) return undefined
      if (!isError(error, 'ERR_CONFLICT') || attempt === ATTEMPTS) throw error
      // The cache may not show for a while what the other has written.
      present = (await store.getLive(kind, key)) as T | undefined
    }
  }
}

/** Names of objects for a message: the first few, and how many more there are. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ')
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown
}

/** `1 slice`, `2 slices`. */
export function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${number} ${number === 1 ? singular : plural}`
}
