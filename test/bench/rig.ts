// A lab with something between its ends: the gateway as a user starts it, or what it is compared with.
import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { ifIndex, inNetworkNamespace, setAffinity } from '../../src/native/load-native.ts'
import type { BpfLink, BpfObject } from '../../src/native/load-native.ts'
import { openPinnedDataplane } from '../../src/dataplane/pinned-maps.ts'
import type { PinnedDataplane } from '../../src/dataplane/pinned-maps.ts'
import { readSliceUse } from '../../src/dataplane/readers.ts'
import { formatIpv4, parseIpv4 } from '../../src/net/ipv4.ts'
import { parseMac } from '../../src/net/mac.ts'
import {
  gatewayManifest,
  interfaceManifest,
  networkManifest,
  writeGatewayConfig,
  writeManifest,
} from '../../scripts/lab/gateway-files.ts'
import { Lab } from '../../scripts/lab/lab.ts'
import type { Namespace } from '../../scripts/lab/namespace.ts'
import { Natgw } from '../../scripts/lab/natgw.ts'
import { waitUntil } from '../../scripts/lab/process.ts'
import type { Service } from '../../scripts/lab/process.ts'
import { GATEWAY_UPLINK, PUBLIC_PREFIX } from '../../scripts/lab/topology.ts'
import { FIRST_HOST, HOSTS_PREFIX } from './flows.ts'
import type { Wire } from './flows.ts'
import { keyOf, loadBench, Traffic } from './traffic.ts'
import type { Prefix } from './traffic.ts'

/** What stands between client and server. `forward` is the limit, `fib` the same with the kernel's routing table. */
export type Kind = 'natgw' | 'nft' | 'forward' | 'fib'

export interface RigOptions {
  /** Interfaces with a slice, for `natgw`. */
  hosts: number
  /** Flows whose answers are sent. */
  maxFlows: number
  portsPerInterface?: number
  /** Of gateway.yaml. */
  config?: Record<string, unknown>
}

const ANY: Prefix = { network: 0, mask: 0 }
const HOSTS: Prefix = { network: FIRST_HOST, mask: 0xffc00000 }
const OUTSIDE: Record<Kind, Prefix> = {
  natgw: { network: parseIpv4(PUBLIC_PREFIX.split('/')[0] ?? ''), mask: 0xffffff00 },
  nft: { network: parseIpv4(GATEWAY_UPLINK), mask: 0xffffffff },
  forward: ANY,
  fib: ANY,
}

export class Rig {
  readonly kind: Kind
  readonly lab: Lab
  readonly traffic: Traffic
  /** Of `natgw`. */
  readonly plane: PinnedDataplane | undefined
  readonly agent: Service | undefined
  readonly #cleanUps: (() => void)[]

  private constructor(parts: Pick<Rig, 'kind' | 'lab' | 'traffic' | 'plane' | 'agent'>, cleanUps: (() => void)[]) {
    this.kind = parts.kind
    this.lab = parts.lab
    this.traffic = parts.traffic
    this.plane = parts.plane
    this.agent = parts.agent
    this.#cleanUps = cleanUps
  }

  static async up(kind: Kind, options: RigOptions): Promise<Rig> {
    const lab = await Lab.up({ networks: [1] })
    const cleanUps: (() => void)[] = []
    try {
      const { gateway, internet } = lab
      const client = lab.machine(1).host
      await gateway.ip(`route add ${HOSTS_PREFIX} via ${lab.machine(1).address} dev p1`)
      // Before the sinks, which swallow the answers.
      await resolveNeighbours(lab)
      const traffic = new Traffic(
        {
          out: { host: client, wire: await wireBetween(client, gateway, 'p1') },
          in: { host: internet, wire: await wireBetween(internet, gateway, 'up0') },
        },
        { out: OUTSIDE[kind], in: HOSTS },
        options.maxFlows,
      )
      cleanUps.push(() => {
        traffic.close()
      })
      const agent = kind === 'natgw' ? await startGateway(lab, options) : undefined
      const plane = agent === undefined ? undefined : openPinnedDataplane(lab.instance)
      if (plane !== undefined) {
        cleanUps.push(() => {
          plane.close()
        })
        await slicesServed(plane, options.hosts)
      }
      if (kind === 'nft') await masquerade(gateway)
      if (kind === 'forward' || kind === 'fib') cleanUps.push(await attachForwarder(lab, kind))
      return new Rig({ kind, lab, traffic, plane, agent }, cleanUps)
    } catch (error) {
      for (const cleanUp of cleanUps) cleanUp()
      await lab.down()
      throw error
    }
  }

