import { isDeepStrictEqual } from 'node:util'
import type { ObjectKey } from '../api/index.ts'
import type { GatewayConfig } from '../config/config.ts'
import type { DesiredInterface, DesiredState } from '../dataplane/desired-state.ts'
import type { Affected } from '../dataplane/sync-failure.ts'
import type { HostChange, HostSnapshot } from '../host/host-network.ts'
import type { Link, NeighbourKey, Route } from '../host/network-objects.ts'
import { neighbourOfKey } from '../host/network-objects.ts'
import type { Address } from '../net/address.ts'
import { isIpv4 } from '../net/address.ts'
import { parseCidr } from '../net/cidr.ts'
import { parseMac } from '../net/mac.ts'
import type { Problem } from '../problems/problem.ts'
import { AddressHolders } from './address-holders.ts'
import type { BoundDevice } from './device-binding.ts'
import { DeviceBinding } from './device-binding.ts'
import type { PrivateSide } from './device-choice.ts'
import { hostAddresses } from './host-addresses.ts'
import { InterfaceResults } from './interface-results.ts'
import { interfaceResult } from './interfaces.ts'
import type { AgentEvent } from './objects.ts'
import { ObjectIndex } from './objects.ts'
import type { ProgrammedState } from './record.ts'
import type { InterfaceRecord, SliceAssignment } from './record.ts'
import { NOTHING } from './record.ts'
import { routeProblems } from './route-problems.ts'
import { RouteTable } from './route-table.ts'
import type { UplinkState } from './uplink.ts'
import { uplinkState } from './uplink.ts'

/** What the programs read of the configuration at every packet; it may change at any time. */
export type FlowConfig = Pick<GatewayConfig, 'timers' | 'udpRefresh' | 'perInterface'>

export type DesiredConfig = Pick<GatewayConfig, 'uplink' | 'private'> & FlowConfig

const NO_MAC = new Uint8Array(6)

/** A desired state, and what else follows from the same facts. */
export interface Built {
  state: DesiredState
  /** NetworkInterfaces looked at since the last build: their condition may have changed, or their object. */
  touched: Iterable<ObjectKey>
  /** Inside next hops, by neighbourKey, that the kernel should begin or cease to keep resolved. */
  insideNeighbours: { added: readonly NeighbourKey[]; removed: readonly NeighbourKey[] }
  /** Neighbours on the uplink that are next hops, by neighbourKey. */
  uplinkNeighbours: readonly NeighbourKey[]
}

/**
 * (objects, host, configuration) → desired state. Invariant: the result equals a computation from nothing. What is kept
 * between builds saves work: only interfaces that a change concerns are computed again, and an entry that did not change
 * stays the same object.
 */
export class DesiredModel {
  readonly #config: DesiredConfig
  #flows: FlowConfig
  readonly #binding: DeviceBinding
  readonly #objects = new ObjectIndex()
  readonly #results = new InterfaceResults()
  readonly #holders = new AddressHolders()
  #host: HostSnapshot
  /** Of neighbours, by neighbourKey, as of the last setHost. */
  readonly #macs: Map<NeighbourKey, Uint8Array>
  #sides: PrivateSide[] = []
  #sidesOfNetwork = new Map<ObjectKey, PrivateSide[]>()
  #failures: ReadonlyMap<string, string> = new Map()
  #privateRoutes: Route[] = []
  #routeTable = new RouteTable([])
  #uplink: UplinkState | undefined
  #hostAddresses: { list: DesiredState['hostAddresses']; natOnly: Set<Address> } | undefined

  constructor(config: DesiredConfig, host: HostSnapshot) {
    this.#config = config
    this.#flows = config
    this.#host = host
    this.#binding = new DeviceBinding(config)
    this.#binding.follow(host.links)
    this.#macs = new Map([...host.neighbours].flatMap(([key, { mac }]) => (mac === undefined ? [] : [[key, mac]])))
    this.#readSides()
  }

  apply(event: AgentEvent): void {
    this.#objects.apply(event)
  }

  /** The next build has it. */
  setFlowConfig(config: FlowConfig): void {
    this.#flows = config
  }

