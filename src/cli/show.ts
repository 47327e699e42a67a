// The commands that show: slices, sessions, drops. They read; they work whether or not the agent runs.
import { readCounters, readDrops } from '../dataplane/readers.ts'
import { readSessions } from '../dataplane/session-reader.ts'
import { formatIpv4 } from '../net/ipv4.ts'
import type { CliEnv } from './env.ts'
import { inspect, sliceRows } from './inspect.ts'
import type { Inspection, SliceRow } from './inspect.ts'
import type { InstanceOptions } from './instance.ts'
import { agoOf, formatBytes, formatSeconds, printJson, writeJsonArray, writeTable } from './output.ts'
import type { Column, OutputFormat } from './output.ts'

export interface ShowOptions extends InstanceOptions {
  output: OutputFormat
}

async function show<Row>(
  env: CliEnv,
  rows: Iterable<Row>,
  columns: readonly Column<Row>[],
  output: OutputFormat,
): Promise<number> {
  return output === 'json' ? writeJsonArray(env.stdout, rows) : writeTable(env.stdout, columns, rows)
}

/** Opens the instance; where names may be missing or old, says so beside the output. */
function inspectNamed<T>(
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
  await show(env, await inspectNamed(env, options, sliceRows), sliceColumns, options.output)
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

interface SessionView {
  protocol: string
  inside: string
  public: string
  remote: string
  state: string
  ageSeconds: number
  expiresInSeconds: number
  out: { packets: number; bytes: number }
  in: { packets: number; bytes: number }
  vni: number
}

export async function showSessions(env: CliEnv, options: ShowOptions): Promise<void> {
  const rows = await inspect(env, options, ({ plane }) =>
    Array.from(readSessions(plane), (row): SessionView => ({
      protocol: row.protocol,
      inside: `${formatIpv4(row.insideAddress)}:${row.insidePort}`,
      public: `${formatIpv4(row.publicAddress)}:${row.publicPort}`,
      remote:
        row.protocol === 'icmp' ? formatIpv4(row.remoteAddress) : `${formatIpv4(row.remoteAddress)}:${row.remotePort}`,
      state: row.state === 'none' ? '' : row.state,
      ageSeconds: row.ageSeconds,
      expiresInSeconds: row.expiresInSeconds,
      out: { packets: row.outPackets, bytes: row.outBytes },
      in: { packets: row.inPackets, bytes: row.inBytes },
      vni: row.vni,
    })),
  )
  await show(env, rows, sessionColumns, options.output)
}

const sessionColumns: Column<SessionView>[] = [
  { title: 'PROTO', value: ({ protocol }) => protocol },
  { title: 'INSIDE', value: ({ inside }) => inside },
  { title: 'PUBLIC', value: (row) => row.public },
  { title: 'REMOTE', value: ({ remote }) => remote },
  { title: 'STATE', value: ({ state }) => state },
  { title: 'AGE', value: ({ ageSeconds }) => formatSeconds(ageSeconds) },
  { title: 'EXPIRES', value: ({ expiresInSeconds }) => formatSeconds(expiresInSeconds) },
  { title: 'OUT', value: ({ out }) => formatBytes(out.bytes) },
  { title: 'IN', value: (row) => formatBytes(row.in.bytes) },
]

export async function showDrops(env: CliEnv, options: ShowOptions): Promise<void> {
  const { drops, counters } = await inspect(env, options, ({ plane: { maps } }) => ({
    drops: readDrops(maps),
    counters: readCounters(maps),
  }))
  const rows = Object.entries(drops).map(([reason, packets]) => ({ reason, packets }))
  if (options.output === 'json') {
    await printJson(env.stdout, rows)
    return
  }
  const columns: Column<(typeof rows)[number]>[] = [
    { title: 'REASON', value: ({ reason }) => reason },
    { title: 'PACKETS', value: ({ packets }) => packets },
  ]
  const some = rows.filter(({ packets }) => packets > 0).sort((a, b) => b.packets - a.packets)
  if (some.length === 0) await env.stdout.print('nothing was dropped')
  await writeTable(env.stdout, columns, some)
  await env.stdout.print(`translated: ${counters.out_packets ?? 0} packets out, ${counters.in_packets ?? 0} in`)
}
