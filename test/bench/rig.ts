// A lab with a router in it, a generator and a sink at each end.
import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'
import { Lab } from '../../scripts/lab/lab.ts'
import type { Namespace } from '../../scripts/lab/namespace.ts'
import { GATEWAY_UPLINK, PUBLIC_PREFIX } from '../../scripts/lab/topology.ts'
import { ifIndex, inNetworkNamespace, setAffinity } from '../../src/native/load-native.ts'
import { parseIpv4 } from '../../src/net/ipv4.ts'
import type { Wire } from './flows.ts'
import { FIRST_HOST } from './flows.ts'
import type { Kind, Router, RouterOptions } from './router.ts'
import { macOf, prepareRoutes, startRouter } from './router.ts'
import type { Prefix } from './traffic.ts'
import { Traffic } from './traffic.ts'

export type { Kind } from './router.ts'

export interface RigOptions extends RouterOptions {
  /** Flows that are answered. */
  maxFlows: number
  /** Of every device; default: 1, as veth has it. */
  queues?: number
}

const ANY: Prefix = { network: 0, mask: 0 }
const HOSTS: Prefix = { network: FIRST_HOST, mask: 0xffc00000 }
const OUTSIDE: Record<Kind, Prefix> = {
  natgw: { network: parseIpv4(PUBLIC_PREFIX.split('/')[0] ?? ''), mask: 0xffffff00 },
  nft: { network: parseIpv4(GATEWAY_UPLINK), mask: 0xffffffff },
  forward: ANY,
  fib: ANY,
  look: ANY,
}

export class Rig {
  readonly kind: Kind
  readonly lab: Lab
  readonly traffic: Traffic
  /** Of `natgw`. */
  readonly plane: Router['plane']
  readonly #router: Router

  private constructor(kind: Kind, lab: Lab, traffic: Traffic, router: Router) {
    this.kind = kind
    this.lab = lab
    this.traffic = traffic
    this.plane = router.plane
    this.#router = router
  }

  static async up(kind: Kind, options: RigOptions): Promise<Rig> {
    const lab = await Lab.up({ networks: [1] })
    let traffic: Traffic | undefined
    try {
      const { gateway, internet } = lab
      const client = lab.machine(1).host
      if (options.queues !== undefined) await giveQueues(lab, options.queues)
      await prepareRoutes(lab)
      traffic = new Traffic(
        {
          out: { host: client, wire: await wireBetween(client, gateway, 'p1') },
          in: { host: internet, wire: await wireBetween(internet, gateway, 'up0') },
        },
        { out: OUTSIDE[kind], in: HOSTS },
        options.maxFlows,
      )
      return new Rig(kind, lab, traffic, await startRouter(kind, lab, options))
    } catch (error) {
      traffic?.close()
      await lab.down()
      throw error
    }
  }

  async down(): Promise<void> {
    this.traffic.close()
    this.#router.close()
    await this.lab.down()
  }
}

/** Before programs are attached: the kernel (6.18) runs them only on the queues that a veth had at that time. */
async function giveQueues({ gateway, internet, machines }: Lab, queues: number): Promise<void> {
  const count = String(queues)
  for (const device of ['p1', 'up0']) await gateway.run('ethtool', '-L', device, 'rx', count, 'tx', count)
  for (const host of [internet, ...machines.map((machine) => machine.host)]) {
    await host.run('ethtool', '-L', 'eth0', 'rx', count, 'tx', count)
  }
}

/** From a host's eth0 to a device of the gateway. */
async function wireBetween(host: Namespace, gateway: Namespace, device: string): Promise<Wire> {
  return {
    ifindex: inNetworkNamespace(host.path, () => ifIndex('eth0')),
    destinationMac: await macOf(gateway, device),
    sourceMac: await macOf(host, 'eth0'),
  }
}

/** Builds one rig of each kind, runs `body` on one CPU, and removes the rigs whatever happens. */
export async function withRigs<T>(
  cpu: number,
  kinds: readonly Kind[],
  options: RigOptions,
  body: (rigs: readonly Rig[]) => T | Promise<T>,
): Promise<T> {
  const rigs: Rig[] = []
  try {
    for (const kind of kinds) rigs.push(await Rig.up(kind, options))
    // Only now: processes that were started before, above all the gateway, must not be bound to that CPU too.
    setAffinity(cpu)
    return await body(rigs)
  } finally {
    execFileSync('taskset', ['-cp', `0-${cpus().length - 1}`, String(process.pid)])
    for (const rig of rigs) await rig.down()
  }
}
