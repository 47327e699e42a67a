// What the inspecting commands show: the truth is in the pinned maps; names and status are in the state file.
import type { NATGateway, Resource } from '../api/index.ts'
import { pinnedLinks } from '../dataplane/pins.ts'
import type { LinkRole, XdpMode } from '../dataplane/pins.ts'
import { openPinnedDataplane } from '../dataplane/pinned-maps.ts'
import type { PinnedDataplane } from '../dataplane/pinned-maps.ts'
import { readSliceUse } from '../dataplane/readers.ts'
import { messageOf } from '../errors/errors.ts'
import { formatIpv4 } from '../net/ipv4.ts'
import { readStateFile } from '../store/read-state.ts'
import { listHost } from '../agent/list-host.ts'
import { findInstance } from './instance.ts'
import { troublesOf } from './troubles.ts'
import type { Trouble } from './troubles.ts'
import type { InstanceInfo, InstanceOptions } from './instance.ts'

export interface Inspection {
  info: InstanceInfo
  plane: PinnedDataplane
  /** Empty when the state file is unknown or cannot be read: names are missing then. */
  objects: readonly Resource[]
}

/** Opens what there is of an instance, and closes it behind `body`. @throws ERR_NOT_LOADED */
export async function inspect<T>(options: InstanceOptions, body: (inspection: Inspection) => T): Promise<T> {
  const info = await findInstance(options)
  const plane = openPinnedDataplane(info.instance)
  try {
    return body({ info, plane, objects: await readObjects(info) })
  } finally {
    plane.close()
  }
}

async function readObjects({ stateFile }: InstanceInfo): Promise<readonly Resource[]> {
  if (stateFile === undefined) return []
  try {
    return (await readStateFile(stateFile)) ?? []
  } catch (error) {
    process.stderr.write(`names are missing: ${messageOf(error)}\n`)
    return []
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
}

export function sliceRows({ plane, objects }: Inspection): SliceRow[] {
  const owners = sectionOwners(objects)
  const rows = Array.from(readSliceUse(plane.maps), (use): SliceRow => {
    const publicAddress = formatIpv4(use.publicAddress)
    const owner = owners.get(`${publicAddress}:${use.firstPort}`)
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
    }
  })
  return rows.sort(
    (a, b) => a.publicAddress.localeCompare(b.publicAddress, 'en', { numeric: true }) || a.firstPort - b.firstPort,
  )
}

function sectionOwners(objects: readonly Resource[]): Map<string, { gateway: string; networkInterface: string }> {
  const owners = new Map<string, { gateway: string; networkInterface: string }>()
  for (const object of objects) {
    if (object.kind !== 'NATTable') continue
    const namespace = object.metadata.namespace ?? ''
    for (const { port, targetRef } of object.spec.sections) {
      owners.set(`${object.spec.ip}:${port}`, {
        gateway: `${namespace}/${object.spec.gatewayRef.name}`,
        networkInterface: `${namespace}/${targetRef.name}`,
      })
    }
  }
  return owners
}

export interface GatewayRow {
  name: string
  network: string
  ips: { name: string; ip: string }[]
  portsPerNetworkInterface: number
  slices: { total: number; used: number; free: number; waiting: number }
  /** Ports in use and free in the slices that are given out; of the busiest protocol. */
  ports: { used: number; free: number }
  ready: { status: string; reason: string; message: string }
}

export interface StatusView {
  instance: string
  agent: { running: boolean; pid?: number }
  devices: { device: string; ifindex: number; role: LinkRole; mode: XdpMode }[]
  gateways: GatewayRow[]
  troubles: Trouble[]
}

export function statusView(inspection: Inspection): StatusView {
  const { info, objects } = inspection
  const links = new Map(listHost().links.map(({ ifindex, name }) => [ifindex, name]))
  const slices = sliceRows(inspection)
  return {
    instance: info.instance,
    agent:
      info.running && info.record !== undefined ? { running: true, pid: info.record.pid } : { running: info.running },
    devices: pinnedLinks(info.instance).map(({ ifindex, role, mode }) => ({
      device: links.get(ifindex) ?? `(ifindex ${ifindex}, gone)`,
      ifindex,
      role,
      mode,
    })),
    gateways: objects.filter((object) => object.kind === 'NATGateway').map((gateway) => gatewayRow(gateway, slices)),
    troubles: troublesOf(objects),
  }
}

function gatewayRow(gateway: NATGateway, slices: SliceRow[]): GatewayRow {
  const { metadata, spec, status } = gateway
  const name = `${metadata.namespace ?? ''}/${metadata.name}`
  const own = slices.filter((row) => row.gateway === name)
  const used = own.reduce((sum, { used: { tcp, udp, icmp } }) => sum + Math.max(tcp, udp, icmp), 0)
  const held = own.reduce((sum, { firstPort, lastPort }) => sum + lastPort - firstPort + 1, 0)
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  return {
    name,
    network: spec.networkRef.name,
    ips: status?.ips ?? [],
    portsPerNetworkInterface: spec.portsPerNetworkInterface,
    slices: status?.slices ?? { total: 0, used: 0, free: 0, waiting: 0 },
    ports: { used, free: held - used },
    ready: { status: ready?.status ?? 'Unknown', reason: ready?.reason ?? '', message: ready?.message ?? '' },
  }
}
