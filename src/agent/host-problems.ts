import type { GatewayConfig } from '../config/config.ts'
import type { NatAddress } from '../config/host-address-problems.ts'
import type { Problem, ProblemReason } from '../problems/problem.ts'
import type { ProblemSink } from '../problems/problem-list.ts'
import type { HostSnapshot } from './host-network.ts'
import type { Link } from './netlink/model.ts'
import { isDeepStrictEqual } from 'node:util'
import { hostAddressProblems } from '../config/host-address-problems.ts'
import { localPortProblems, readLocalPorts } from '../config/local-ports.ts'

type Config = Pick<GatewayConfig, 'uplink' | 'private' | 'publicPrefixes'>

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
    const sameLinks = links === this.#links
    if (sameLinks && addresses === this.#addresses && isDeepStrictEqual(natAddresses, this.#natAddresses)) return
    this.#links = links
    this.#addresses = addresses
    this.#natAddresses = natAddresses
    if (!sameLinks) this.#problems.report('links', linkProblems(this.#config, [...links.values()]))
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

/** Devices of the configuration that are not there or have no link. */
export function linkProblems(config: Pick<Config, 'uplink' | 'private'>, links: readonly Link[]): Problem[] {
  const byName = new Map(links.map((link) => [link.name, link]))
  const uplink = problemOfLink(config.uplink.interface, byName.get(config.uplink.interface), {
    severity: 'error',
    consequence: 'nobody gets out',
  })
  const devices = config.private.map(({ interface: name }) =>
    problemOfLink(name, byName.get(name), {
      severity: 'warning',
      consequence: 'the machines behind it are not reached',
    }),
  )
  return [uplink, ...devices].filter((problem) => problem !== undefined)
}

function problemOfLink(
  name: string,
  link: Link | undefined,
  { severity, consequence }: { severity: Problem['severity']; consequence: string },
): Problem | undefined {
  const problem = (reason: ProblemReason, what: string, remedy: string): Problem => ({
    reason,
    severity,
    object: `device ${name}`,
    message: `${what}: ${consequence}`,
    remedy,
  })
  if (link === undefined) return problem('DeviceMissing', 'it does not exist', 'natgw attaches to it once it is there')
  if (!link.up) return problem('DeviceDown', 'it is set down', `ip link set ${name} up`)
  if (!link.carrier) return problem('NoCarrier', 'it has no link', 'check the cable, or the far end')
  return undefined
}
