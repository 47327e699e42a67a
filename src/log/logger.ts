import { NatGwError } from '../errors/errors.ts'

/** The part of pino's interface that is used. Fields are for programs, the message for people. */
export interface Logger {
  /** What helps to find a fault in natgw itself. */
  debug(fields: object, message: string): void
  /** What happened. */
  info(fields: object, message: string): void
  /** What a person should look at; the gateway goes on. */
  warn(fields: object, message: string): void
  /** What did not work. */
  error(fields: object, message: string): void
}

/**
 * What went wrong, apart from which object it went wrong for: of an error of ours its code, errno, path and map, of any
 * other where it was thrown.
 */
export function causeOf(error: unknown): string {
  if (error instanceof NatGwError) {
    const { errno, path, map } = error.details
    return [error.code, errno, path, map].filter((part) => typeof part === 'string').join(' ')
  }
  if (!(error instanceof Error)) return String(error)
  const place = error.stack?.split('\n').find((line) => line.startsWith('    at '))
  return `${error.name} ${place?.trim() ?? error.message}`
}
