// The one place where what nobody foresaw ends: a line of the log, and the end of the process.
import type { Logger } from 'pino'
import { messageOf } from '../errors/errors.ts'
import { exitNow } from '../native/load-native.ts'

/** Exit status for a fault in natgw itself (EX_SOFTWARE). A service manager starts it again; traffic goes on meanwhile. */
export const EXIT_UNEXPECTED = 70

/** @param log writes synchronously: nothing runs after it */
export function endOn(log: Logger, error: unknown): never {
  log.fatal(
    { err: error },
    `unexpected, please report it: ${messageOf(error)}; XDP programs stay attached and keep translating; start natgw again`,
  )
  return exitNow(EXIT_UNEXPECTED)
}

/** From here on nothing that is thrown unseen ends outside of the log. */
export function endOnUnexpected(log: Logger): void {
  process.on('uncaughtException', (error) => endOn(log, error))
  process.on('unhandledRejection', (reason) => endOn(log, reason))
}
