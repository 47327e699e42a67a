import { expect } from 'vitest'
import type { PoolPrefix } from '../../../src/allocation/ip-pool.ts'
import { IpPool } from '../../../src/allocation/ip-pool.ts'
import { networkIdOf, networkKeyOf } from '../../../src/allocation/lookups.ts'
import { sliceCapacity, sliceIndexOf } from '../../../src/allocation/port-range.ts'
import type { NATGateway, NetworkInterface } from '../../../src/api/index.ts'
import {
  IP_ADDRESS,
  keyOf,
  NAT_GATEWAY,
  NAT_TABLE,
  NETWORK,
  NETWORK_ID,
  NETWORK_INTERFACE,
} from '../../../src/api/index.ts'
import type { ResourceStore } from '../../../src/store/store.ts'

/** Where an interface's slice is, and all that may force it to move. */
export interface Place {
  gatewayUid: string
  portsPerSlice: number
  ip: string
  firstPort: number
  lastPort: number
  port: number
}

/** By uid of the interface. */
export function placesOf(store: ResourceStore): Map<string, Place> {
  const places = new Map<string, Place>()
  for (const { spec } of store.list(NAT_TABLE)) {
    for (const { port, targetRef } of spec.sections) {
      expect(places.has(targetRef.uid), `${targetRef.name} has two slices`).toBe(false)
      places.set(targetRef.uid, {
        gatewayUid: spec.gatewayRef.uid,
        portsPerSlice: spec.portsPerSlice,
        ip: spec.ip,
        firstPort: spec.ports.first,
        lastPort: spec.ports.last,
        port,
      })
    }
  }
  return places
}

/** At every moment: no port has two owners, and no port of an address is owned that the gateway has not claimed. */
export function expectNoOverlap(store: ResourceStore): void {
  const dealtFrom = new Set<string>()
  for (const { spec } of store.list(NAT_TABLE)) {
    expect(dealtFrom.has(spec.ip), `two tables of ${spec.ip}`).toBe(false)
    dealtFrom.add(spec.ip)
    expect(store.get(IP_ADDRESS, spec.ip)?.spec.claimRef.uid, `claim of ${spec.ip}`).toBe(spec.gatewayRef.uid)
    let end = spec.ports.first - 1
    for (const section of spec.sections) {
      expect(section.port).toBeGreaterThan(end)
      expect(sliceIndexOf(spec.ports, spec.portsPerSlice, section)).toBeDefined()
      end = section.endPort
    }
  }
}

/** Everything allocated has an owner that is there and knows of it. */
export function expectNoLeak(store: ResourceStore): void {
  const gateways = new Map(store.list(NAT_GATEWAY).map((gateway) => [gateway.metadata.uid, gateway]))
  const networks = new Map(store.list(NETWORK).map((network) => [network.metadata.uid, network]))
  for (const { metadata, spec } of store.list(IP_ADDRESS)) {
    const owner = gateways.get(spec.claimRef.uid)
    expect(owner?.status?.ips, `IPAddress ${metadata.name}`).toContainEqual({ name: spec.entryName, ip: spec.ip })
  }
  for (const { spec } of store.list(NAT_TABLE)) expect(gateways.has(spec.gatewayRef.uid)).toBe(true)
  for (const { metadata, spec } of store.list(NETWORK_ID)) {
    const owner = networks.get(spec.claimRef.uid)
    expect(owner && networkIdOf(store, owner), `NetworkID ${metadata.name}`).toBe(Number(metadata.name))
  }
  expect(store.list(NETWORK_ID)).toHaveLength(networks.size)
}

/** One gateway of a Network serves, counts right, takes no more than it needs, and lets nobody wait without need. */
export function expectGatewaysRight(store: ResourceStore, prefixes: PoolPrefix[]): void {
  const pool = new IpPool(prefixes)
  for (const network of store.list(NETWORK)) {
    const gateways = store.list(NAT_GATEWAY).filter((gateway) => networkKeyOf(gateway) === keyOf(network.metadata))
    const serving = gateways.filter((gateway) => conditionOf(gateway, 'Conflicted')?.status === 'False')
    expect(serving).toHaveLength(Math.min(1, gateways.length))
    for (const gateway of gateways) {
      if (!serving.includes(gateway)) expect(gateway.status?.ips).toEqual([])
    }
    for (const gateway of serving) expectGatewayRight(store, gateway, pool)
  }
}

