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