  /** @param change what differs from the host of the last call */
  setHost(host: HostSnapshot, change: HostChange): void {
    this.#host = host
    if (change.links) this.#binding.follow(host.links)
    if (change.links || change.routes) {
      this.#uplink = undefined
      this.#readSides()
    }
    if (change.addresses) this.#hostAddresses = undefined
    const uplink = this.uplink()?.ifindex
    for (const key of change.neighbours) {
      const { ifindex, address } = neighbourOfKey(key)
      if (ifindex === uplink && isIpv4(address)) this.#uplink = undefined
      // Results depend on the MAC of a neighbour alone, and 100,000 interfaces may be behind one neighbour.
      const mac = host.neighbours.get(key)?.mac
      if (mac === this.#macs.get(key)) continue
      if (mac === undefined) this.#macs.delete(key)
      else this.#macs.set(key, mac)
      this.#objects.mark(this.#results.watchersOf(key))
    }
  }

  /** @param failures by name of a private device: why its traffic is not translated. @returns whether they are others than before */
  setFailures(failures: ReadonlyMap<string, string>): boolean {
    if (isDeepStrictEqual(failures, this.#failures)) return false
    this.#failures = failures
    this.#readSides()
    return true
  }

  /** What is to be said about a NetworkInterface; undefined when it has no slice here. */
  programmedState(key: ObjectKey): ProgrammedState | undefined {
    return this.#objects.get(key)?.result.programmed
  }

  /** Keys of the interfaces with a slice that a failure concerns. */
  interfacesOf(affects: Affected): ObjectKey[] {
    switch (affects.scope) {
      case 'interface':
        return [affects.name]
      case 'inside-address': {
        const holder = this.#holders.holder(affects.vni, affects.address)
        return holder === undefined || this.programmedState(holder) === undefined ? [] : [holder]
      }
      case 'device':
        return this.#served(({ owner }) => owner.kind === 'local' && owner.ifindex === affects.ifindex)
      case 'public-address':
        return this.#served(({ slice }) => slice?.publicAddress === affects.address)
      case 'every-interface':
        return this.#served(() => true)
      case 'no-interface':
        return []
    }
  }

  /** All public addresses with slices. */
  publicAddresses(): { address: Address; shared: boolean }[] {
    return this.#objects.publicAddresses()
  }

  /** Whether its Network has a device here. */
  isLocal(key: ObjectKey): boolean {
    return this.#sidesOfNetwork.has(this.#objects.get(key)?.network ?? '')
  }

  build(): Built {
    const touched = this.#objects.takeReported()
    // An accepted interface comes before one that is not: its rivals may lose the address.
    for (const key of touched) {
      const record = this.#objects.get(key)
      if (record !== undefined) this.#objects.mark(this.#holders.rivals(record))
    }
    // When an address changes hands, the other interfaces that want it are computed in the next round.
    for (let dirty = this.#objects.takeDirty(); dirty.length > 0; dirty = this.#objects.takeDirty()) {
      for (const record of dirty) {
        touched.push(record.key)
        this.#compute(record)
      }
    }
    this.#uplink ??= uplinkState(
      this.#host.routes,
      this.#host.neighbours,
      this.uplink(),
      new Set(this.#sides.flatMap(({ link }) => (link ? [link.ifindex] : []))),
    )
    return {
      state: this.#state(this.#uplink),
      touched,
      insideNeighbours: this.#results.takeWants(),
      uplinkNeighbours: this.#uplink.neighbours,
    }
  }

  #state({ nextHops, routes }: UplinkState): DesiredState {
    const uplink = this.uplink()
    return {
      settings: {
        enabled: true,
        uplinkIfindex: uplink?.ifindex ?? 0,
        uplinkMac: uplink?.mac ?? NO_MAC,
        timers: this.#flows.timers,
        udpRefresh: this.#flows.udpRefresh,
        perInterface: this.#flows.perInterface,
      },
      devices: this.#devices(uplink),
      ...this.#results.entries(),
      addresses: this.#objects.tableAddresses(this.#results.tablesInUse()),
      nextHops,
      routes,
      hostAddresses: this.#hostAddressList(),
    }
  }

  #devices(uplink: Link | undefined): DesiredState['devices'] {
    const devices = this.#sides.flatMap(({ link, network, macs }) => {
      const vni = this.#objects.vniOf(network)
      return link === undefined || vni === undefined ? [] : [{ ifindex: link.ifindex, vni, macs: [link.mac, ...macs] }]
    })
    if (uplink === undefined) return devices
    const macs = [uplink.mac, ...this.#config.uplink.macs.map(parseMac)]
    return [...devices, { ifindex: uplink.ifindex, vni: 0, macs }]
  }

