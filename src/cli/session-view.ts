// A session as `natgw sessions` shows it, and which of them it shows.
import { NatGwError } from '../errors/errors.ts'
import type { SessionRow } from '../kernel/session-reader.ts'
import { ipv4Address } from '../net/address.ts'
import type { Prefix } from '../net/cidr.ts'
import { cidrProblem, containsAddress, parseCidr } from '../net/cidr.ts'
import { formatIpv4 } from '../net/ipv4.ts'
import type { Owners } from './owners.ts'

export interface SessionView {
  protocol: string
  /** `namespace/name`, empty when unknown. */
  networkInterface: string
  gateway: string
  vni: number
  /** `address:port`; of ICMP the port is the echo identifier. */
  inside: string
  public: string
  /** Without a port for ICMP. */
  remote: string
  /** Of TCP; empty for the others. */
  state: string
  ageSeconds: number
  expiresInSeconds: number
  out: { packets: number; bytes: number }
  in: { packets: number; bytes: number }
}

export interface SessionFilters {
  /** `name` or `namespace/name` of a NetworkInterface. */
  interface?: string
  /** `address`, `prefix/length` or `address:port`. */
  remote?: string
  public?: string
  proto?: string
}

/** Sessions that pass every filter, as they are read. @throws ERR_USAGE for a filter that cannot be one, at once */
export function sessionViews(
  rows: Iterable<SessionRow>,
  owners: Owners,
  filters: SessionFilters,
): Iterable<SessionView> {
  const remote = endpointFilter('--remote', filters.remote)
  const publicEnd = endpointFilter('--public', filters.public)
  const ofInterface = interfaceFilter(filters.interface)
  return (function* () {
    for (const row of rows) {
      if (filters.proto !== undefined && row.protocol !== filters.proto) continue
      if (!remote(row.remoteAddress, row.remotePort) || !publicEnd(row.publicAddress, row.publicPort)) continue
      const view = viewOf(row, owners)
      if (ofInterface(view.networkInterface)) yield view
    }
  })()
}

function viewOf(row: SessionRow, owners: Owners): SessionView {
  const publicAddress = formatIpv4(row.publicAddress)
  const owner = owners.of(publicAddress, row.publicPort)
  const remote = formatIpv4(row.remoteAddress)
  return {
    protocol: row.protocol,
    networkInterface: owner?.networkInterface ?? '',
    gateway: owner?.gateway ?? '',
    vni: row.vni,
    inside: `${formatIpv4(row.insideAddress)}:${row.insidePort}`,
    public: `${publicAddress}:${row.publicPort}`,
    remote: row.protocol === 'icmp' ? remote : `${remote}:${row.remotePort}`,
    state: row.state === 'none' ? '' : row.state,
    ageSeconds: row.ageSeconds,
    expiresInSeconds: row.expiresInSeconds,
    out: { packets: row.outPackets, bytes: row.outBytes },
    in: { packets: row.inPackets, bytes: row.inBytes },
  }
}

function interfaceFilter(text: string | undefined): (name: string) => boolean {
  if (text === undefined) return () => true
  return text.includes('/') ? (name) => name === text : (name) => name.endsWith(`/${text}`)
}

function endpointFilter(option: string, text: string | undefined): (address: number, port: number) => boolean {
  if (text === undefined) return () => true
  const [, address = '', port] = /^([^:]*)(?::([0-9]{1,5}))?$/.exec(text) ?? []
  const cidr = address.includes('/') ? address : `${address}/32`
  const wrong = cidrProblem(cidr)
  const portNumber = port === undefined ? undefined : Number(port)
  if (wrong !== undefined || (portNumber ?? 0) > 65_535) {
    const message = `${option} ${JSON.stringify(text)}: an address, prefix or address:port is expected, like 192.0.2.1, 192.0.2.0/24 or 192.0.2.1:443`
    throw new NatGwError('ERR_USAGE', message, { option, value: text })
  }
  const prefix: Prefix = parseCidr(cidr)
  return (each, eachPort) =>
    containsAddress(prefix, ipv4Address(each)) && (portNumber === undefined || eachPort === portNumber)
}
