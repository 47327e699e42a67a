// What `natgw status` shows: what the maps, the objects and the agent say, and all problems together.
import type { NATGateway } from '../api/index.ts'
import { isOfKind, NAT_GATEWAY } from '../api/index.ts'
import { listHost } from '../host/rtnetlink.ts'
import type { AddressRow } from './address-rows.ts'
import { addressRows } from './address-rows.ts'
import type { ShownProblem } from './all-problems.ts'
import { allProblems } from './all-problems.ts'
import type { DeviceRow } from './device-rows.ts'
import { deviceRows } from './device-rows.ts'
import type { Inspection, SliceRow } from './inspect.ts'
import { sliceRows } from './inspect.ts'

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
  /** How long ago an agent last said what it knows; absent when none did since the last boot. */
  knownSecondsAgo?: number
  devices: DeviceRow[]
  addresses: AddressRow[]
  gateways: GatewayRow[]
  problems: ShownProblem[]
  /** Problems of the agent's that are not in the list, since they are too many. */
  omittedProblems: number
}

export function statusView(inspection: Inspection): StatusView {
  const { info, plane, objects, known } = inspection
  const slices = sliceRows(inspection)
  const { links, addresses } = listHost()
  const devices = deviceRows(info.instance, links)
  const uplinkAttached = devices.some(({ role, attached }) => role === 'uplink' && attached)
  return {
    instance: info.instance,
    agent:
      info.running && info.record !== undefined ? { running: true, pid: info.record.pid } : { running: info.running },
    ...(known?.ageSeconds === undefined ? {} : { knownSecondsAgo: known.ageSeconds }),
    devices,
    addresses: addressRows(plane.maps, new Set(addresses.map(({ address }) => address)), uplinkAttached),
    gateways: objects.filter((object) => isOfKind(object, NAT_GATEWAY)).map((gateway) => gatewayRow(gateway, slices)),
    problems: allProblems(inspection, slices, devices),
    omittedProblems: known?.omitted ?? 0,
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
