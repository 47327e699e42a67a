// `natgw run`: from the start to the end, which a signal can ask for at any moment.
import { resolve } from 'node:path'
import { CleanUps } from '../errors/clean-ups.ts'
import type { CliEnv, LongLived } from './env.ts'
import type { RunningGateway, StartOptions } from './gateway.ts'
import { startGateway } from './gateway.ts'
import type { ServiceManager } from './service-manager.ts'

/** @returns the exit status of an end that was asked for. @throws NatGwError for whatever keeps the gateway from starting */
export async function run(
  env: CliEnv,
  configPath: string,
  options: StartOptions = {},
  longLived: LongLived = {},
): Promise<number> {
  const cleanUps = new CleanUps()
  try {
    await serve(env, resolve(configPath), options, cleanUps, longLived)
  } catch (error) {
    await end(env, cleanUps, longLived)
    throw error
  }
  return end(env, cleanUps, longLived)
}

async function serve(
  env: CliEnv,
  configPath: string,
  options: StartOptions,
  cleanUps: CleanUps,
  { serviceManager, signals }: LongLived,
): Promise<void> {
  const starting = startGateway(env, configPath, options, cleanUps)
  const gateway = await Promise.race([starting, signals?.stop ?? starting])
  if (typeof gateway === 'string') {
    // What the start still waits for, a disk for one, is not waited for; nothing more comes of it.
    starting.catch(() => undefined)
    await env.stderr.note(`natgw: ${gateway} came before the gateway served`)
    return
  }
  const { config, log } = gateway
  signals?.onHangUp(() => void reload(gateway, serviceManager))
  serviceManager?.ready(`serving instance ${config.instance}`, gateway.isAlive)
  const signal = await signals?.stop
  const message = 'ending; XDP programs stay attached and keep translating, `natgw unload` removes them'
  log.info({ signal, counts: gateway.counts() }, message)
}

async function reload(gateway: RunningGateway, serviceManager: ServiceManager | undefined): Promise<void> {
  serviceManager?.reloading()
  await gateway.reload()
  serviceManager?.reloaded()
}

async function end(env: CliEnv, cleanUps: CleanUps, { serviceManager }: LongLived): Promise<number> {
  serviceManager?.stopping()
  const failures = await cleanUps.run()
  for (const failure of failures) await env.stderr.note(`natgw: ${failure}`)
  return failures.length === 0 ? 0 : 1
}