  async down(): Promise<void> {
    for (const cleanUp of this.#cleanUps.splice(0)) cleanUp()
    await this.lab.down()
  }
}

async function macOf(host: Namespace, device: string): Promise<Uint8Array> {
  const [link] = JSON.parse(await host.run('ip', '-j', 'link', 'show', 'dev', device)) as { address: string }[]
  return parseMac(link?.address ?? '')
}

/** From a host's eth0 to a device of the gateway. */
async function wireBetween(host: Namespace, gateway: Namespace, device: string): Promise<Wire> {
  return {
    ifindex: inNetworkNamespace(host.path, () => ifIndex('eth0')),
    destinationMac: await macOf(gateway, device),
    sourceMac: await macOf(host, 'eth0'),
  }
}

async function resolveNeighbours({ gateway, machines }: Lab): Promise<void> {
  for (const address of [...machines.map((machine) => machine.address), '192.0.2.1']) {
    await gateway.run('ping', '-c', '1', '-W', '2', address)
  }
}

async function startGateway(lab: Lab, { hosts, portsPerInterface = 2048, config }: RigOptions): Promise<Service> {
  const files = writeGatewayConfig(lab, { publicPrefixes: [PUBLIC_PREFIX], ...config })
  const interfaces = Array.from({ length: hosts }, (_, index) =>
    interfaceManifest({ name: `host-${index}`, address: formatIpv4(FIRST_HOST + index), network: 0 }),
  )
  writeManifest(files, 'network', networkManifest(0), gatewayManifest(0, portsPerInterface))
  writeManifest(files, 'interfaces', ...interfaces)
  return new Natgw(lab, files.config).start()
}

async function slicesServed(plane: PinnedDataplane, hosts: number): Promise<void> {
  await waitUntil(`${hosts} slices that are reachable`, 120_000, () => {
    let reachable = 0
    for (const slice of readSliceUse(plane.maps)) reachable += slice.reachable ? 1 : 0
    return reachable === hosts && [...plane.maps.nextHops.entries()].some(([, hop]) => hop.flags !== 0)
  })
}

/**
 * Masquerading as any user would set it up. GRO gives the devices the NAPI that a NIC has anyway, and timers are those of
 * the gateway, so that neither forgets flows that the other still has.
 */
async function masquerade(gateway: Namespace): Promise<void> {
  for (const device of ['p1', 'up0']) await gateway.run('ethtool', '-K', device, 'gro', 'on')
  const rules = `table ip nat {
    chain postrouting {
      type nat hook postrouting priority srcnat
      oifname "up0" masquerade
    }
  }\n`
  const { status, stderr } = await gateway.attempt('nft', ['-f', '-'], { input: rules })
  if (status !== 0) throw new Error(`nft: ${stderr}`)
  await gateway.sysctl('net.netfilter.nf_conntrack_udp_timeout=300', 'net.netfilter.nf_conntrack_udp_timeout_stream=300')
}

async function attachForwarder(lab: Lab, kind: 'forward' | 'fib'): Promise<() => void> {
  const { gateway, internet } = lab
  const object = loadBench('forward')
  const hop = async (device: string, host: Namespace): Promise<Uint8Array> => {
    const bytes = new Uint8Array(16)
    const ifindex = inNetworkNamespace(gateway.path, () => ifIndex(device))
    new DataView(bytes.buffer).setUint32(0, ifindex, true)
    bytes.set(await macOf(host, 'eth0'), 4)
    bytes.set(await macOf(gateway, device), 10)
    return bytes
  }
  const hops = object.map('hops')
  hops.update(keyOf(0), await hop('up0', internet))
  hops.update(keyOf(1), await hop('p1', lab.machine(1).host))
  const name = (direction: 'out' | 'in'): string => (kind === 'fib' ? 'bench_forward_fib' : `bench_forward_${direction}`)
  const links = inNetworkNamespace(gateway.path, () => [
    attach(object, name('out'), 'p1'),
    attach(object, name('in'), 'up0'),
  ])
  return () => {
    for (const link of links) link.close()
    object.close()
  }
}

function attach(object: BpfObject, program: string, device: string): BpfLink {
  return object.program(program).attachXdp(ifIndex(device), 'native')
}

/** Builds one rig of each kind, runs `body` on one CPU, and takes the rigs away whatever happens. */
export async function withRigs<T>(
  cpu: number,
  kinds: readonly Kind[],
  options: RigOptions,
  body: (rigs: readonly Rig[]) => T | Promise<T>,
): Promise<T> {
  const rigs: Rig[] = []
  try {
    for (const kind of kinds) rigs.push(await Rig.up(kind, options))
    // Only now: what was started before, the gateway above all, is not to be bound to that CPU too.
    setAffinity(cpu)
    return await body(rigs)
  } finally {
    execFileSync('taskset', ['-cp', `0-${availableParallelism() - 1}`, String(process.pid)])
    for (const rig of rigs) await rig.down()
  }
}
