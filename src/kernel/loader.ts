// Brings an instance of the data plane into the kernel: checks, loads, pins, takes over what an earlier run left.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { MapShape } from '../dataplane/codec.ts'
import { maps as layouts } from '../dataplane/generated/layouts.ts'
import { messageOf, NatGwError } from '../errors/errors.ts'
import { BpfMap, BpfObject, BpfProgram } from '../native/load-native.ts'
import { Attachments } from './attachments.ts'
import { measureHz, readClock } from './clock.ts'
import { writeLayoutRecord } from './layout-record.ts'
import type { PinnedDataplane } from './pinned-maps.ts'
import { DataplaneMaps } from './pinned-maps.ts'
import {
  createFolders,
  ensureBpffs,
  instanceFolder,
  isBpffs,
  isPinned,
  listPins,
  removePin,
  removePins,
  replacePin,
  takeOverOlderPins,
  TRACEPOINTS,
} from './pins.ts'
import { preflight } from './preflight.ts'
import { asNativeFailure, checkLayout } from './typed-map.ts'
import type { UpgradePlan } from './upgrade.ts'
import { planUpgrade, requireFlowsKept } from './upgrade.ts'
import { keepLog } from './verifier-log.ts'

/** Entries of the maps whose size the configuration decides. */
export interface DataplaneLimits {
  maxSlices: number
  maxInterfaces: number
  /** Rounded up to a power of two: the index is a masked hash. */
  maxSessions: number
  /** Private devices, whatever their ifindex. */
  maxDevices: number
}

/** Count what the kernel loses behind the redirect (bpf/losses.h). */
const LOSS_PROGRAMS = ['nat_lost_redirect', 'nat_lost_bulk', 'nat_lost_generic'] as const

export const PROGRAMS = [
  'nat_from_private',
  'nat_from_uplink',
  'nat_pass',
  'nat_start_expiry',
  'nat_flush',
  'nat_clock',
  'nat_expire',
  'nat_slot_blocks',
  ...LOSS_PROGRAMS,
] as const
export type ProgramName = (typeof PROGRAMS)[number]

/** What opening did, for the log and for `load-bpf` to say. */
export interface OpenReport {
  /** bpffs was not mounted and is now. */
  mountedBpffs: boolean
  reusedMaps: string[]
  createdMaps: string[]
  /** Pinned maps that keep the size they were made with; `natgw unload` makes room for the wanted one. */
  keptLimits: { map: string; wanted: number; kept: number }[]
  /** Maps of another version that this one could not go on with, and why. */
  replacedMaps: { map: string; reason: string }[]
  /** Living flows that ended with the maps of another version. */
  endedFlows: number
  /** Attached programs replaced in place. */
  replacedPrograms: number
}

export interface Dataplane extends PinnedDataplane {
  readonly programs: Readonly<Record<ProgramName, BpfProgram>>
  readonly attachments: Attachments
  /** Jiffies a second. */
  readonly hz: number
  readonly report: OpenReport
  /** Closes descriptors; pins, and with them traffic, stay. */
  close(): void
}

export interface OpenOptions {
  instance: string
  limits: DataplaneLimits
  /** build/bpf/natgw.bpf.o */
  objectPath: string
  /** Where the verifier's log goes when it refuses; default: /run/natgw, where only root writes. */
  logFolder?: string
  /** Flows of another version may end, where this one cannot go on with its maps. */
  acceptFlowLoss?: boolean
}

/** Maps whose size the configuration decides. */
export const SIZED_BY: Readonly<Record<string, keyof DataplaneLimits>> = {
  slices: 'maxSlices',
  slice_states: 'maxSlices',
  interfaces: 'maxInterfaces',
  sessions: 'maxSessions',
  devices: 'maxDevices',
}

/** Maps that only count or report: made anew where their size changed. */
const DISPOSABLE: readonly string[] = [layouts.counters.name, layouts.drops.name, layouts.events.name]