function expectGatewayRight(store: ResourceStore, gateway: NATGateway, pool: IpPool): void {
  const { portsPerNetworkInterface } = gateway.spec
  const tables = store.list(NAT_TABLE).filter(({ spec }) => spec.gatewayRef.uid === gateway.metadata.uid)
  const capacities = tables.map(({ spec }) => sliceCapacity(spec.ports, portsPerNetworkInterface))
  const total = capacities.reduce((sum, capacity) => sum + capacity, 0)
  const used = tables.reduce((sum, { spec }) => sum + spec.sections.length, 0)
  const wanting = store
    .list(NETWORK_INTERFACE)
    .filter((each) => networkKeyOf(each) === networkKeyOf(gateway) && wants(each))
  const waiting = wanting.length - used
  const { status } = gateway
  expect(status?.slices).toEqual({ total, used, free: total - used, waiting })
  expect(status?.ips?.map(({ ip }) => ip).sort()).toEqual(tables.map(({ spec }) => spec.ip).sort())
  const isTaken = (ip: string): boolean => store.get(IP_ADDRESS, ip) !== undefined
  if (waiting > 0 || tables.length === 0) {
    expect(total - used).toBe(0)
    expect(pool.next(isTaken, portsPerNetworkInterface)).toBeUndefined()
  }
  const reason = tables.length === 0 ? 'NoPublicIP' : waiting > 0 ? 'PoolExhausted' : 'Ready'
  expect(conditionOf(gateway, 'Ready')?.reason).toBe(reason)
  const first = status?.ips?.[0]?.ip
  for (const [index, { spec }] of tables.entries()) {
    expect(pool.find(spec.ip)).toEqual({ ip: spec.ip, ports: spec.ports, shared: spec.shared })
    if (spec.sections.length > 0 || spec.ip === first) continue
    expect(total - capacities[index]!, `${spec.ip} is not needed`).toBeLessThan(wanting.length)
  }
  const places = placesOf(store)
  for (const each of wanting) {
    const ready = conditionOf(each, 'NATReady')
    const place = places.get(each.metadata.uid)
    const message = place && `${place.ip}:${place.port}-${place.port + portsPerNetworkInterface - 1}`
    if (place === undefined) expect(ready).toMatchObject({ status: 'False', reason: 'PoolExhausted' })
    else expect(ready).toMatchObject({ status: 'True', reason: 'SliceAssigned', message })
  }
}

/**
 * Of the interfaces with one address in one Network exactly one is accepted: who had it, as long as it is there.
 * @param before uids of who had each address. @returns who has it now
 */
export function expectAddressesRight(store: ResourceStore, before: ReadonlyMap<string, string>): Map<string, string> {
  const contests = new Map<string, NetworkInterface[]>()
  for (const each of store.list(NETWORK_INTERFACE)) {
    const name = `${networkKeyOf(each)} ${each.spec.ips[0]?.value}`
    contests.set(name, [...(contests.get(name) ?? []), each])
  }
  const holders = new Map<string, string>()
  for (const [name, rivals] of contests) {
    const winners = rivals.filter((each) => conditionOf(each, 'Accepted')?.status === 'True')
    expect(winners, name).toHaveLength(1)
    const { uid } = winners[0]!.metadata
    holders.set(name, uid)
    const former = rivals.find(({ metadata }) => metadata.uid === before.get(name))
    if (former !== undefined) expect(uid, `${name} was ${former.metadata.name}'s`).toBe(former.metadata.uid)
  }
  return holders
}

export function wants(each: NetworkInterface): boolean {
  return conditionOf(each, 'Accepted')?.status === 'True' && each.spec.virtualIP === undefined
}

function conditionOf(object: NATGateway | NetworkInterface, type: string) {
  return object.status?.conditions?.find((condition) => condition.type === type)
}
