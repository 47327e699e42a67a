// The object graph of a standalone gateway.
import { pino } from 'pino'
import type { AgentCounts } from '../agent/agent.ts'
import { Agent } from '../agent/agent.ts'
import type { GatewayConfig } from '../config/config.ts'
import { loadConfig, type LoadedConfig } from '../config/load.ts'
import { startControllers } from '../controllers/manager.ts'
import type { CleanUps } from '../errors/clean-ups.ts'
import { Ended } from '../errors/clean-ups.ts'
import { NatGwError } from '../errors/errors.ts'
import { preflight } from '../kernel/preflight.ts'
import type { Problem } from '../problems/problem.ts'
import { ProblemList } from '../problems/problem-list.ts'
import { ProblemPublisher } from '../problems/published.ts'
import { asProblem, LocalStore, noteAsProblem } from '../store/local.ts'
import { systemClock } from '../time/clock.ts'
import { announceServing } from './announce.ts'
import { ConfigReload } from './config-reload.ts'
import type { CliEnv } from './env.ts'
import { examineHost } from './examine-host.ts'
import { HostOutlook } from './host-outlook.ts'
import { lockInstance } from './instance.ts'
import { PoolReservations } from './pool-reservations.ts'
import { RunFolder } from './run-folder.ts'
import { checkStatePlace } from './state-place.ts'
import { endOn, endOnUnexpected } from './unexpected.ts'

export interface StartOptions {
  /** See OpenOptions of the loader. */
  acceptFlowLoss?: boolean
}

export interface RunningGateway {
  config: GatewayConfig
  log: pino.Logger
  counts: () => AgentCounts
  isAlive: () => boolean
  /** Reads the configuration file again. */
  reload: () => Promise<void>
}

/**
 * @param configPath absolute
 * @param cleanUps gets what has to be undone, as soon as it has to be
 * @throws NatGwError for whatever keeps the gateway from starting
 */
export async function startGateway(
  env: CliEnv,
  configPath: string,
  options: StartOptions,
  cleanUps: CleanUps,
): Promise<RunningGateway> {
  const loaded = await loadConfig(configPath)
  preflight()
  checkStatePlace(loaded.config.stateFile)
  const { level } = loaded.config.log
  const log = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, await env.openLog())
  endOnUnexpected(log)
  try {
    return await startParts(env, configPath, loaded, options, cleanUps, log)
  } catch (error) {
    if (error instanceof NatGwError || error instanceof Ended) throw error
    endOn(log, error)
  }
}

async function startParts(
  env: CliEnv,
  configPath: string,
  { config, warnings }: LoadedConfig,
  options: StartOptions,
  cleanUps: CleanUps,
  log: pino.Logger,
): Promise<RunningGateway> {
  const { pool, notes } = examineHost(config)
  const runFolder = new RunFolder(env.runFolder, config.instance)
  await cleanUps.add('giving back the lock', await lockInstance({ instance: config.instance, runFolder }))
  runFolder.writeRecord({ config: configPath, stateFile: config.stateFile })
  const problems = new ProblemList(log)
  const publisher = new ProblemPublisher(runFolder.problemsPath, problems, log)
  await cleanUps.add('publishing problems', () => {
    publisher.close()
    problems.close()
  })
  problems.report('configuration', warnings.map(configWarning(configPath)))
  for (const note of notes) log.warn({}, note)
  const store = await LocalStore.open({
    manifests: config.manifests,
    stateFile: config.stateFile,
    log,
    limits: config.manifestLimits,
    onProblems: (found, notes) => {
      problems.report('manifests', [...found.map(asProblem), ...notes.map(noteAsProblem)])
    },
    onStateProblem: (problem) => {
      problems.report('state file', problem === undefined ? [] : [problem])
    },
  })
  await cleanUps.add('closing the store', () => store.close())
  const agentLog = log.child({ component: 'agent' })
  const reservations = new PoolReservations({ config, pool, problems, log }, notes)
  const agent = await Agent.start({
    ...options,
    config,
    store,
    objectPath: env.bpfObject,
    log: agentLog,
    problems,
    onHostChange: (host) => reservations.update(host),
  })
  await cleanUps.add('stopping the agent', () => agent.stop())
  const controllerLog = log.child({ component: 'controllers' })
  const outlook = new HostOutlook(problems)
  const controllers = await startControllers(store, pool, controllerLog, systemClock, outlook, problems)
  reservations.onChange = () => controllers.poolChanged()
  await cleanUps.add('stopping the controllers', () => controllers.stop())
  const reload = new ConfigReload({
    path: configPath,
    running: config,
    apply: (next) => {
      for (const each of [log, agentLog, controllerLog]) each.level = next.log.level
      agent.reconfigure(next)
    },
    problems,
    log,
  })
  await reload.start()
  await cleanUps.add('watching the configuration file', () => reload.close())
  const fields = { instance: config.instance, pid: process.pid }
  await cleanUps.add('watching whether it serves', announceServing({ agent, problems, log }, fields))
  return {
    config,
    log,
    counts: () => agent.counts(),
    isAlive: () => agent.isAlive(),
    reload: () => reload.reload(),
  }
}

function configWarning(path: string): (message: string) => Problem {
  return (message) => ({
    reason: 'ConfigWarning',
    severity: 'warning',
    object: `file ${path}`,
    message,
    remedy: 'see docs/configuration.md',
  })
}