/** @throws ERR_NO_ROOT, ERR_NO_BTF, ERR_NO_BPFFS, ERR_KERNEL_LACKS, ERR_BPF_LOAD, ERR_FLOWS_LIVE */
export function openDataplane(options: OpenOptions): Dataplane {
  preflight()
  const { mounted } = ensureBpffs()
  const { instance } = options
  const plan = planUpgrade(instance)
  requireFlowsKept(instance, plan, options.acceptFlowLoss ?? false)
  createFolders(instance)
  const mapReport = loadAndPin(options, plan)
  takeOverOlderPins(instance)

  const maps = new DataplaneMaps(instance)
  const programs = Object.fromEntries(
    PROGRAMS.map((name) => [name, BpfProgram.openPinned(programPath(instance, name))]),
  ) as Record<ProgramName, BpfProgram>
  const attachments = new Attachments(instance, programs)
  const replacedPrograms = attachments.replacePrograms()
  startExpiry(programs.nat_start_expiry)
  countLosses(instance, maps, programs)
  const known = maps.settings.get(0)?.hz ?? 0

  return {
    instance,
    maps,
    programs,
    attachments,
    hz: known !== 0 ? known : measureHz(programs.nat_clock),
    readClock: () => readClock(programs.nat_clock),
    report: { mountedBpffs: mounted, replacedPrograms, ...mapReport },
    close() {
      maps.close()
      for (const program of Object.values(programs)) program.close()
    },
  }
}

/**
 * Takes everything of an instance away: traffic stops being translated, flows are forgotten.
 * @returns what there was. @throws ERR_NOT_LOADED when there was nothing
 */
export function unloadDataplane(instance: string): { links: number } {
  if (!isBpffs() || !isPinned(instance)) {
    throw new NatGwError('ERR_NOT_LOADED', `instance '${instance}' is not loaded: there is nothing to unload`, {
      instance,
    })
  }
  return removePins(instance)
}

type MapReport = Omit<OpenReport, 'mountedBpffs' | 'replacedPrograms'>

/** The verifier gives up when a signal arrives meanwhile; a profiler sends many. */
const LOAD_ATTEMPTS = 3

function loadAndPin(options: OpenOptions, plan: UpgradePlan): MapReport {
  for (let attempt = 1; ; attempt++) {
    try {
      return loadAndPinOnce(options, plan)
    } catch (error) {
      const interrupted = error instanceof NatGwError && error.details['errno'] === 'EAGAIN'
      if (!interrupted || attempt === LOAD_ATTEMPTS) throw error
    }
  }
}

function loadAndPinOnce(options: OpenOptions, plan: UpgradePlan): MapReport {
  const { instance, objectPath } = options
  const object = openObject(objectPath)
  const reused = new Map<string, BpfMap>()
  const keptLimits: OpenReport['keptLimits'] = []
  try {
    for (const layout of Object.values(layouts) as MapShape[]) {
      const wanted = wantedEntries(layout, options.limits)
      const existing = plan.keep.has(layout.name)
        ? openExisting(layout, mapPath(instance, layout.name), wanted)
        : undefined
      if (existing === undefined) {
        object.setMaxEntries(layout.name, wanted)
        continue
      }
      reused.set(layout.name, existing)
      object.reuseMap(layout.name, existing)
      const kept = existing.info.maxEntries
      if (kept !== wanted) keptLimits.push({ map: layout.name, wanted, kept })
    }
    load(object, options)
    // Before the first entry of this build: a build that comes after this one must know what may be there.
    writeLayoutRecord(instance, plan.record)
    const createdMaps: string[] = []
    for (const { name } of Object.values(layouts)) {
      if (reused.has(name)) continue
      const map = object.map(name)
      replacePin(map, mapPath(instance, name))
      map.close()
      createdMaps.push(name)
    }
    for (const name of PROGRAMS) {
      const program = object.program(name)
      replacePin(program, programPath(instance, name))
      program.close()
    }
    removeUnknownPins(instance)
    return {
      reusedMaps: [...reused.keys()],
      createdMaps,
      keptLimits,
      replacedMaps: [...plan.replace],
      endedFlows: plan.flowsEnd === undefined ? 0 : (plan.flows ?? 0),
    }
  } finally {
    for (const map of reused.values()) map.close()
    object.close()
  }
}