  #compute(record: InterfaceRecord): void {
    const { key, object, addresses, network } = record
    const candidates = this.#sidesOfNetwork.get(network)
    const vni = this.#objects.vniOf(network)
    if (object === undefined || candidates === undefined || vni === undefined) {
      this.#objects.mark(this.#holders.set(record, []))
      this.#results.replace(record, NOTHING)
      return
    }
    const isOurs = ({ section }: SliceAssignment): boolean => section.targetRef.uid === object.metadata.uid
    const assignments = record.assignments.every(isOurs) ? record.assignments : record.assignments.filter(isOurs)
    const wanted = addresses.map((address) => {
      return { vni, address, hasSlice: assignments.some(({ insideAddress }) => insideAddress === address) }
    })
    this.#objects.mark(this.#holders.set(record, wanted))
    const result = interfaceResult(key, addresses, {
      vni,
      candidates,
      routes: this.#routeTable,
      neighbours: this.#host.neighbours,
      assignments,
      mac: record.mac,
      otherHolder: (address) => {
        const holder = this.#holders.holder(vni, address)
        return holder === key ? undefined : holder
      },
      isAmbiguous: (address) => this.#holders.isAmbiguous(address),
    })
    this.#results.replace(record, result)
  }

  #served(isAffected: (entry: DesiredInterface) => boolean): ObjectKey[] {
    return this.#results.present().flatMap((entry) => (entry.slice && isAffected(entry) ? [entry.name] : []))
  }

  /** Why packets do not get out, as of the last build. @param silent routers, by neighbourKey, that do not answer */
  routeProblems(silent: readonly NeighbourKey[]): Problem[] {
    const uplink = this.uplink()
    if (this.#uplink === undefined) return []
    const gateways = new Set(this.#host.routes.map(({ gateway }) => gateway))
    return routeProblems({
      state: this.#uplink,
      links: this.#host.links,
      uplink,
      privateDevices: new Set(this.#sides.flatMap(({ link }) => (link ? [link.ifindex] : []))),
      silentRouters: silent
        .map(neighbourOfKey)
        .filter(({ ifindex, address }) => ifindex === uplink?.ifindex && gateways.has(address))
        .map(({ address }) => address),
    })
  }

  /** Private devices, then the uplink. */
  devices(): readonly BoundDevice[] {
    return this.#binding.devices
  }

  uplink(): Link | undefined {
    return this.#binding.linkOf(this.#config.uplink.interface)
  }

  /** Reads the private devices and the routes through them; if they changed, every interface is computed again. */
  #readSides(): void {
    const sides = this.#config.private.map((device) => {
      const link = this.#binding.linkOf(device.interface)
      const failure = this.#failures.get(device.interface)
      return {
        name: device.interface,
        network: `${device.network.namespace}/${device.network.name}`,
        prefixes: device.prefixes.map(parseCidr),
        macs: device.macs.map(parseMac),
        ...(link === undefined ? {} : { link: { ifindex: link.ifindex, mtu: link.mtu, mac: link.mac } }),
        ...(failure === undefined ? {} : { failure }),
      }
    })
    const indexes = new Set(sides.flatMap(({ link }) => (link ? [link.ifindex] : [])))
    const routes = this.#host.routes.filter(({ ifindex }) => indexes.has(ifindex))
    if (isDeepStrictEqual(sides, this.#sides) && isDeepStrictEqual(routes, this.#privateRoutes)) return
    this.#sides = sides
    this.#sidesOfNetwork = Map.groupBy(sides, ({ network }) => network)
    this.#privateRoutes = routes
    this.#routeTable = new RouteTable(routes)
    this.#uplink = undefined
    this.#objects.markAll()
  }

  #hostAddressList(): DesiredState['hostAddresses'] {
    const natOnly = this.#objects.natOnlyAddresses()
    if (this.#hostAddresses === undefined || !isDeepStrictEqual(natOnly, this.#hostAddresses.natOnly)) {
      this.#hostAddresses = { list: hostAddresses(this.#host.addresses, natOnly), natOnly }
    }
    return this.#hostAddresses.list
  }
}
