import type { PoolPrefix } from '../../../src/allocation/ip-pool.ts'
import { IpPool } from '../../../src/allocation/ip-pool.ts'
import type {
  Condition,
  GroupKind,
  IPFamily,
  ManifestKind,
  NATGateway,
  Network,
  NetworkInterface,
} from '../../../src/api/index.ts'
import { IP_ADDRESS, NAT_GATEWAY, NAT_TABLE, NETWORKING_API } from '../../../src/api/index.ts'
import type { Controllers } from '../../../src/controllers/manager.ts'
import { startControllers } from '../../../src/controllers/manager.ts'
import type { Logger } from '../../../src/log/logger.ts'
import { parseAddress } from '../../../src/net/address.ts'
import { hostPrefix } from '../../../src/net/cidr.ts'
import { MemoryStore } from '../../../src/store/memory.ts'
import type { NewObject, ResourceStore } from '../../../src/store/store.ts'

const PORTS = { first: 1024, last: 65535 }

export function prefix(cidr: string, ports = PORTS, shared = false): PoolPrefix {
  return { prefix: cidr, ports, shared }
}

export function network(name: string, spec: Network['spec'] = {}): NewObject<Network> {
  return { apiVersion: NETWORKING_API, kind: 'Network', metadata: { namespace: 'default', name }, spec }
}

export function natGateway(
  name: string,
  networkName: string,
  portsPerNetworkInterface = 2048,
  ipFamily: IPFamily = 'IPv4',
): NewObject<NATGateway> {
  const spec: NATGateway['spec'] = {
    type: 'Public',
    ipFamily,
    portsPerNetworkInterface,
    networkRef: { name: networkName },
  }
  return { apiVersion: NETWORKING_API, kind: 'NATGateway', metadata: { namespace: 'default', name }, spec }
}

export function networkInterface(
  name: string,
  networkName: string,
  ips: string[],
  extra: Partial<NetworkInterface['spec']> = {},
): NewObject<NetworkInterface> {
  const spec: NetworkInterface['spec'] = {
    networkRef: { name: networkName },
    ipFamilies: ips.map((ip) => (ip.includes(':') ? 'IPv6' : 'IPv4')),
    ips: ips.map((value) => ({ value })),
    ...extra,
  }
  return { apiVersion: NETWORKING_API, kind: 'NetworkInterface', metadata: { namespace: 'default', name }, spec }
}

/** Keeps what is logged at `warn` and above. */
export class RecordingLog implements Logger {
  readonly lines: string[] = []
  debug(): void {}
  info(): void {}
  warn(_fields: object, message: string): void {
    this.lines.push(message)
  }
  error(_fields: object, message: string): void {
    this.lines.push(message)
  }
}

/** A store with controllers on it, which can be stopped, started anew, and given another pool. */
export class Lab {
  readonly store: ResourceStore
  readonly log = new RecordingLog()
  #controllers: Controllers | undefined

  constructor(store: ResourceStore = new MemoryStore()) {
    this.store = store
  }

  static async with(
    pool: PoolPrefix[],
    objects: (NewObject<Network> | NewObject<NATGateway> | NewObject<NetworkInterface>)[],
  ) {
    const lab = new Lab()
    await lab.restart(pool)
    for (const object of objects) await lab.store.create(object)
    await lab.settle()
    return lab
  }

  async restart(pool: PoolPrefix[], reserved: string[] = []): Promise<void> {
    await this.stop()
    this.#controllers = await startControllers(
      this.store,
      new IpPool(pool, reserved.map(parseAddress).map(hostPrefix)),
      this.log,
    )
    await this.settle()
  }

  async stop(): Promise<void> {
    await this.#controllers?.stop()
    this.#controllers = undefined
  }

  async settle(): Promise<void> {
    await this.#controllers?.idle()
  }

  async create(...objects: (NewObject<Network> | NewObject<NATGateway> | NewObject<NetworkInterface>)[]) {
    for (const object of objects) await this.store.create(object)
    await this.settle()
  }

  async delete(kind: GroupKind, key: string) {
    await this.store.delete(kind, key)
    await this.settle()
  }

  gateway(name: string): NATGateway {
    const found = this.store.get(NAT_GATEWAY, `default/${name}`)
    if (found === undefined) throw new Error(`no gateway ${name}`)
    return found
  }

  /** `<public ip>:<port>-<endPort>` of each interface that has a slice. */
  slices(): Record<string, string> {
    const entries = this.store
      .list(NAT_TABLE)
      .flatMap(({ spec }) =>
        spec.sections.map(({ port, endPort, targetRef }) => [targetRef.name, `${spec.ip}:${port}-${endPort}`] as const),
      )
    return Object.fromEntries(entries.sort())
  }

  condition(kind: ManifestKind, name: string, type: string): Condition | undefined {
    const object: { status?: { conditions?: Condition[] } } | undefined = this.store.get(kind, `default/${name}`)
    return object?.status?.conditions?.find((condition) => condition.type === type)
  }

  addresses(): string[] {
    return this.store
      .list(IP_ADDRESS)
      .map(({ metadata }) => metadata.name)
      .sort()
  }
}
