import type { Network, NETWORK_INTERFACE, NetworkInterface } from '../../../src/api/index.ts'
import { NETWORK, NETWORKING_API } from '../../../src/api/index.ts'
import type { NewObject, ResourceStore, WatchEvent } from '../../../src/store/store.ts'

export function network(name: string, more: Partial<Network['metadata']> = {}): NewObject<Network> {
  return { apiVersion: NETWORKING_API, kind: 'Network', metadata: { namespace: 'default', name, ...more }, spec: {} }
}

export function networkInterface(name: string, ip = '10.0.0.1'): NewObject<NetworkInterface> {
  const spec: NetworkInterface['spec'] = { networkRef: { name: 'blue' }, ipFamilies: ['IPv4'], ips: [{ value: ip }] }
  return { apiVersion: NETWORKING_API, kind: 'NetworkInterface', metadata: { namespace: 'default', name }, spec }
}

/** Collects the events of a kind; `settled` resolves when those of finished writes have been delivered. */
export function recordEvents(store: ResourceStore, kind: typeof NETWORK | typeof NETWORK_INTERFACE = NETWORK) {
  const events: WatchEvent[] = []
  const stop = store.watch(kind, (event) => void events.push(event as WatchEvent))
  return { events, stop, told: () => events.map((event) => `${event.type} ${event.key}`) }
}

/** One turn of the event loop: events of writes done before are delivered after it. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
