// Controllers on a store of interfaces without slices, in a process of its own so that its memory can be measured. Prints one
// line of JSON. Argument: number of interfaces.
import { IpPool } from '../../../src/allocation/ip-pool.ts'
import type { NATGateway } from '../../../src/api/index.ts'
import { NAT_TABLE, NETWORKING_API } from '../../../src/api/index.ts'
import { startControllers } from '../../../src/controllers/manager.ts'
import { MemoryStore } from '../../../src/store/memory.ts'
import { plainAllocation } from '../../support/plain-allocation.ts'
import { network } from '../../unit/desired/world.ts'
import { interfaces, NETWORK } from '../world.ts'

const count = Number(process.argv[2])
const ports = { first: 1024, last: 65535 }
const gateway: NATGateway = {
  apiVersion: NETWORKING_API,
  kind: 'NATGateway',
  metadata: { ...network('natgateway-sample').metadata },
  spec: { type: 'Public', ipFamily: 'IPv4', portsPerNetworkInterface: 64, networkRef: { name: NETWORK } },
}
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const store = new MemoryStore({
  objects: [network(NETWORK), gateway, ...interfaces(count)],
  resourceVersion: 10,
})
const begin = performance.now()
const pool = new IpPool([{ prefix: '198.51.0.0/16', ports, shared: false }])
const controllers = await startControllers(store, pool, silent)
await controllers.idle()
const reconciled = performance.now() - begin
const slices = store.list(NAT_TABLE).reduce((sum, { spec }) => sum + spec.sections.length, 0)
const rss = process.memoryUsage().rss

const one = interfaces(count + 1).at(-1)
const changed = performance.now()
if (one !== undefined) await store.create(one)
await controllers.idle()
const oneMore = performance.now() - changed
await controllers.stop()

const owners = interfaces(count).map(({ metadata, spec }, n) => ({
  uid: metadata.uid,
  name: metadata.name,
  ip: spec.ips[0]?.value ?? '',
  createdAt: n,
}))
const addresses = Array.from({ length: Math.ceil(count / 1008) }, (_, n) => ({
  ip: `198.51.${n >> 8}.${n & 255}`,
  ports,
}))
const from = performance.now()
plainAllocation({ addresses, portsPerSlice: 64, existing: [], owners })
const allocated = performance.now() - from
console.log(JSON.stringify({ reconciled, slices, oneMore, allocated, rss }))
process.exit(0)