/** What another version has and this one does not: nobody would keep it up to date. */
function removeUnknownPins(instance: string): void {
  const maps: readonly string[] = Object.values(layouts).map(({ name }) => name)
  for (const name of listPins(instance, 'maps')) if (!maps.includes(name)) removePin(mapPath(instance, name))
  const programs: readonly string[] = PROGRAMS
  for (const name of listPins(instance, 'programs')) {
    if (!programs.includes(name)) removePin(join(instanceFolder(instance), 'programs', name))
  }
}

/** The pinned map to go on with; undefined when there is none yet, or one that may be thrown away. */
function openExisting(layout: MapShape, path: string, wanted: number): BpfMap | undefined {
  if (!existsSync(path)) return undefined
  const map = BpfMap.openPinned(path)
  try {
    checkLayout(map, layout, path)
  } catch (error) {
    map.close()
    throw error
  }
  if (!DISPOSABLE.includes(layout.name) || map.info.maxEntries === wanted) return map
  map.close()
  return undefined
}

function wantedEntries({ name, maxEntries }: MapShape, limits: DataplaneLimits): number {
  const limit = SIZED_BY[name]
  if (limit === undefined) return maxEntries
  return limit === 'maxSessions' ? 2 ** Math.ceil(Math.log2(limits.maxSessions)) : limits[limit]
}

function load(object: BpfObject, { instance, objectPath, logFolder = '/run/natgw' }: OpenOptions): void {
  try {
    object.load()
  } catch (error) {
    const failure = asNativeFailure(error)
    if (failure?.code === 'EPERM') {
      throw new NatGwError(
        'ERR_NO_ROOT',
        `the kernel does not let this process load BPF programs: ${failure.message}`,
        {},
        {
          cause: error,
        },
      )
    }
    const log = failure?.log ?? ''
    const logPath = join(logFolder, `${instance}.verifier.log`)
    const where = `the whole log, ${log.split('\n').length} lines, ${keepLog(logPath, log)}`
    const reason = refusal(log)
    throw new NatGwError(
      'ERR_BPF_LOAD',
      `the kernel refused ${objectPath}: ${messageOf(error)}${reason === undefined ? '' : ` (${reason})`}; ${where}`,
      { path: objectPath, log: logPath, errno: failure?.code },
      { cause: error },
    )
  }
}

/** The verifier's last word, which it says right before its statistics. */
export function refusal(log: string): string | undefined {
  const lines = log.split('\n')
  const statistics = lines.findIndex((line) => line.startsWith('processed '))
  return statistics > 0 ? lines[statistics - 1]?.trim() : lines.findLast((line) => line.trim() !== '')?.trim()
}

function openObject(path: string): BpfObject {
  try {
    return new BpfObject(readFileSync(path), 'natgw')
  } catch (error) {
    throw new NatGwError(
      'ERR_BPF_LOAD',
      `${path} is not a BPF object that can be loaded: ${messageOf(error)}; \`npm run build:bpf\` makes it`,
      { path },
      { cause: error },
    )
  }
}

/** Attaches what counts losses, before what an earlier load attached ends. */
function countLosses(instance: string, maps: DataplaneMaps, programs: Readonly<Record<ProgramName, BpfProgram>>): void {
  maps.lossScope.set(0, statSync('/proc/thread-self/ns/net').ino)
  for (const name of LOSS_PROGRAMS) {
    const link = programs[name].attachTracepoint()
    try {
      replacePin(link, join(instanceFolder(instance), TRACEPOINTS, name))
    } finally {
      link.close()
    }
  }
}

/** Arms the kernel's own expiry timer. Doing it again makes the timer call the new programs' code. */
function startExpiry(program: BpfProgram): void {
  const XDP_PASS = 2
  const { retval } = program.testRun({ data: new Uint8Array(64) })
  if (retval !== XDP_PASS) {
    throw new NatGwError(
      'ERR_BPF_LOAD',
      `the expiry of sessions could not be started: nat_start_expiry returned ${retval}`,
    )
  }
}

function mapPath(instance: string, name: string): string {
  return join(instanceFolder(instance), 'maps', name)
}

function programPath(instance: string, name: ProgramName): string {
  return join(instanceFolder(instance), 'programs', name)
}
