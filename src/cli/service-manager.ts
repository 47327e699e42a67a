// The service manager that started natgw, by the protocol of sd_notify(3).
import { messageOf } from '../errors/errors.ts'

/** Pings in the time after which the service manager takes natgw for hung. */
const PINGS_PER_TIMEOUT = 3

export interface ServiceManagerOptions {
  /** Sends one datagram to $NOTIFY_SOCKET. */
  send: (socket: string, message: string) => void
  /** Called once when the socket does not take a message. */
  onError: (message: string) => void
}

/** Tells the service manager what natgw does. Without one it does nothing. */
export class ServiceManager {
  readonly #socket: string | undefined
  readonly #watchdogMs: number | undefined
  readonly #options: ServiceManagerOptions
  #timer: NodeJS.Timeout | undefined
  #failed = false

  /** @param environment has NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID where there is one */
  constructor(environment: NodeJS.ProcessEnv, pid: number, options: ServiceManagerOptions) {
    this.#socket = environment.NOTIFY_SOCKET || undefined
    const { WATCHDOG_USEC: microseconds, WATCHDOG_PID: watched } = environment
    const ours = watched === undefined || Number(watched) === pid
    if (ours && microseconds !== undefined && Number(microseconds) > 0) this.#watchdogMs = Number(microseconds) / 1000
    this.#options = options
  }

  /** @param isAlive asked before each sign of life that the service manager waits for */
  ready(status: string, isAlive: () => boolean): void {
    this.#notify(`READY=1\nSTATUS=${status}`)
    if (this.#watchdogMs === undefined) return
    this.#timer = setInterval(() => {
      if (isAlive()) this.#notify('WATCHDOG=1')
    }, this.#watchdogMs / PINGS_PER_TIMEOUT)
  }

  /** To be followed by reloaded(). */
  reloading(): void {
    this.#notify(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`)
  }

  reloaded(): void {
    this.#notify('READY=1')
  }

  stopping(): void {
    clearInterval(this.#timer)
    this.#notify('STOPPING=1\nSTATUS=ending')
  }

  #notify(message: string): void {
    if (this.#socket === undefined) return
    try {
      this.#options.send(this.#socket, message)
      this.#failed = false
    } catch (error) {
      if (!this.#failed) this.#options.onError(`the service manager did not get ${message}: ${messageOf(error)}`)
      this.#failed = true
    }
  }
}
