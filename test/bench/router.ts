// The router between the ends of a lab: the gateway as a user starts it, or a program it is compared with.
import {
  gatewayManifest,
  interfaceManifest,
  networkManifest,
  writeGatewayConfig,
  writeManifest,
} from '../../scripts/lab/gateway-files.ts'
import type { Lab } from '../../scripts/lab/lab.ts'
import type { Namespace } from '../../scripts/lab/namespace.ts'
import { Natgw } from '../../scripts/lab/natgw.ts'
import type { Service } from '../../scripts/lab/process.ts'
import { waitUntil } from '../../scripts/lab/process.ts'
import { PUBLIC_PREFIX } from '../../scripts/lab/topology.ts'
import { NextHopFlags } from '../../src/dataplane/generated/layouts.ts'
import type { PinnedDataplane } from '../../src/kernel/pinned-maps.ts'
import { openPinnedDataplane } from '../../src/kernel/pinned-maps.ts'
import { readSliceUse } from '../../src/kernel/readers.ts'
import type { BpfLink, BpfObject } from '../../src/native/load-native.ts'
import { ifIndex, inNetworkNamespace } from '../../src/native/load-native.ts'
import { formatIpv4 } from '../../src/net/ipv4.ts'
import { parseMac } from '../../src/net/mac.ts'
import { FIRST_HOST, HOSTS_PREFIX } from './flows.ts'
import { keyOf, loadBench } from './traffic.ts'

/** `forward` is the limit, `fib` the same with the kernel's routing table, `look` with a look at 64 bytes of the flow. */
export type Kind = 'natgw' | 'nft' | 'forward' | 'fib' | 'look'

/** Of `look`; ports of a slice by default. */
const PLACES_PER_HOST = 2048

export interface RouterOptions {
  /** Interfaces with a slice behind m1, for `natgw`. */
  hosts: number
  /** A slice for m1 itself too. */
  machines?: boolean
  portsPerInterface?: number
  /** Of gateway.yaml. */
  config?: Record<string, unknown>
}

export interface Router {
  /** Of `natgw`. */
  plane: PinnedDataplane | undefined
  agent: Service | undefined
  /** Before the lab goes down. */
  close(): void
}

export async function startRouter(kind: Kind, lab: Lab, options: RouterOptions): Promise<Router> {
  if (kind === 'natgw') return startGateway(lab, options)
  if (kind === 'nft') await masquerade(lab.gateway)
  const close = kind === 'nft' ? () => undefined : await attachForwarder(lab, kind, options.hosts)
  return { plane: undefined, agent: undefined, close }
}

/** Routes to all hosts, with resolved neighbours: later on, sinks may swallow answers. */
export async function prepareRoutes({ gateway, internet, machines }: Lab): Promise<void> {
  await gateway.ip(`route add ${HOSTS_PREFIX} via ${machines[0]?.address ?? ''} dev p1`)
  // For forwarding without translation.
  await internet.ip('route add 10.0.0.0/24 via 192.0.2.2')
  for (const address of [...machines.map((machine) => machine.address), '192.0.2.1']) {
    await gateway.run('ping', '-c', '1', '-W', '2', address)
  }
}

export async function macOf(host: Namespace, device: string): Promise<Uint8Array> {
  const [link] = JSON.parse(await host.run('ip', '-j', 'link', 'show', 'dev', device)) as { address: string }[]
  return parseMac(link?.address ?? '')
}

async function startGateway(
  lab: Lab,
  { hosts, machines = false, portsPerInterface = 2048, config }: RouterOptions,
): Promise<Router> {
  const files = writeGatewayConfig(lab, {
    publicPrefixes: [PUBLIC_PREFIX],
    perInterface: { newFlowsPerSecond: 0 },
    ...config,
  })
  const interfaces = Array.from({ length: hosts }, (_, index) =>
    interfaceManifest({ name: `host-${index}`, address: formatIpv4(FIRST_HOST + index), network: 0 }),
  )
  if (machines) interfaces.push(...lab.machines.map(interfaceManifest))
  writeManifest(files, 'network', networkManifest(0), gatewayManifest(0, portsPerInterface))
  writeManifest(files, 'interfaces', ...interfaces)
  const agent = await new Natgw(lab, files.config).start()
  const plane = openPinnedDataplane(lab.instance)
  try {
    await slicesServed(plane, interfaces.length)
  } catch (error) {
    plane.close()
    throw error
  }
  return {
    plane,
    agent,
    close() {
      plane.close()
    },
  }
}

async function slicesServed(plane: PinnedDataplane, hosts: number): Promise<void> {
  await waitUntil(`${hosts} slices that are reachable`, 120_000, () => {
    let reachable = 0
    for (const slice of readSliceUse(plane.maps)) reachable += slice.reachable ? 1 : 0
    return (
      reachable === hosts &&
      [...plane.maps.nextHops.entries()].some(([, { hop }]) => (hop.flags & NextHopFlags.NEXT_HOP_RESOLVED) !== 0)
    )
  })
}

/**
 * Masquerading as any user would set it up. GRO gives the devices the NAPI that a NIC has anyway, and timers are those of
 * the gateway, so that neither drops flows that the other still has.
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
  await gateway.sysctl(
    'net.netfilter.nf_conntrack_udp_timeout=300',
    'net.netfilter.nf_conntrack_udp_timeout_stream=300',
  )
}

async function attachForwarder(lab: Lab, kind: 'forward' | 'fib' | 'look', hosts: number): Promise<() => void> {
  const { gateway, internet } = lab
  const places = 2 ** Math.ceil(Math.log2(hosts * PLACES_PER_HOST))
  const object = loadBench('forward', { flows: kind === 'look' ? places : 1 })
  object.map('flow_mask').update(keyOf(0), keyOf(places - 1))
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
  const name = (direction: 'out' | 'in'): string =>
    kind === 'fib' ? 'bench_forward_fib' : `bench_forward_${kind === 'look' && direction === 'out' ? kind : direction}`
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
