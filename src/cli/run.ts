// `natgw run`: the object graph of a standalone gateway, and its orderly end.
import { pino } from 'pino'
import { Agent } from '../agent/agent.ts'
import { listHost } from '../agent/list-host.ts'
import { IpPool } from '../allocation/ip-pool.ts'
import { loadConfig } from '../config/load.ts'
import { checkHost, readLocalPorts } from '../config/preflight.ts'
import { reservedAddresses } from '../config/public-addresses.ts'
import type { GatewayConfig } from '../config/config.ts'
import { startControllers } from '../controllers/manager.ts'
import { preflight } from '../dataplane/preflight.ts'
import { formatIpv4 } from '../net/ipv4.ts'
import { LocalStore } from '../store/local.ts'
import { claimInstance } from './instance.ts'
import { OBJECT_PATH } from './paths.ts'

/** Resolves at an orderly end. @throws NatGwError for whatever keeps the gateway from starting */
export async function run(configPath: string): Promise<void> {
  const { config, warnings } = await loadConfig(configPath)
  preflight()
  // Synchronous: a line that was logged is not lost with the process.
  const log = pino(
    { level: config.log.level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ sync: true }),
  )
  const ended = untilSignal()
  const cleanUps: (() => Promise<void> | void)[] = []
  try {
    const { pool, notes } = await examineHost(config)
    for (const warning of [...warnings, ...notes]) log.warn({}, warning)
    cleanUps.push(claimInstance(config.instance, { config: configPath, stateFile: config.stateFile }))
    const store = await LocalStore.open({
      manifests: config.manifests,
      stateFile: config.stateFile,
      log,
    })
    cleanUps.push(() => store.close())
    const agent = await Agent.start({ config, store, objectPath: OBJECT_PATH, log: log.child({ component: 'agent' }) })
    cleanUps.push(() => agent.stop())
    const controllers = await startControllers(store, pool, log.child({ component: 'controllers' }))
    cleanUps.push(() => controllers.stop())
    log.info({ instance: config.instance, pid: process.pid }, 'gateway is serving')
    const signal = await ended
    log.info(
      { signal, counts: agent.counts() },
      'ending; the programs go on with what they know, `natgw unload` takes them away',
    )
  } finally {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  }
}

async function examineHost(config: GatewayConfig): Promise<{ pool: IpPool; notes: string[] }> {
  const { links, addresses, routes } = listHost()
  const notes = checkHost(config, { devices: links, ports: await readLocalPorts() })
  const names = new Map(links.map(({ ifindex, name }) => [ifindex, name]))
  const privateDevices = new Set(config.private.map((device) => device.interface))
  const placed = (address: string, { ifindex, prefixLength }: { ifindex: number; prefixLength: number }) => ({
    device: names.get(ifindex) ?? '',
    address,
    prefixLength,
  })
  const own = addresses.filter(({ family }) => family === 'IPv4').map((each) => placed(each.address, each))
  // What is routed to private devices is as private as what is on them.
  const inside = routes
    .filter(({ prefixLength }) => prefixLength > 0)
    .map((route) => placed(formatIpv4(route.address), route))
    .filter(({ device }) => privateDevices.has(device))
  const reserved = reservedAddresses(
    config,
    [...own, ...inside],
    routes.flatMap(({ gateway }) => (gateway === undefined ? [] : [formatIpv4(gateway)])),
  )
  const pool = new IpPool(config.publicPrefixes, reserved)
  for (const { prefix } of config.publicPrefixes) {
    const held = reserved.filter(
      (address) => new IpPool([{ prefix, ports: { first: 1, last: 1 }, shared: false }]).find(address) !== undefined,
    )
    if (held.length > 0)
      notes.push(
        `publicPrefixes: of ${prefix}, ${held.join(', ')} ${held.length === 1 ? 'is' : 'are'} left out: this host, a router or the subnet needs ${held.length === 1 ? 'it' : 'them'}`,
      )
  }
  return { pool, notes }
}

function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
  })
}
