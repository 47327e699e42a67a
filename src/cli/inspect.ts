// What the inspecting commands show: the truth is in the pinned maps; names and status are in the state file.
import type { GroupKind, Resource } from '../api/index.ts'
import { isOfKind, NAT_GATEWAY, NETWORK_INTERFACE } from '../api/index.ts'
import { messageOf, NatGwError } from '../errors/errors.ts'
import type { PinnedDataplane } from '../kernel/pinned-maps.ts'
import { openPinnedDataplane } from '../kernel/pinned-maps.ts'
import { readSliceUse } from '../kernel/readers.ts'
import { asNativeFailure } from '../kernel/typed-map.ts'
import { formatIpv4 } from '../net/ipv4.ts'
import type { KnownProblems } from '../problems/published.ts'
import { readPublished } from '../problems/published.ts'
import { readStateFile } from '../store/read-state.ts'
import type { CliEnv } from './env.ts'
import type { InstanceInfo, InstanceOptions } from './instance.ts'
import { findInstance } from './instance.ts'
import { Owners } from './owners.ts'

export interface Inspection {
  info: InstanceInfo
  plane: PinnedDataplane
  /** Empty when the state file is unknown or cannot be read: names are missing then. */
  objects: readonly Resource[]
  /** Why names are missing. */
  namesMissing: string | undefined
  /** What the agent that runs, or ran last, published. */
  known: KnownProblems | undefined
}

/** Opens what there is of an instance, and closes it behind `body`. @throws ERR_NOT_LOADED, ERR_NO_ROOT */
export async function inspect<T>(
  env: CliEnv,
  options: InstanceOptions,
  body: (inspection: Inspection) => T | Promise<T>,
): Promise<T> {
  const info = await findInstance(env, options)
  const plane = withPrivileges(() => openPinnedDataplane(info.instance))
  try {
    const known = readPublished(info.runFolder.problemsPath)
    return await body({ info, plane, ...(await readObjects(info)), known })
  } catch (error) {
    throw asMissingPrivileges(error)
  } finally {
    plane.close()
  }
}

function withPrivileges<T>(body: () => T): T {
  try {
    return body()
  } catch (error) {
    throw asMissingPrivileges(error)
  }
}

/** @returns ERR_NO_ROOT where the kernel refused for lack of privileges, else the error itself */
function asMissingPrivileges(error: unknown): unknown {
  const failure = asNativeFailure(error)
  if (failure?.code !== 'EPERM' && failure?.code !== 'EACCES') return error
  const message =
    `the kernel does not let this process read the maps (${failure.message}): run natgw as root, or with ` +
    'CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN, and CAP_SYS_ADMIN for `natgw sessions`'
  return new NatGwError('ERR_NO_ROOT', message, {}, { cause: error })
}

async function readObjects({ stateFile }: InstanceInfo): Promise<Pick<Inspection, 'objects' | 'namesMissing'>> {
  const without = (namesMissing: string) => ({ objects: [], namesMissing })
  if (stateFile === undefined) return without('it is not known where the state is kept; give --config')
  try {
    const objects = await readStateFile(stateFile)
    return objects === undefined ? without(`there is no state file ${stateFile}`) : { objects, namesMissing: undefined }
  } catch (error) {
    return without(messageOf(error))
  }
}

export interface SliceRow {
  /** `namespace/name`, empty when unknown. */
  networkInterface: string
  gateway: string
  vni: number
  insideAddress: string
  publicAddress: string
  firstPort: number
  lastPort: number
  /** The inside next hop is resolved. */
  reachable: boolean
  /** Ports in use. */
  used: { tcp: number; udp: number; icmp: number }
  peak: { tcp: number; udp: number; icmp: number }
  /** New flows refused because it was full. */
  refused: number
  /** Sessions beyond the first of each mapping, and how many it may have at the moment. */
  sessions: number
  sessionsAllowed: number
}

export function sliceRows({ plane, objects }: Inspection): SliceRow[] {
  const owners = new Owners(objects)
  const uses = [...readSliceUse(plane.maps)]
  uses.sort((a, b) => a.publicAddress - b.publicAddress || a.firstPort - b.firstPort)
  return uses.map((use): SliceRow => {
    const publicAddress = formatIpv4(use.publicAddress)
    const owner = owners.of(publicAddress, use.firstPort)
    return {
      networkInterface: owner?.networkInterface ?? '',
      gateway: owner?.gateway ?? '',
      vni: use.vni,
      insideAddress: formatIpv4(use.insideAddress),
      publicAddress,
      firstPort: use.firstPort,
      lastPort: use.lastPort,
      reachable: use.reachable,
      used: { tcp: use.tcp.used, udp: use.udp.used, icmp: use.icmp.used },
      peak: { tcp: use.tcp.peak, udp: use.udp.peak, icmp: use.icmp.peak },
      refused: use.refused,
      sessions: use.sessions,
      sessionsAllowed: use.sessionsAllowed,
    }
  })
}

/** @returns why nobody has a slice, undefined when somebody has */
export function whyNoSlices({ plane, objects, info }: Inspection): string | undefined {
  if (readSliceUse(plane.maps).next().done !== true) return undefined
  const has = (kind: GroupKind) => objects.some((object) => isOfKind(object, kind))
  if (info.record === undefined) return 'nothing is configured, natgw run does that'
  if (!has(NAT_GATEWAY)) return 'no NATGateway is applied'
  if (!has(NETWORK_INTERFACE)) return 'no NetworkInterface is applied'
  return 'no NetworkInterface got one; natgw status says why'
}
