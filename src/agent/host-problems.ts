import type { GatewayConfig } from '../config/config.ts'
import type { NatAddress } from '../config/host-address-problems.ts'
import type { ProblemSink } from '../problems/problem-list.ts'
import type { HostSnapshot } from './host-network.ts'
import { isDeepStrictEqual } from 'node:util'
import { hostAddressProblems } from '../config/host-address-problems.ts'
import { localPortProblems, readLocalPorts } from '../config/local-ports.ts'

type Config = Pick<GatewayConfig, 'publicPrefixes'>

/** Reports what the host's own configuration keeps from working. */
export class HostProblems {
  readonly #config: Config
  readonly #problems: ProblemSink
  #links: HostSnapshot['links'] | undefined
  #addresses: HostSnapshot['addresses'] | undefined
  #natAddresses: readonly NatAddress[] = []

  constructor(config: Config, problems: ProblemSink) {
    this.#config = config
    this.#problems = problems
  }

  /** To be called when links or addresses of the host, or addresses of NAT, may have changed. */
  update({ links, addresses }: HostSnapshot, natAddresses: readonly NatAddress[]): void {
    if (links === this.#links && addresses === this.#addresses && isDeepStrictEqual(natAddresses, this.#natAddresses))
      return
    this.#links = links
    this.#addresses = addresses
    this.#natAddresses = natAddresses
    const own = addresses
      .filter(({ family }) => family === 'IPv4')
      .map(({ address, ifindex }) => ({ address, device: links.get(ifindex)?.name ?? `device ${ifindex}` }))
    this.#problems.report('addresses', hostAddressProblems(this.#config.publicPrefixes, own, natAddresses))
  }

  /** Looks at what the kernel does not tell of by itself. */
  poll(): void {
    this.#problems.report('local ports', localPortProblems(this.#config.publicPrefixes, readLocalPorts()))
  }
}
