// `natgw status`: devices, public addresses, gateways, and everything that does not work.
import { describeProblem } from '../problems/problem.ts'
import type { AddressRow } from './address-rows.ts'
import type { DeviceRow } from './device-rows.ts'
import type { CliEnv, Output } from './env.ts'
import { inspect } from './inspect.ts'
import type { Column } from './output.ts'
import { agoOf, printJson, writeTable } from './output.ts'
import type { ShowOptions } from './show.ts'
import type { GatewayRow, StatusView } from './status-view.ts'
import { statusView } from './status-view.ts'

export interface StatusOptions extends ShowOptions {
  /** Exit with 1 where something does not work. */
  check?: boolean
}

/** Lines of problems in the table; JSON has all. */
const MAX_LINES = 50

/** @returns the exit status */
export async function showStatus(env: CliEnv, options: StatusOptions): Promise<number> {
  const view = await inspect(env, options, statusView)
  if (options.output === 'json') await printJson(env.stdout, view)
  else await printTable(env.stdout, view)
  return options.check === true && view.problems.some(({ severity }) => severity === 'error') ? 1 : 0
}

async function printTable(output: Output, view: StatusView): Promise<void> {
  await output.print([agentLine(view), ...view.devices.map(deviceLine)].join('\n'))
  await writeTable(output, addressColumns, view.addresses)
  if ((await writeTable(output, gatewayColumns, view.gateways)) === 0) await output.print('no NATGateway is applied')
  await output.print(problemLines(view).join('\n'))
}

function agentLine({ instance, agent, knownSecondsAgo }: StatusView): string {
  const { running, pid } = agent
  if (running) return `instance ${instance}: agent runs${pid === undefined ? '' : ` (pid ${pid})`}`
  const known = `names, conditions and the agent's problems are those of ${agoOf(knownSecondsAgo)}`
  return `instance ${instance}: no agent runs; XDP programs stay attached and keep translating; ${known}`
}

function deviceLine({ device, role, mode, attached }: DeviceRow): string {
  return `${role} ${device}: ${attached ? `${mode} XDP` : 'no program attached'}`
}

function problemLines({ problems, omittedProblems }: StatusView): string[] {
  if (problems.length === 0) return ['no problems']
  const more = problems.length + omittedProblems - MAX_LINES
  return [
    `${problems.length + omittedProblems} problem${problems.length + omittedProblems === 1 ? '' : 's'}:`,
    ...problems.slice(0, MAX_LINES).map(describeProblem),
    ...(more > 0 ? [`and ${more} more: natgw status -o json`] : []),
  ]
}

const addressColumns: Column<AddressRow>[] = [
  { title: 'ADDRESS', value: ({ address }) => address },
  { title: 'PORTS', value: ({ firstPort, lastPort }) => `${firstPort}-${lastPort}` },
  { title: 'SHARED', value: ({ shared }) => (shared ? 'with the host' : 'no') },
  { title: 'ARP ANSWERED BY', value: ({ answeredBy }) => answeredBy },
]

const gatewayColumns: Column<GatewayRow>[] = [
  { title: 'GATEWAY', value: ({ name }) => name },
  { title: 'NETWORK', value: ({ network }) => network },
  { title: 'IPS', value: ({ ips }) => ips.map(({ ip }) => ip).join(',') || 'None' },
  { title: 'PORTS/IF', value: ({ portsPerNetworkInterface }) => portsPerNetworkInterface },
  { title: 'SLICES', value: ({ slices }) => `${slices.used}/${slices.total}` },
  { title: 'WAITING', value: ({ slices }) => slices.waiting },
  { title: 'PORTS USED', value: ({ ports }) => ports.used },
  { title: 'FREE', value: ({ ports }) => ports.free },
  { title: 'READY', value: ({ ready }) => (ready.status === 'True' ? 'True' : `${ready.status} (${ready.reason})`) },
]
