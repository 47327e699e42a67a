import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { forwardingProblems, readForwarding } from '../checks/forwarding.ts'
import type { NatAddress } from '../checks/host-address-problems.ts'
import { hostAddressProblems } from '../checks/host-address-problems.ts'
import { localPortProblems, readLocalPorts } from '../checks/local-ports.ts'
import { sourceNatProblems, unreadableRules } from '../checks/source-nat.ts'
import type { GatewayConfig } from '../config/config.ts'
import type { HostSnapshot } from '../host/host-network.ts'
import type { Link } from '../host/network-objects.ts'
import { SourceNatRules } from '../host/nftables.ts'
import type { Logger } from '../log/logger.ts'
import { isIpv4 } from '../net/address.ts'
import type { Problem } from '../problems/problem.ts'
import type { ProblemSink } from '../problems/problem-list.ts'

type Config = Pick<GatewayConfig, 'publicPrefixes'>

/** Reports what the host's own configuration keeps from working. */
export class HostProblems {
  readonly #config: Config
  readonly #problems: ProblemSink
  readonly #log: Logger
  readonly #sourceNat = new SourceNatRules()
  #links: HostSnapshot['links'] | undefined
  #addresses: HostSnapshot['addresses'] | undefined
  #natAddresses: readonly NatAddress[] = []

  constructor(config: Config, problems: ProblemSink, log: Logger) {
    this.#config = config
    this.#log = log
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
      .filter(({ address }) => isIpv4(address))
      .map(({ address, ifindex }) => ({ address, device: links.get(ifindex)?.name ?? `device ${ifindex}` }))
    this.#problems.report('addresses', hostAddressProblems(this.#config.publicPrefixes, own, natAddresses))
  }

  /** Cheap enough for every few seconds. @param devices private ones that are there, by their present names */
  pollForwarding(devices: readonly string[]): void {
    this.#problems.report('forwarding', forwardingProblems(readForwarding(devices)))
  }

  /** Looks at what the kernel does not tell of by itself. */
  async poll(uplink: Link | undefined): Promise<void> {
    const { publicPrefixes } = this.#config
    if (!publicPrefixes.some(({ shared }) => shared)) return
    this.#problems.report('local ports', localPortProblems(publicPrefixes, readLocalPorts()))
    this.#problems.report('source nat', await this.#sourceNatProblems(uplink))
  }

  async #sourceNatProblems(uplink: Link | undefined): Promise<Problem[]> {
    const { publicPrefixes } = this.#config
    const legacy = hasLegacyNatTable() ? unreadableRules(publicPrefixes, 'iptables-legacy') : []
    if (uplink === undefined) return legacy
    try {
      return [...sourceNatProblems(publicPrefixes, await this.#sourceNat.list(uplink)), ...legacy]
    } catch (error) {
      this.#log.debug({ err: error }, 'rules of nftables could not be read')
      return [...unreadableRules(publicPrefixes, 'nftables'), ...legacy]
    }
  }
}

/** Of iptables-legacy, whose rules are not in nf_tables. */
function hasLegacyNatTable(): boolean {
  try {
    return readFileSync('/proc/net/ip_tables_names', 'utf8').split('\n').includes('nat')
  } catch {
    return false
  }
}
