// The commands that show: slices and drops; sessions and status have files of their own. They read; they work whether or not the agent runs.
import { listHost } from '../host/rtnetlink.ts'
import { explainLoss, readLosses } from '../kernel/losses.ts'
import type { DataplaneMaps } from '../kernel/pinned-maps.ts'
import { readCounters, readDrops } from '../kernel/readers.ts'
import type { CliEnv } from './env.ts'
import type { Inspection, SliceRow } from './inspect.ts'
import { inspect, sliceRows, whyNoSlices } from './inspect.ts'
import type { InstanceOptions } from './instance.ts'
import type { Column, OutputFormat } from './output.ts'
import { agoOf, printJson, writeJsonArray, writeTable } from './output.ts'

export interface ShowOptions extends InstanceOptions {
  output: OutputFormat
}

export async function writeRows<Row>(
  env: CliEnv,
  rows: Iterable<Row>,
  columns: readonly Column<Row>[],
  output: OutputFormat,
): Promise<number> {
  return output === 'json' ? writeJsonArray(env.stdout, rows) : writeTable(env.stdout, columns, rows)
}

/** Opens the instance; where names may be missing or old, says so beside the output. */
export function inspectNamed<T>(
  env: CliEnv,
  options: InstanceOptions,
  body: (inspection: Inspection) => T | Promise<T>,
): Promise<T> {
  return inspect(env, options, async (inspection) => {
    const { info, namesMissing, known } = inspection
    if (namesMissing !== undefined) await env.stderr.note(`names are missing: ${namesMissing}`)
    else if (!info.running) await env.stderr.note(`no agent runs; names are those of ${agoOf(known?.ageSeconds)}`)
    return body(inspection)
  })
}

export async function showSlices(env: CliEnv, options: ShowOptions): Promise<void> {
  await inspectNamed(env, options, async (inspection) => {
    const shown = await writeRows(env, sliceRows(inspection), sliceColumns, options.output)
    if (shown === 0) await env.stderr.note(`no slice: ${whyNoSlices(inspection)}`)
  })
}

const sliceColumns: Column<SliceRow>[] = [
  { title: 'INTERFACE', value: ({ networkInterface }) => networkInterface || '?' },
  { title: 'VNI', value: ({ vni }) => vni },
  { title: 'INSIDE', value: ({ insideAddress }) => insideAddress },
  { title: 'PUBLIC', value: ({ publicAddress, firstPort, lastPort }) => `${publicAddress}:${firstPort}-${lastPort}` },
  { title: 'TCP', value: ({ used }) => used.tcp },
  { title: 'UDP', value: ({ used }) => used.udp },
  { title: 'ICMP', value: ({ used }) => used.icmp },
  { title: 'REFUSED', value: ({ refused }) => refused },
  { title: 'NEXT HOP', value: ({ reachable }) => (reachable ? 'resolved' : 'unresolved') },
  { title: 'GATEWAY', value: ({ gateway }) => gateway || '?' },
]

export interface DropsView {
  /** Since the maps were made. */
  translated: { out: Traffic; in: Traffic }
  dropped: { reason: string; packets: number }[]
  /** Translated, sent on, and lost by the kernel behind the redirect. */
  lost: LostRow[]
  /** Every counter of the programs by its name. */
  counters: Record<string, number>
}

interface LostRow {
  /** That was to send them; `(ifindex 7, gone)` when it is not there any more. */
  device: string
  ifindex: number
  /** Name of an errno, or QUEUE_FULL. */
  error: string
  packets: number
}

interface Traffic {
  packets: number
  bytes: number
}

export async function showDrops(env: CliEnv, options: ShowOptions): Promise<void> {
  const view = await inspect(env, options, dropsView)
  if (options.output === 'json') {
    await printJson(env.stdout, view)
    return
  }
  const { translated } = view
  const dropped = view.dropped.filter(({ packets }) => packets > 0).sort((a, b) => b.packets - a.packets)
  if (dropped.length === 0) await env.stdout.print('nothing was dropped')
  await writeTable(env.stdout, dropColumns, dropped)
  const lost = view.lost.toSorted((a, b) => b.packets - a.packets)
  if (lost.length > 0) await env.stdout.print('lost by the kernel after they were translated:')
  await writeTable(env.stdout, lostColumns, lost)
  await env.stdout.print(`translated: ${translated.out.packets} packets out, ${translated.in.packets} in`)
}

function dropsView({ plane: { maps } }: Inspection): DropsView {
  const counters = readCounters(maps)
  const traffic = (direction: 'out' | 'in'): Traffic => ({
    packets: counters[`${direction}_packets`] ?? 0,
    bytes: counters[`${direction}_bytes`] ?? 0,
  })
  return {
    translated: { out: traffic('out'), in: traffic('in') },
    dropped: Object.entries(readDrops(maps)).map(([reason, packets]) => ({ reason, packets })),
    lost: lostRows(maps),
    counters,
  }
}

function lostRows(maps: DataplaneMaps): LostRow[] {
  const losses = readLosses(maps)
  const names = losses.length === 0 ? new Map<number, string>() : deviceNames()
  return losses.map(({ ifindex, error, packets }) => {
    return { device: names.get(ifindex) ?? `(ifindex ${ifindex}, gone)`, ifindex, error, packets }
  })
}

const deviceNames = (): Map<number, string> => new Map(listHost().links.map(({ ifindex, name }) => [ifindex, name]))

const lostColumns: Column<LostRow>[] = [
  { title: 'DEVICE', value: ({ device }) => device },
  { title: 'ERROR', value: ({ error }) => error },
  { title: 'PACKETS', value: ({ packets }) => packets },
  { title: 'BECAUSE', value: ({ error, device }) => explainLoss(error, device).meaning },
]

const dropColumns: Column<DropsView['dropped'][number]>[] = [
  { title: 'REASON', value: ({ reason }) => reason },
  { title: 'PACKETS', value: ({ packets }) => packets },
]
