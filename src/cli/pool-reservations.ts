import { isDeepStrictEqual } from 'node:util'
import type { IpPool } from '../allocation/ip-pool.ts'
import type { GatewayConfig } from '../config/config.ts'
import { messageOf, NatGwError } from '../errors/errors.ts'
import type { HostSnapshot } from '../host/host-network.ts'
import type { Logger } from '../log/logger.ts'
import { hostPrefix } from '../net/cidr.ts'
import type { ProblemSink } from '../problems/problem-list.ts'
import { leftOutNotes, reservedOnHost } from './examine-host.ts'

export interface PoolReservationsOptions {
  config: GatewayConfig
  pool: IpPool
  problems: ProblemSink
  log: Logger
}

/** Keeps out of the pool what the host needs for itself, as the host changes. What NAT has of it stays where it is. */
export class PoolReservations {
  readonly #options: PoolReservationsOptions
  #notes: string[]
  /** Called when there are other addresses to give out. */
  onChange: () => void = () => undefined

  /** @param notes what the start logged */
  constructor(options: PoolReservationsOptions, notes: string[]) {
    this.#options = options
    this.#notes = notes
  }

  update({ links, addresses, routes }: Pick<HostSnapshot, 'links' | 'addresses' | 'routes'>): void {
    const { config, pool, problems, log } = this.#options
    try {
      const reserved = reservedOnHost(config, {
        links: [...links.values()],
        addresses: [...addresses],
        routes: [...routes],
      })
      problems.report('public prefixes', [])
      const notes = leftOutNotes(config, reserved)
      if (isDeepStrictEqual(notes, this.#notes)) return
      this.#notes = notes
      for (const note of notes) log.info({}, note)
      pool.reserve(reserved.map(hostPrefix))
      this.onChange()
    } catch (error) {
      if (!(error instanceof NatGwError)) throw error
      const object = 'publicPrefixes'
      const remedy = 'take the subnet off the private device, or give other public addresses'
      problems.report('public prefixes', [
        { reason: error.code, severity: 'error', object, message: messageOf(error), remedy },
      ])
    }
  }
}
