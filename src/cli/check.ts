// `natgw check`: whether gateway.yaml and its manifests are valid. Reads these files and nothing else; needs no root.
import { resolve } from 'node:path'
import type { GatewayConfig } from '../config/config.ts'
import { examineConfig, readConfigFile } from '../config/load.ts'
import type { Problem } from '../problems/problem.ts'
import { describeProblem } from '../problems/problem.ts'
import { checkFolder } from '../store/manifests/check-folder.ts'
import type { CliEnv } from './env.ts'
import type { OutputFormat } from './output.ts'
import { printJson } from './output.ts'

export interface CheckOptions {
  config: string
  output: OutputFormat
}

export interface CheckView {
  config: string
  manifests?: string
  valid: boolean
  objects: number
  problems: Pick<Problem, 'object' | 'severity' | 'reason' | 'message' | 'remedy'>[]
}

/** @returns the exit status: 1 when something is not valid. @throws ERR_CONFIG_READ */
export async function check(env: CliEnv, { config: path, output }: CheckOptions): Promise<number> {
  const view = await checkView(path)
  if (output === 'json') await printJson(env.stdout, view)
  else await env.stdout.print(linesOf(view).join('\n'))
  return view.valid ? 0 : 1
}

async function checkView(path: string): Promise<CheckView> {
  const file = resolve(path)
  const { config, warnings, issues } = examineConfig(await readConfigFile(file), file)
  const ofConfig = [
    ...issues.map(({ code, line, field, message, remedy }): Problem => ({
      reason: code,
      severity: 'error',
      object: `file ${file}:${line}`,
      message: field === '' ? message : `${field}: ${message}`,
      remedy,
    })),
    ...warnings.map((message): Problem => ({
      reason: 'ConfigWarning',
      severity: 'warning',
      object: `file ${file}`,
      message,
      remedy: 'see docs/configuration.md',
    })),
  ]
  if (config === undefined) return viewOf({ config: file, objects: 0 }, ofConfig)
  return viewOf({ config: file, ...(await manifestsOf(config)) }, ofConfig)
}

async function manifestsOf({ manifests, manifestLimits }: GatewayConfig) {
  return { manifests, ...(await checkFolder(manifests, manifestLimits)) }
}

function viewOf(
  { problems = [], ...read }: Pick<CheckView, 'config' | 'objects'> & { manifests?: string; problems?: Problem[] },
  before: Problem[],
): CheckView {
  const all = [...before, ...problems]
  return { ...read, valid: all.every(({ severity }) => severity !== 'error'), problems: all }
}

function linesOf({ config, manifests, valid, objects, problems }: CheckView): string[] {
  const where =
    manifests === undefined ? 'manifests were not read' : `${manifests}: ${objects} object${objects === 1 ? '' : 's'}`
  const verdict = valid ? 'valid' : 'not valid'
  return [...problems.map((each) => `${each.severity}: ${describeProblem(each)}`), `${config}: ${verdict}`, where]
}
