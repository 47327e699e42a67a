// `natgw run`: the object graph of a standalone gateway, and its orderly end.
import { pino, type Logger } from 'pino'
import { Agent } from '../agent/agent.ts'
import { runCleanUps } from '../errors/clean-ups.ts'
import { NatGwError, messageOf } from '../errors/errors.ts'
import { loadConfig, type LoadedConfig } from '../config/load.ts'
import { startControllers } from '../controllers/manager.ts'
import { preflight } from '../dataplane/preflight.ts'
import type { Problem } from '../problems/problem.ts'
import { ProblemList } from '../problems/problem-list.ts'
import { ProblemPublisher } from '../problems/published.ts'
import { asProblem, LocalStore, noteAsProblem } from '../store/local.ts'
import { examineHost } from './examine-host.ts'
import type { CliEnv } from './env.ts'
import { lockInstance } from './instance.ts'
import { OBJECT_PATH } from './paths.ts'
import { endOn, endOnUnexpected } from './unexpected.ts'
import { RunFolder } from './run-folder.ts'

/** Resolves at an orderly end. @throws NatGwError for whatever keeps the gateway from starting */
export async function run(env: CliEnv, configPath: string): Promise<void> {
  const loaded = await loadConfig(configPath)
  const { config } = loaded
  preflight()
  // Synchronous: a line that was logged is not lost with the process.
  const log = pino(
    { level: config.log.level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ sync: true }),
  )
  endOnUnexpected(log)
  try {
    await serve(env, configPath, loaded, log)
  } catch (error) {
    if (error instanceof NatGwError) throw error
    endOn(log, error)
  }
}

async function serve(env: CliEnv, configPath: string, { config, warnings }: LoadedConfig, log: Logger): Promise<void> {
  const ended = untilSignal()
  const cleanUps: (() => Promise<void> | void)[] = []
  try {
    const { pool, notes } = examineHost(config)
    const runFolder = new RunFolder(env.runFolder, config.instance)
    cleanUps.push(await lockInstance({ instance: config.instance, runFolder }))
    runFolder.writeRecord({ config: configPath, stateFile: config.stateFile })
    const problems = new ProblemList(log)
    const publisher = new ProblemPublisher(runFolder.problemsPath, problems, log)
    cleanUps.push(
      () => problems.close(),
      () => publisher.close(),
    )
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
    })
    cleanUps.push(() => store.close())
    const agent = await Agent.start({
      config,
      store,
      objectPath: OBJECT_PATH,
      log: log.child({ component: 'agent' }),
      problems,
    })
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
    // What ended the run is told, not hidden behind what failed after it.
    await runCleanUps(cleanUps).catch((error: unknown) =>
      log.error({ err: error }, `clean-up failed: ${messageOf(error)}`),
    )
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

function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
  })
}
