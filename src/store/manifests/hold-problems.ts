import { idOfText, manifestName } from '../../api/index.ts'
import type { Hold, RemovalTimes } from './absence.ts'
import { ALLOW_EMPTY } from './list-folder.ts'
import type { ManifestProblem } from './problem.ts'

/** Objects that a message names: there can be any number. */
const NAMED = 3

/** What a user is told of objects that are in no manifest and are not deleted yet. */
export function holdProblem(hold: Hold, folder: string, times: RemovalTimes): ManifestProblem {
  // What ends by itself is worth a look, no more.
  const isLasting = hold.reason === 'unreadable' || hold.reason === 'empty' || hold.reason === 'unread'
  return { ...describeHold(hold, folder, times), severity: isLasting ? 'error' : 'warning' }
}

function describeHold(hold: Hold, folder: string, times: RemovalTimes): ManifestProblem {
  const code = 'ERR_MANIFEST_REMOVAL'
  const names = namesOf(hold.objects)
  const later = `deleted ${times.doubt / 1000} s after that was seen`
  const back = 'put them back to keep them; where they are to go, nothing is to be done'
  switch (hold.reason) {
    case 'unreadable':
      return { code, message: `nothing is deleted while the folder cannot be read: ${names}`, remedy: 'put it back' }
    case 'empty': {
      const message = `the folder of manifests ${folder} has no manifest any more; all objects stay: ${names}`
      const remedy = `put the manifests back; to delete all objects, make an empty file ${ALLOW_EMPTY} in it`
      return { code, message, remedy }
    }
    case 'unread': {
      const message = `may describe objects that no other manifest does, so none is deleted: ${names}`
      return { code, file: hold.file, message, remedy: 'correct it, or remove it from the folder' }
    }
    case 'cutOff': {
      const message = `became shorter at its end and lost ${names}, which may be written yet; ${later}`
      return { code, file: hold.file, message, remedy: back }
    }
    case 'replaced':
      return {
        code,
        message: `the folder of manifests ${folder} is new to this natgw and lacks ${names}; ${later}`,
        remedy: back,
      }
    case 'most':
      return {
        code,
        message: `more than half of all objects are in no manifest any more: ${names}; ${later}`,
        remedy: back,
      }
    case 'restless': {
      const message = `objects in no manifest are deleted once the folder of manifests ${folder} is quiet: ${names}`
      return { code, message, remedy: 'finish writing to it' }
    }
  }
}

/** @param objects by `idText` */
export function namesOf(objects: readonly string[]): string {
  const more = objects.length - NAMED
  const named = objects.slice(0, NAMED).map((text) => manifestName(idOfText(text)))
  return named.join(', ') + (more > 0 ? ` and ${more} more` : '')
}
