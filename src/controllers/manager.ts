import type { IpPool } from '../allocation/ip-pool.ts'
import { keyOf, NAT_GATEWAY } from '../api/index.ts'
import type { Logger } from '../log/logger.ts'
import type { ProblemSink } from '../problems/problem-list.ts'
import { NO_SINK } from '../problems/problem-list.ts'
import type { ResourceStore } from '../store/store.ts'
import type { Clock } from '../time/clock.ts'
import { systemClock } from '../time/clock.ts'
import { GarbageReconciler } from './garbage/garbage-controller.ts'
import { NatGatewayReconciler } from './nat-gateway/nat-gateway-controller.ts'
import { NetworkReconciler } from './network/network-controller.ts'
import { NetworkInterfaceReconciler } from './network-interface/network-interface-controller.ts'
import { Controller } from './runtime/controller.ts'
import { Cluster } from './view/cluster.ts'
import { type Outlook, UNKNOWN_OUTLOOK } from './view/outlook.ts'

export interface Controllers {
  /** To be called when other addresses of the pool are reserved than before. */
  poolChanged(): void
  /** Resolves when nothing is being worked on any more; what was begun is finished. */
  stop(): Promise<void>
  /** Resolves when every change so far has had its effect. For tests. */
  idle(): Promise<void>
}

/** Milliseconds a gateway waits for more changes before it deals slices. */
const GATEWAY_COALESCE_MS = 2

/** So many interfaces at once that stores which write in groups have groups to write. */
const INTERFACE_CONCURRENCY = 256

/**
 * Starts every controller on the store, and resolves once they follow it. One process at a time may do so.
 *
 * @param pool the public addresses gateways may take; another pool needs another start
 * @param outlook what else is known of this host
 * @param problems told of objects that keep failing
 */
export async function startControllers(
  store: ResourceStore,
  pool: IpPool,
  log: Logger,
  clock: Clock = systemClock,
  outlook: Outlook = UNKNOWN_OUTLOOK,
  problems: ProblemSink = NO_SINK,
): Promise<Controllers> {
  await store.ready()
  const cluster: Cluster = new Cluster(store, {
    network: (key) => networks.queue.add(key),
    networkInterface: (key) => interfaces.queue.add(key),
    natGateway: (key) => gateways.queue.add(key),
    claimer: (key) => garbage.queue.add(key),
    freedAddress: () => {
      for (const key of natGateways.hungry) gateways.queue.add(key)
    },
  })
  const natGateways = new NatGatewayReconciler(cluster, pool, log, clock, outlook)
  const controller = (
    name: string,
    reconciler: { reconcile(key: string): Promise<void> },
    concurrency: number,
    coalesceMs = 0,
  ): Controller =>
    new Controller({
      name,
      log,
      problems,
      clock,
      concurrency,
      coalesceMs,
      reconcile: (key) => reconciler.reconcile(key),
    })

  const networks = controller('network', new NetworkReconciler(cluster, clock), 8)
  const interfaces = controller(
    'network-interface',
    new NetworkInterfaceReconciler(cluster, pool, clock),
    INTERFACE_CONCURRENCY,
  )
  const gateways = controller('nat-gateway', natGateways, 8, GATEWAY_COALESCE_MS)
  const garbage = controller('garbage', new GarbageReconciler(cluster, log), 1)
  const all = [networks, interfaces, gateways, garbage]
  const queues = all.map(({ queue }) => queue)

  const unfollow = cluster.follow()
  const unwatch = outlook.onChange(() => {
    for (const { metadata } of store.list(NAT_GATEWAY)) gateways.queue.add(keyOf(metadata))
  })
  for (const queue of queues) queue.start()
  return {
    poolChanged() {
      for (const key of natGateways.hungry) gateways.queue.add(key)
    },
    async stop() {
      unfollow()
      unwatch()
      await Promise.all(all.map((each) => each.stop()))
    },
    async idle() {
      let events: number
      do {
        await Promise.all(queues.map((queue) => queue.idle()))
        events = cluster.events
        // Events of the last writes are delivered on turns of their own.
        for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
      } while (cluster.events !== events || queues.some((queue) => queue.size > 0))
    },
  }
}
